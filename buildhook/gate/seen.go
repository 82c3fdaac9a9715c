package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leakscan/leakscan/buildhook/known"
)

// A step of a build is cached without regard to the value of its secrets: after
// a rotation it still ships the old one. So fingerprints of the values that
// were seen are kept, and looked for along with those of today.

// seenFile is where they are, in Options.State.
const seenFile = "seen"

// How a value of the past is named: the build is given another one now, or none
// of that name, and then nothing says that it is old.
const (
	earlier     = "an earlier value of "
	givenBefore = "what an earlier build was given as "
)

// maxSeen bounds the spellings that are kept. Beyond it the past is forgotten:
// they are sorted by nothing that says which are the oldest.
const maxSeen = 100_000

// prints are the fingerprints for the step: of the values that are known, and
// of those that were. They are remembered.
func (g *Gate) prints() ([]byte, error) {
	g.seenMu.Lock()
	defer g.seenMu.Unlock()
	now := &known.Prints{}
	if values := g.values(); !values.Empty() {
		var err error
		if now, err = known.Parse(values.Prints()); err != nil {
			return nil, err
		}
	}
	stored, err := g.seen()
	if err != nil {
		return nil, err
	}
	all := now.Join(stored, func(name string) string {
		if g.isGiven(name) {
			return earlier + name
		}
		return givenBefore + name
	})
	if kept := g.lasting(); !kept.Empty() && g.o.State != "" {
		if err := g.remember(kept.Join(stored, nil)); err != nil {
			return nil, fmt.Errorf("keeping fingerprints of this build's secrets: %w", err)
		}
	}
	if all.Empty() {
		return nil, nil
	}
	return all.Bytes(), nil
}

// isGiven says whether the build is given a secret of a name.
func (g *Gate) isGiven(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.given, func(v known.Value) bool { return v.Name == name })
}

// lasting are the fingerprints of what has a name that means the same in the
// next build: not of a registry's token.
func (g *Gate) lasting() *known.Prints {
	g.mu.Lock()
	var values []known.Value
	for _, v := range g.given {
		if strings.HasPrefix(v.Name, "the secret ") || strings.HasPrefix(v.Name, "the build argument ") {
			values = append(values, v)
		}
	}
	g.mu.Unlock()
	p, err := known.Parse(known.New(g.o.Key, values).Prints())
	if err != nil {
		return &known.Prints{}
	}
	return p
}

// seen reads the fingerprints of earlier values.
func (g *Gate) seen() (*known.Prints, error) {
	if g.o.State == "" {
		return &known.Prints{}, nil
	}
	name := filepath.Join(g.o.State, seenFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return &known.Prints{}, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := known.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s, fingerprints of the secrets of earlier builds: %w; remove the file to go on without them", name, err)
	}
	return p, nil
}

func (g *Gate) remember(p *known.Prints) error {
	if p.Len() > maxSeen {
		p = g.lasting()
	}
	f, err := os.CreateTemp(g.o.State, ".seen-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(p.Bytes())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(g.o.State, seenFile))
}
