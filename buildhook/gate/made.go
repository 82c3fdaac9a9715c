package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/report"
)

// An engine names an image by what is in it: a build whose steps are all cached
// ends with an image that was there before, with the user's names on it. So the
// gate notes what there is before a build, and takes away only what is new.

// images are those of the engine, by their IDs, also those without a name.
func (e *Engine) images(ctx context.Context) (map[string]bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Base+"/images/json?all=1", nil)
	if err != nil {
		return nil, err
	}
	res, err := e.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("listing the engine's images: %s", res.Status)
	}
	ids := map[string]bool{}
	d := json.NewDecoder(res.Body) // there may be thousands, with all their labels
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		var image struct{ ID string }
		if err := d.Decode(&image); err != nil {
			return nil, err
		}
		ids[bareID(image.ID)] = true
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return ids, nil
}

func bareID(id string) string { return strings.TrimPrefix(id, "sha256:") }

// madeImage is what the engine says of an image.
type madeImage struct {
	Parent   string
	RepoTags []string
}

// inspect asks for an image; nil: there is none.
func (e *Engine) inspect(ctx context.Context, id string) (*madeImage, error) {
	out, err := e.call(ctx, http.MethodGet, "/images/"+url.PathEscape(id)+"/json", nil, "")
	var answer *apiError
	if errors.As(err, &answer) && answer.code == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &madeImage{}
	if err := json.Unmarshal(out, m); err != nil {
		return nil, err
	}
	m.RepoTags = slices.DeleteFunc(m.RepoTags, func(t string) bool { return strings.HasPrefix(t, "<none>") })
	return m, nil
}

// takeAway deletes an image that was made without a name, and those that it was
// made on, as far as they were not there before; before is nil if that is not
// known. What stays is said in left: it was there, or somebody has named it.
func (e *Engine) takeAway(ctx context.Context, id string, before map[string]bool) (left string, err error) {
	image, err := e.inspect(ctx, id)
	switch {
	case image == nil && err == nil:
		return "", nil // somebody was faster
	case before == nil:
		return "it is left: whether it was there before this build is not known", nil
	case before[bareID(id)] && err == nil && len(image.RepoTags) > 0:
		return fmt.Sprintf("it is left, since it was there before this build: %s", report.Escape(strings.Join(image.RepoTags, ", "))), nil
	case before[bareID(id)]:
		return "it is left, since it was there before this build", nil
	case err != nil:
		return "", err
	case len(image.RepoTags) > 0:
		return fmt.Sprintf("it is left, since it has got a name meanwhile: %s", report.Escape(strings.Join(image.RepoTags, ", "))), nil
	}
	for first := true; ; first = false {
		// The engine would delete what is below too, if only it has no name.
		_, err := e.call(ctx, http.MethodDelete, "/images/"+url.PathEscape(id)+"?noprune=1", nil, "")
		if err != nil && first {
			return "", err
		}
		if err != nil || image.Parent == "" || image.Parent == id || before[bareID(image.Parent)] {
			return "", nil // of what is below, something else is in use
		}
		id = image.Parent
		if image, err = e.inspect(ctx, id); err != nil || image == nil || len(image.RepoTags) > 0 {
			return "", nil
		}
	}
}
