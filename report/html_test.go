package report

import (
	"encoding/json"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func toHTML(t testing.TB, r *Report, o HTMLOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteHTML(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTMLGolden(t *testing.T) {
	golden(t, "report.html", []byte(toHTML(t, sample(), HTMLOptions{})))
}

// element is a start tag of a page, and the text up to the next tag.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

var (
	tagStart = regexp.MustCompile(`^<(/?)([A-Za-z][A-Za-z0-9]*)`)
	tagAttr  = regexp.MustCompile(`^\s+([a-zA-Z:_-]+)(?:="([^"]*)")?`)
)

// parseHTML takes a page apart as a browser does, and refuses all that a
// browser would have to guess: a stray <, an attribute without quotes, a
// comment. Elements whose text is raw end at their end tag only.
func parseHTML(t *testing.T, page string) []element {
	t.Helper()
	rest, ok := strings.CutPrefix(page, "<!DOCTYPE html>\n")
	if !ok {
		t.Fatalf("the page begins with %.40q", page)
	}
	void := []string{"meta", "path", "circle", "input"}
	var all []element
	var open []string
	for {
		text, from := rest, strings.IndexByte(rest, '<')
		if from >= 0 {
			text = rest[:from]
		}
		if strings.Contains(text, ">") {
			t.Fatalf("a stray > in %.200q", text)
		}
		if len(all) > 0 {
			all[len(all)-1].text += html.UnescapeString(text)
		}
		if from < 0 {
			break
		}
		rest = rest[from:]
		m := tagStart.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("no tag: %.80q", rest)
		}
		name := strings.ToLower(m[2])
		rest = rest[len(m[0]):]
		e := element{name: name, attrs: map[string]string{}}
		for {
			a := tagAttr.FindStringSubmatch(rest)
			if a == nil {
				break
			}
			if _, twice := e.attrs[a[1]]; twice {
				t.Fatalf("<%s> has %s twice", name, a[1])
			}
			e.attrs[a[1]] = html.UnescapeString(a[2])
			rest = rest[len(a[0]):]
		}
		selfClosed := strings.HasPrefix(rest, "/>")
		rest = strings.TrimPrefix(rest, "/")
		if !strings.HasPrefix(rest, ">") {
			t.Fatalf("<%s> does not end: %.80q", name, rest)
		}
		rest = rest[1:]
		if m[1] != "" {
			if len(open) == 0 || open[len(open)-1] != name || len(e.attrs) > 0 {
				t.Fatalf("</%s> in %v", name, open)
			}
			open = open[:len(open)-1]
			all = append(all, element{name: "/" + name})
			continue
		}
		all = append(all, e)
		switch {
		case selfClosed, slices.Contains(void, name):
		case name == "script", name == "style", name == "title":
			end := strings.Index(rest, "</"+name+">")
			if end < 0 {
				t.Fatalf("<%s> does not end", name)
			}
			all[len(all)-1].text = rest[:end]
			rest = rest[end+len("</"+name+">"):]
			all = append(all, element{name: "/" + name})
		default:
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		t.Fatalf("%v do not end", open)
	}
	return all
}

func named(all []element, name string) (found []element) {
	for _, e := range all {
		if e.name == name {
			found = append(found, e)
		}
	}
	return found
}

// htmlData is what the script reads.
type htmlData struct {
	All      bool          `json:"all"`
	Images   []htmlImage   `json:"images"`
	Findings []htmlFinding `json:"findings"`
	Texts    []string      `json:"texts"`
}

// checkPage holds a page to what every page must be, and gives its data.
func checkPage(t *testing.T, page string) (htmlData, []element) {
	t.Helper()
	inert(t, "HTML", page)
	all := parseHTML(t, page)

	// Nothing but what this package writes: no element, attribute or address
	// comes from a report.
	elements := strings.Fields("html head meta title style body a div header nav main section svg path circle h1 h2 p dl dt dd ul ol li span strong b code pre details summary noscript footer script")
	attributes := strings.Fields("lang charset http-equiv content name class href id hidden role aria-label aria-labelledby aria-live aria-hidden tabindex viewBox width height d cx cy r data-image open type")
	for _, e := range all {
		if !slices.Contains(elements, strings.TrimPrefix(e.name, "/")) {
			t.Errorf("an element %q", e.name)
		}
		for name, v := range e.attrs {
			if !slices.Contains(attributes, name) {
				t.Errorf("<%s> has an attribute %s", e.name, name)
			}
			if name == "href" && !slices.Contains([]string{"#findings", "#images", "#gaps"}, v) {
				t.Errorf("a link to %q", v)
			}
		}
	}

	scripts, styles := named(all, "script"), named(all, "style")
	if len(scripts) != 2 || len(styles) != 1 || scripts[0].attrs["type"] != "application/json" || scripts[0].attrs["id"] != "data" || len(scripts[1].attrs) != 0 {
		t.Fatalf("%d scripts and %d styles", len(scripts), len(styles))
	}
	if scripts[1].text != htmlScript || styles[0].text != htmlStyle {
		t.Error("the script or the style is not the one of this package")
	}
	policy := named(all, "meta")[1]
	if policy.attrs["http-equiv"] != "Content-Security-Policy" {
		t.Fatalf("the policy does not come first: %v", policy.attrs)
	}
	directives := map[string]string{}
	for d := range strings.SplitSeq(policy.attrs["content"], ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
		directives[name] = value
	}
	want := map[string]string{
		"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'",
		"style-src": policyDigest(styles[0].text), "script-src": policyDigest(scripts[1].text),
		"require-trusted-types-for": "'script'", "trusted-types": "'none'",
	}
	if !reflect.DeepEqual(directives, want) {
		t.Errorf("the policy is\n%v, want\n%v", directives, want)
	}

	if i := strings.IndexAny(scripts[0].text, "<>&"); i >= 0 {
		t.Errorf("the data holds markup: %.60q", scripts[0].text[i:])
	}
	var data htmlData
	dec := json.NewDecoder(strings.NewReader(scripts[0].text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&data); err != nil {
		t.Fatal(err)
	}
	return data, all
}

// pageText is what a reader without JavaScript sees.
func pageText(all []element) string {
	var b strings.Builder
	for _, e := range all {
		if e.name != "script" && e.name != "style" {
			b.WriteString(e.text + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestHTMLData(t *testing.T) {
	r := sample()
	r.Findings[0].Info, r.Findings[0].Note, r.Findings[0].Revoke = "an example", "it expires on 2027-01-31", "Revoke it at https://example.org/?a=1&b=2."
	data, _ := checkPage(t, toHTML(t, r, HTMLOptions{}))
	if len(data.Findings) != len(r.Findings) || len(data.Images) != len(r.Images) {
		t.Fatalf("%d findings of %d images", len(data.Findings), len(data.Images))
	}
	if data.Texts[0] != "" {
		t.Errorf("text 0 is %q", data.Texts[0])
	}
	same := func(what, got, want string) {
		t.Helper()
		if got != Escape(want) {
			t.Errorf("%s is %q, want %q", what, got, Escape(want))
		}
	}
	for i, d := range data.Findings {
		f := &r.Findings[i]
		same("rule", data.Texts[d.Rule], f.Rule)
		same("title", data.Texts[d.Title], f.Title)
		same("description", data.Texts[d.Description], f.Description)
		same("severity", data.Texts[d.Severity], string(f.Severity))
		same("confidence", data.Texts[d.Confidence], string(f.Confidence))
		same("secret", d.Secret, f.Secret.String())
		same("key", d.Key, f.Key)
		same("fingerprint", d.Fingerprint, f.Fingerprint)
		same("id", d.ID, f.Fingerprint)
		same("info", data.Texts[d.Info], f.Info)
		same("note", data.Texts[d.Note], f.Note)
		same("fix", data.Texts[d.Fix], f.Fix)
		same("revoke", data.Texts[d.Revoke], f.Revoke)
		if d.Leak != (Threshold{}).Reached(f.Severity, f.Confidence) {
			t.Errorf("%s: leak is %v", f.Rule, d.Leak)
		}
		if len(d.Locations) != len(f.Locations) {
			t.Fatalf("%s has %d locations, want %d", f.Rule, len(d.Locations), len(f.Locations))
		}
		for k, dl := range d.Locations {
			l := &f.Locations[k]
			if got, want := dl.Before+dl.Path+dl.At+dl.After, whereWords(l, 1<<30); got != want {
				t.Errorf("where is %q, want %q", got, want)
			}
			same("path", dl.Path, l.Path)
			same("instruction", data.Texts[dl.Instruction], l.instruction())
			if got := data.Texts[dl.FateSays]; got != fateSentence(l) {
				t.Errorf("fate says %q, want %q", got, fateSentence(l))
			}
			if dl.Extract != escapeCommand(l.Extract) || dl.Image != l.Image {
				t.Errorf("got %+v for %+v", dl, l)
			}
			if layer := dl.Layer; l.Layer == nil && layer != htmlNoLayer || l.Layer != nil && layer != l.Layer.Index {
				t.Errorf("layer %d for %+v", layer, l.Layer)
			}
		}
	}
}

// A path of few letters may stand in the words around it too.
func TestHTMLWhereParts(t *testing.T) {
	for _, l := range []Location{
		{Place: PlaceFileName, Path: "t"}, {Place: PlaceHeader, Path: "a"}, {Place: PlaceFile, Path: ":3", Line: 3, Column: 1}, {Place: PlaceUnparsed},
		{Place: PlaceFile, Path: `\u{e000}`, Layer: &LayerRef{Index: 1, Of: 2}}, {Place: PlaceUnparsed, Path: "p", Offset: 7}, {Place: "e", Path: "e"},
	} {
		before, path, at, after := whereParts(&l)
		if got, want := before+path+at+after, whereWords(&l, 1<<30); got != want || path != Escape(l.Path) {
			t.Errorf("%q %q %q %q, want %q", before, path, at, after, want)
		}
	}
}

// Whichever field an attacker gets to write, nothing of it becomes markup.
func TestHTMLIsInert(t *testing.T) {
	for _, evil := range []string{
		hostile, "</script><script>alert(1)</script>", "<!--", "<!--<script>", "]]>", "-->", "\x1b[2J", "a\rb", "\u202egnp.", "=cmd|' /C calc'!A0", "::stop-commands::x",
		"\n::add-mask::x", "##vso[task.setvariable]x", `" onload="alert(1)`, "' onclick='alert(1)", "</style>", "</noscript><img src=x onerror=alert(1)>", "</title>", "javascript:alert(1)",
		"&lt;script&gt;", "\u2028\u2029\x00\xff", "__proto__", "verdict",
	} {
		r := sample()
		poison(reflect.ValueOf(r).Elem(), evil)
		for i := range r.Findings {
			r.Findings[i].Secret = PreviewOf(redacted(evil))
		}
		for i := range r.Gaps {
			r.Gaps[i].Frame = evil
			r.Gaps[i].Tried = []Attempt{{evil, evil}}
		}
		r.Findings[0].Locations[0].Suppressed = &Suppression{evil, evil, evil, evil}
		data, all := checkPage(t, toHTML(t, r, HTMLOptions{All: true, Threshold: Threshold{Severity: Severity(evil), Confidence: Confidence(evil)}}))
		for _, f := range data.Findings {
			if f.Secret != Escape(evil) || f.Key != Escape(evil) || data.Texts[f.Fix] != Escape(evil) || f.Locations[0].Path != Escape(evil) {
				t.Errorf("%q became %+v", evil, f)
			}
		}
		if !strings.Contains(pageText(all), strings.Join(strings.Fields(Escape(evil)), " ")) {
			t.Errorf("%q is not in the page", evil)
		}
	}
}

func TestHTMLVerdict(t *testing.T) {
	leak := Finding{Rule: "r", Title: "A key", Severity: SeverityHigh, Confidence: ConfidenceHigh, Secret: PreviewOf(redacted("ab…(9 characters)")), Locations: []Location{{Place: PlaceFile, Path: "app/.env", Line: 3}}}
	low, harmless, suppressed := leak, leak, leak
	low.Severity, harmless.Severity = SeverityLow, SeverityInfo
	suppressed.Locations = []Location{{Place: PlaceFile, Path: "app/.env", Suppressed: &Suppression{By: ".leakscan.toml:3", Reason: "a test account"}}}
	for _, tt := range []struct {
		name     string
		findings []Finding
		gaps     []Gap
		never    bool
		class    string
		want     []string
	}{
		{"clean", nil, nil, false, "clean", []string{"Clean: no secrets found", "not read: nothing", "critical 0", "no findings"}},
		{"leaks", []Finding{leak}, nil, false, "leaks", []string{"Leaks found", "1 finding (1 high)", "at least medium severity and medium confidence: 1 is.", "high 1", "A key ab…(9 characters) app/.env:3"}},
		{"below", []Finding{low}, nil, false, "clean", []string{"No leaks: no finding reaches the threshold", "1 finding (1 low)", ": 0 are."}},
		{"harmless", []Finding{harmless}, nil, false, "clean", []string{"Clean: no secrets found", "harmless 1", "no findings"}},
		{"suppressed", []Finding{suppressed}, nil, false, "clean", []string{"Clean: no secrets that count, and 1 that your own files take back", "high 0", "suppressed 1", "no findings"}},
		{"never", []Finding{leak}, nil, true, "clean", []string{"The threshold is never"}},
		{"incomplete", nil, []Gap{{Kind: GapMissing, Blob: "sha256:aa", Reason: "gone", Bytes: 1e6, Hint: "pull it"}}, false, "incomplete",
			[]string{"INCOMPLETE: no leak in what was read", "1 gap, at least 1.0 MB", "missing", "gone (1.0 MB)", "sha256:aa", "hint: pull it"}},
		{"both", []Finding{leak}, []Gap{{}}, false, "leaks", []string{"Leaks found, and the scan is INCOMPLETE"}},
	} {
		r := cleanSample()
		r.Findings, r.Gaps = tt.findings, tt.gaps
		o := HTMLOptions{}
		if tt.never {
			o.Threshold.Severity = "never"
		}
		page := toHTML(t, r, o)
		_, all := checkPage(t, page)
		text := pageText(all)
		for _, w := range tt.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not in\n%s", tt.name, w, text)
			}
		}
		if !strings.Contains(page, `class="verdict `+tt.class+`"`) {
			t.Errorf("%s: it is not painted as %s", tt.name, tt.class)
		}
	}
	_, all := checkPage(t, toHTML(t, &Report{Complete: true}, HTMLOptions{}))
	if text := pageText(all); !strings.Contains(text, "Nothing was scanned") {
		t.Error(text)
	}
	checkPage(t, toHTML(t, &Report{}, HTMLOptions{}))
}

// Findings of severity info are in the data either way.
func TestHTMLAll(t *testing.T) {
	r := sample()
	r.Findings[0].Severity = SeverityInfo
	some, page := checkPage(t, toHTML(t, r, HTMLOptions{}))
	all, pageAll := checkPage(t, toHTML(t, r, HTMLOptions{All: true}))
	if some.All || !all.All || len(some.Findings) != len(all.Findings) {
		t.Errorf("all is %v and %v", some.All, all.All)
	}
	if strings.Contains(pageText(page), "info AWS") || !strings.Contains(pageText(pageAll), "info AWS") {
		t.Error("the list for readers without JavaScript does not go by All")
	}
}

// Equal scans give equal bytes, however long they took.
func TestHTMLHoldsNoTime(t *testing.T) {
	r := sample()
	a := toHTML(t, r, HTMLOptions{})
	elapsed := r.Stats.Elapsed
	r.Stats.Elapsed *= 7
	if a != toHTML(t, r, HTMLOptions{}) {
		t.Error("the page tells how long the scan took")
	}
	if r.Stats.Elapsed != 7*elapsed {
		t.Error("WriteHTML changed the report")
	}
}

// Links need an id for each finding, also where two have one fingerprint.
func TestHTMLIDs(t *testing.T) {
	r := cleanSample()
	for _, fp := range []string{"a", "a~2", "a", "a", "", ""} {
		r.Findings = append(r.Findings, Finding{Fingerprint: fp, Locations: []Location{{}}})
	}
	data, _ := checkPage(t, toHTML(t, r, HTMLOptions{}))
	var ids []string
	for _, f := range data.Findings {
		ids = append(ids, f.ID)
	}
	if want := []string{"a", "a~2", "a~3", "a~4", "finding", "finding~2"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
}

func TestHTMLSuppressed(t *testing.T) {
	r := sample()
	for i := range r.Findings[0].Locations {
		r.Findings[0].Locations[i].Suppressed = &Suppression{By: ".leakscan.toml:3", Reason: "a test account", Owner: "ops", Until: "2027-01-31"}
	}
	r.Findings[1].Locations[0].Suppressed = &Suppression{By: ".leakscan.toml:9"}
	data, _ := checkPage(t, toHTML(t, r, HTMLOptions{}))
	if f := data.Findings[0]; !f.Suppressed || f.Leak || data.Texts[f.Locations[0].Suppressed] != "suppressed by .leakscan.toml:3, until 2027-01-31, owner ops: a test account" {
		t.Errorf("got %+v", f)
	}
	if f := data.Findings[1]; f.Suppressed || !f.Leak || data.Texts[f.Locations[0].Suppressed] != "suppressed by .leakscan.toml:9" || data.Texts[f.Locations[1].Suppressed] != "" {
		t.Errorf("got %+v", f)
	}
}

func TestHTMLNonsense(t *testing.T) {
	r := &Report{
		Images:   []Image{{Layers: []Layer{{Index: -3, Size: -1, Bytes: 1 << 62, Files: -1}, {Size: 1 << 62}}}, {}},
		Findings: []Finding{{}, {Locations: []Location{{Image: -1, Line: -1}, {Image: 99, Layer: &LayerRef{Index: -1, Of: -1}}}}},
		Gaps:     []Gap{{}, {Image: index(-7), Bytes: -1}, {Image: index(7), Bytes: 1 << 62}},
		Notes:    []Note{{Image: index(7)}},
		Stats:    Stats{Bytes: -1, Files: -1 << 63, Elapsed: -1},
	}
	checkPage(t, toHTML(t, r, HTMLOptions{}))
	r.Gaps, r.Notes = make([]Gap, maxHTMLGaps+21), make([]Note, maxHTMLNotes+21)
	r.Findings = make([]Finding, maxHTMLUnscript+21)
	_, all := checkPage(t, toHTML(t, r, HTMLOptions{}))
	if n := strings.Count(pageText(all), "and 21 more (-o json has all)"); n != 3 {
		t.Errorf("%d lists are cut, want 3", n)
	}
}

func TestHTMLWriteError(t *testing.T) {
	if err := WriteHTML(brokenWriter{}, sample(), HTMLOptions{}); err == nil || !strings.Contains(err.Error(), "HTML report") {
		t.Errorf("got %v", err)
	}
}

// What the policy forbids, and what would go round the text nodes, is not in
// the script.
func TestHTMLScript(t *testing.T) {
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest", "import(", "localStorage", "http:", "https:", "</", "<!--"} {
		if strings.Contains(htmlScript, bad) || strings.Contains(htmlStyle, bad) {
			t.Errorf("%s", bad)
		}
	}
	if strings.Contains(htmlStyle, "url(") || strings.Contains(htmlStyle, "@import") {
		t.Error("the style fetches something")
	}
}

// manyFindings is a report as big as reports get.
func manyFindings(n int) *Report {
	r := cleanSample()
	img := &r.Images[0]
	for i := 2; i <= 24; i++ {
		img.Layers = append(img.Layers, Layer{Index: i, Codec: "gzip", Size: int64(i) * 1_000_003, Bytes: int64(i) * 3e6, Files: int64(i) * 41, Instruction: fmt.Sprintf("RUN /bin/sh -c make step-%d # buildkit", i)})
	}
	severities := []Severity{SeverityMedium, SeverityHigh, SeverityLow, SeverityInfo, SeverityCritical}
	fates := []Fate{FatePresent, FateDeleted, FateOverwritten, FateOpaque}
	for i := range n {
		f := Finding{
			Rule: fmt.Sprintf("rule-%d", i%40), Title: fmt.Sprintf("Access token of service %d", i%40), Description: fmt.Sprintf("Whoever has it can act as its owner at service %d.", i%40),
			Severity: severities[i%5], Confidence: []Confidence{ConfidenceHigh, ConfidenceMedium, ConfidenceLow}[i%3], Key: fmt.Sprintf("SERVICE_%d_TOKEN", i%40),
			Secret: PreviewOf(redacted(fmt.Sprintf("tok_%02x…(40 characters)", i%256))), Fingerprint: fmt.Sprintf("%024x", i), Fix: "Rotate it, and mount it with RUN --mount=type=secret.", Revoke: fmt.Sprintf("Revoke it in the console of service %d.", i%40),
		}
		for k := range 1 + i%3 {
			layer := 1 + (i+k)%24
			path := fmt.Sprintf("srv/app/module-%d/config/settings-%d.yaml", i, k)
			f.Locations = append(f.Locations, Location{
				Place: PlaceFile, Path: path, Line: 1 + i%400, Column: 12, Offset: int64(i), Fate: fates[(i+k)%4], FateLayer: min(layer+1, 24), Fingerprint: fmt.Sprintf("%024x", i+k*n),
				Layer:   &LayerRef{Index: layer, Of: 24, Digest: digest(layer), DiffID: digest(layer + 100), Instruction: fmt.Sprintf("RUN /bin/sh -c make step-%d # buildkit", layer)},
				Extract: fmt.Sprintf("leakscan extract myapp:1.5 %d:/%s", layer, path),
			})
			r.Stats.Locations++
		}
		f.Fingerprint = f.Locations[0].Fingerprint
		r.Findings = append(r.Findings, f)
	}
	r.Sort()
	return r
}

func BenchmarkHTML(b *testing.B) {
	r := manyFindings(20_000)
	for b.Loop() {
		b.SetBytes(int64(len(toHTML(b, r, HTMLOptions{}))))
	}
}
