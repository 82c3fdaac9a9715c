package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/leakscan/leakscan/report"
)

// quote makes a string of JavaScript.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// all presses "Show more" until nothing is left, and gives the IDs in the list.
func (b *tab) all() []string {
	b.Helper()
	return eval[[]string](b, `(() => {
		for (let more; more = [...document.querySelectorAll('button.more')].find(e => !e.hidden);) more.click();
		return [...document.querySelectorAll('#list article')].map(a => a.id);
	})()`)
}

// shows holds the list to a filter: the count, and every finding.
func (b *tab) shows(r *report.Report, w filter) {
	b.Helper()
	b.until("document.getElementById('count').textContent === " + quote(w.count(r)))
	want := w.of(r)
	if got := b.all(); !slices.Equal(got, want) {
		b.Errorf("%+v: %d findings are in the list, want %d", w, len(got), len(want))
	}
	if bad := eval[int](b, `[...document.querySelectorAll('#list article')].filter((a, i, all) => a.ariaPosInSet !== String(i + 1) || a.ariaSetSize !== String(all.length)).length`); bad != 0 {
		b.Errorf("%+v: %d findings don't know their place in the list", w, bad)
	}
}

// chip presses a button of a group of filters.
func (b *tab) chip(group, word string) {
	b.Helper()
	if !eval[bool](b, fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll('[aria-label="by %s"] .chip:not(.rest)')].find(e => e.firstElementChild.textContent === %s);
		if (!e || e.hidden) return false;
		e.click();
		return true;
	})()`, group, quote(word))) {
		b.Fatalf("there is no %s %q", group, word)
	}
}

func (b *tab) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses keys, one after the other. chromedp's own KeyEvent types a
// character also where the page has taken its key for something else.
func (b *tab) press(keys string) {
	b.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		if len(events) == 3 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		call(b, input.DispatchKeyEvent, down)
		call(b, input.DispatchKeyEvent, up)
	}
}

// search replaces what is in the search box, key by key, and waits until the
// page has seen all of it.
func (b *tab) search(words string) {
	b.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#search")))
	eval[bool](b, "document.getElementById('search').select() || true")
	if words == "" {
		b.press(kb.Backspace)
	} else {
		b.press(words)
	}
	b.until("(new URLSearchParams(location.hash.slice(2)).get('q') || '') === " + quote(words))
}

// The tests below rely on it.
func TestWatch(t *testing.T) {
	b := newTab(t)
	for _, tt := range []struct{ bad, want string }{
		{`console.warn('so')`, "console warning"},
		{`setTimeout(() => { throw new Error('so'); })`, "uncaught"},
		{`document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/'}))`, "img-src"},
		{`document.body.setAttribute('style', 'color: red')`, "style-src"},
		{`setTimeout(() => { document.body.innerHTML = 'so'; })`, "TrustedHTML"},
		{`alert('so')`, "a dialog"},
		{`open('about:blank')`, "a request"},
	} {
		b.open(toHTML(t, sample(1), report.HTMLOptions{}), "")
		if p := b.seen(); len(p) != 0 {
			t.Fatalf("before %s: %q", tt.bad, p)
		}
		eval[chromedp.Void](b, tt.bad+"; 0")
		var all []string
		for end := time.Now().Add(patience); !strings.Contains(strings.Join(all, "\n"), tt.want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s was not noticed, only %q", tt.bad, all)
			}
			all = append(all, b.seen()...)
		}
		b.do(chromedp.Navigate("about:blank"))
		b.seen()
	}
}

func TestFilters(t *testing.T) {
	r := sample(260)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	b.shows(r, filter{})

	// Every value of every group, by itself.
	words := map[string]string{"present": "in the final image", "deleted": "deleted later", "overwritten": "overwritten later", "opaque": "hidden later", "unknown": "not known"}
	word := func(v string) string {
		if w := words[v]; w != "" {
			return w
		}
		return v
	}
	images := []string{"myapp:1.5 (linux/amd64)", "myapp:1.5 (linux/arm64)"}
	eval[bool](b, `document.querySelector('[aria-label="by rule"] .rest').click() || true`)
	for _, aside := range []bool{false, true} {
		if aside {
			b.click("#info")
			b.shows(r, filter{aside: true})
		}
		try := func(group, word string, w filter) {
			t.Helper()
			w.aside = aside
			if len(w.of(r)) == 0 || len(w.of(r)) == len(filter{aside: aside}.of(r)) {
				t.Fatalf("%s %s leaves none or all: it tells nothing", group, word)
			}
			n := eval[string](b, fmt.Sprintf(`[...document.querySelectorAll('[aria-label="by %s"] .chip')].find(e => e.firstElementChild.textContent === %s).lastElementChild.textContent`, group, quote(word)))
			if n != fmt.Sprint(len(w.of(r))) {
				t.Errorf("%s %s says %s, want %d", group, word, n, len(w.of(r)))
			}
			b.chip(group, word)
			b.shows(r, w)
			b.chip(group, word)
		}
		for _, v := range []string{"critical", "high", "medium", "low", "unrated"} {
			try("severity", v, filter{severity: []string{v}})
		}
		for _, v := range []string{"high", "medium", "low"} {
			try("confidence", v, filter{confidence: []string{v}})
		}
		for _, v := range []string{"present", "deleted", "overwritten", "opaque", "unknown"} {
			try("fate", word(v), filter{fate: []string{v}})
		}
		for i, v := range images {
			try("image", v, filter{image: []string{fmt.Sprint(i)}})
		}
		for i := range sampleRules {
			try("rule", sampleRule(i), filter{rule: []string{sampleRule(i)}})
		}
		b.shows(r, filter{aside: aside})
	}
	b.click("#info")

	// Values of a group add up, groups narrow, and what is asked of a place
	// holds for one place.
	w := filter{severity: []string{"critical", "high"}}
	b.chip("severity", "critical")
	b.chip("severity", "high")
	b.shows(r, w)
	b.chip("fate", "deleted later")
	w.fate = []string{"deleted"}
	b.shows(r, w)
	eval[bool](b, `document.querySelector('[data-key="1.4"]').click() || true`)
	w.layer = []string{"1.4"}
	if len(w.of(r)) == 0 {
		t.Fatal("the filter leaves none")
	}
	b.shows(r, w)
	before := len(w.of(r))
	b.search("settings-1")
	w.words = []string{"settings-1"}
	if n := len(w.of(r)); n == 0 || n == before {
		t.Fatalf("the search leaves %d of %d", n, before)
	}
	b.shows(r, w)

	// All of it is in the address, for whoever opens that.
	address := eval[string](b, "location.hash")
	other := newTab(t)
	other.open(toHTML(t, r, report.HTMLOptions{}), address)
	other.shows(r, w)
	if got := eval[string](other, "document.getElementById('search').value"); got != "settings-1" {
		t.Errorf("the search box says %q", got)
	}
	if n := eval[int](other, `document.querySelectorAll('.chip[aria-pressed=true]').length`); n != 4 {
		t.Errorf("%d filters are shown as chosen, want 4", n)
	}

	b.click("#layers-on .chip")
	w.layer = nil
	b.shows(r, w)
	b.click("#clear")
	if got := eval[string](b, "document.getElementById('search').value + location.hash + document.activeElement.id"); got != "search" {
		t.Errorf("without filters: %q", got)
	}
	b.shows(r, filter{})
	if !eval[bool](b, "document.getElementById('clear').hidden") {
		t.Error("there is something to clear")
	}
}

// Of many values a few are shown, and the others when they are asked for; those
// that no finding has at present are not.
func TestManyValues(t *testing.T) {
	r := sample(260)
	for i := range r.Findings {
		if harmless(&r.Findings[i]) {
			r.Findings[i].Rule = "harmless-" + sampleRule(i)
		}
	}
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	const chips = `[...document.querySelectorAll('[aria-label="by rule"] .chip:not(.rest)')].filter(e => !e.hidden).length`
	rest := func(want string) {
		t.Helper()
		if got := eval[string](b, `(() => { const e = document.querySelector('[aria-label="by rule"] .rest'); return e.hidden ? '' : e.textContent; })()`); got != want {
			t.Errorf("the button says %q, want %q", got, want)
		}
	}
	rest("3 more")
	b.click("#info")
	rest("14 more")
	b.click("#info")
	rest("3 more")
	if n := eval[int](b, chips); n != 8 {
		t.Errorf("%d rules are shown, want 8", n)
	}
	eval[bool](b, `document.querySelector('[aria-label="by rule"] .rest').click() || true`)
	if n := eval[int](b, chips); n != sampleRules {
		t.Errorf("%d rules are shown, want %d", n, sampleRules)
	}
	if !eval[bool](b, `document.activeElement === document.querySelectorAll('[aria-label="by rule"] .chip')[8]`) {
		t.Error("the focus is not on the first of the others")
	}
	b.click("#info")
	if n := eval[int](b, chips); n != 2*sampleRules {
		t.Errorf("%d rules are shown, want %d", n, 2*sampleRules)
	}
}

func TestSearch(t *testing.T) {
	r := sample(260)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	b.click("#info")
	for _, q := range []string{
		"srv/module-77/", "MODULE-77/settings-1", "rule-7", "service_11_token", "tok_1f", "make step-3 ", "expires", "published",
		r.Findings[3].Locations[len(r.Findings[3].Locations)-1].Fingerprint, "config.env[", "critical rule-3", "rule-3 critical", "  rule-3   step-7  ",
		":77:12", "no such thing",
	} {
		w := filter{words: strings.Fields(q), aside: true}
		if n := len(w.of(r)); (n == 0) != (q == "no such thing") || n == len(r.Findings) {
			t.Fatalf("%q finds %d", q, n)
		}
		b.search(q)
		b.shows(r, w)
	}
	b.search("")
	b.shows(r, filter{aside: true})
}

// The report may be written so that all is shown from the start.
func TestAll(t *testing.T) {
	r := sample(60)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{All: true}), "")
	b.shows(r, filter{aside: true})
	if !eval[bool](b, "document.getElementById('info').checked") {
		t.Error("the switch is off")
	}
	b.click("#info")
	b.shows(r, filter{})
	other := newTab(t)
	other.open(toHTML(t, r, report.HTMLOptions{All: true}), eval[string](b, "location.hash"))
	other.shows(r, filter{})
}

func TestNoFindings(t *testing.T) {
	r := sample(0)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{}), "#nothing")
	if got := eval[string](b, "document.getElementById('count').textContent"); got != "No findings" {
		t.Errorf("it says %q", got)
	}
	b.press("/jk")
	if !eval[bool](b, "document.getElementById('controls').hidden && document.activeElement === document.body") {
		t.Error("there are controls for nothing")
	}
}

// at holds the page to a finding: it is there, open, in sight and has the focus,
// and no other is open.
func (b *tab) at(id string) {
	b.Helper()
	b.until(`document.readyState === 'complete' && document.activeElement.matches('.head') && document.activeElement.closest('article').id === ` + quote(id))
	if got := eval[string](b, `(() => {
		const a = document.activeElement.closest('article'), box = document.activeElement.getBoundingClientRect();
		const open = [...document.querySelectorAll('article.open')];
		if (open.length !== 1 || open[0] !== a) return open.length + ' are open';
		if (document.activeElement.getAttribute('aria-expanded') !== 'true') return 'it is not said to be open';
		if (box.top < 0 || box.bottom > innerHeight) return 'it is out of sight, at ' + box.top;
		const body = document.getElementById(document.activeElement.getAttribute('aria-controls'));
		return body.checkVisibility() && body.querySelector('.places li') ? '' : 'its body is not shown';
	})()`); got != "" {
		b.Errorf("%s: %s", id, got)
	}
}

func TestDeepLinks(t *testing.T) {
	r := sample(400)
	html := toHTML(t, r, report.HTMLOptions{})
	find := func(from int, is func(f *report.Finding) bool) *report.Finding {
		for i := from; i < len(r.Findings); i++ {
			if is(&r.Findings[i]) {
				return &r.Findings[i]
			}
		}
		t.Fatal("there is no such finding")
		return nil
	}
	last := find(330, func(f *report.Finding) bool { return counts(f) && len(f.Locations) > 1 })
	suppressed := find(100, func(f *report.Finding) bool { return f.Suppressed() && !harmless(f) })
	cases := []struct {
		name string
		f    *report.Finding
		id   string
		all  bool // it shows what doesn't count, too
	}{
		{"first", &r.Findings[0], "", false},
		{"on the first page", find(60, counts), "", false},
		{"on a later page", find(250, counts), "", false},
		{"near the end", last, "", false},
		{"another place of it", last, last.Locations[1].Fingerprint, false},
		{"harmless", find(0, harmless), "", true},
		{"suppressed", suppressed, "", true},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			if tt.id == "" {
				tt.id = tt.f.Fingerprint
			}
			b := newTab(t)
			b.open(html, "#"+tt.id)
			b.at(tt.f.Fingerprint)
			b.shows(r, filter{aside: tt.all})
		})
	}

	// In a page that is open, and that shows something else.
	for _, tt := range cases {
		t.Run(tt.name+", filtered out", func(t *testing.T) {
			if tt.id == "" {
				tt.id = tt.f.Fingerprint
			}
			b := newTab(t)
			b.open(html, "#?q=no-such-thing&severity=low&layer=0.3")
			b.shows(r, filter{words: []string{"no-such-thing"}})
			b.follow("#" + tt.id)
			b.at(tt.f.Fingerprint)
			b.shows(r, filter{aside: tt.all})
		})
	}

	// A finding that the filters leave is shown among those.
	t.Run("filtered in", func(t *testing.T) {
		w := filter{severity: []string{severityOf(last)}}
		b := newTab(t)
		b.open(html, "#?severity="+severityOf(last))
		b.shows(r, w)
		b.follow("#" + last.Fingerprint)
		b.at(last.Fingerprint)
		b.shows(r, w)
		// Its own link, and back.
		b.do(chromedp.NavigateBack())
		b.shows(r, w)
	})

	for _, fragment := range []string{"#", "#no-such-finding", "#%E0%A4%A", "#%00", "#?", "#?x=y&harmless=maybe", "#?fate", "#?severity=", "#findings", "#gaps", "#list", "#__proto__"} {
		t.Run("nonsense "+fragment, func(t *testing.T) {
			b := newTab(t)
			b.open(html, fragment)
			if w := (filter{}); fragment == "#?fate" || fragment == "#?severity=" {
				b.until("document.getElementById('count').textContent.startsWith('0 of ') && !document.getElementById('clear').hidden")
				b.click("#clear")
				b.shows(r, w)
			} else {
				b.shows(r, w)
			}
		})
	}
}

func TestKeyboard(t *testing.T) {
	r := sample(260)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	for _, permission := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: permission}, Setting: browser.PermissionSettingGranted, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		}); err != nil {
			t.Fatal(err)
		}
	}
	focused := func(selector string) bool {
		t.Helper()
		return eval[bool](b, "document.activeElement.matches("+quote(selector)+")")
	}
	tabTo := func(selector string) {
		t.Helper()
		for range 100 {
			b.press(kb.Tab)
			// Whoever goes by keys has to see where they are.
			if !eval[bool](b, `(() => { const e = document.activeElement; return e.checkVisibility() && (e.classList.contains('skip') || getComputedStyle(e).outlineStyle !== 'none'); })()`) {
				t.Errorf("the focus is not to be seen on %s", eval[string](b, "document.activeElement.outerHTML.slice(0, 200)"))
			}
			if focused(selector) {
				return
			}
		}
		t.Fatalf("a hundred Tabs don't lead to %s", selector)
	}

	// By Tab alone: over the link that skips the top, to the search, and on.
	b.press(kb.Tab)
	if !focused(".skip") || !eval[bool](b, "document.activeElement.getBoundingClientRect().left >= 0") {
		t.Error("the first Tab does not lead to the link that skips to the findings")
	}
	b.press(kb.Enter)
	b.until("document.activeElement.id === 'findings'")
	b.press(kb.Tab)
	if !focused("#search") {
		t.Error("the search does not come first")
	}
	b.press("rule-7")
	b.until("document.getElementById('count').textContent === " + quote(filter{words: []string{"rule-7"}}.count(r)))
	tabTo("#info")
	b.press(" ")
	w := filter{words: []string{"rule-7"}, aside: true}
	b.until("document.getElementById('count').textContent === " + quote(w.count(r)))
	tabTo("#list .head")
	id := w.of(r)[0]
	b.press(kb.Enter)
	b.at(id)
	b.press(" ")
	b.until("document.activeElement.getAttribute('aria-expanded') === 'false' && document.querySelectorAll('article.open').length === 0")
	b.press(" ")
	b.at(id)

	tabTo("[aria-label='Copy the command']")
	i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.Fingerprint == id })
	want := r.Findings[i].Locations[0].Extract
	b.press(kb.Enter)
	// A screen reader is told, too.
	b.until("document.activeElement.textContent === 'copied' && [...document.querySelectorAll('[aria-live]')].pop().textContent === 'The command was copied'")
	if got := eval[string](b, "navigator.clipboard.readText()"); got != want {
		t.Errorf("%q was copied, want %q", got, want)
	}
	b.until("document.activeElement.textContent === 'copy'")

	tabTo("[aria-label='Copy the fingerprint']")
	b.press(kb.Enter)
	b.until("document.activeElement.textContent === 'copied'")
	if got := eval[string](b, "navigator.clipboard.readText()"); got != id {
		t.Errorf("%q was copied, want %q", got, id)
	}
	tabTo("a.small")
	b.press(kb.Enter)
	b.at(id)

	// By the page's own keys.
	b.press("/")
	if !focused("#search") || eval[string](b, "getSelection().toString()") != "rule-7" {
		t.Error("/ does not lead to the search")
	}
	b.press("jk/")
	b.until("document.getElementById('search').value === 'jk/'") // they are letters there
	b.press(kb.Escape)
	b.until("document.activeElement === document.body")
	b.search("rule-3 rule")
	w.words = []string{"rule-3"}
	b.shows(r, w)
	b.press(kb.Escape)
	ids := w.of(r)
	for _, step := range []struct {
		keys string
		at   int
	}{{"j", 0}, {"j", 1}, {"jj", 3}, {"k", 2}, {"kkkkk", 0}} {
		b.press(step.keys)
		b.until("document.activeElement.matches('.head') && document.activeElement.closest('article').id === " + quote(ids[step.at]))
	}
	b.press(kb.Enter)
	b.until("document.activeElement.getAttribute('aria-expanded') === 'true'")
	b.click("#clear")
	b.press(kb.Escape)
	for range 15 { // past the first page
		b.press("jjjjjjjjjj")
	}
	b.until("document.activeElement.closest('article').ariaPosInSet > 100")
}

// A browser that gives a page from a file no clipboard gets the old way.
func TestCopyWithoutClipboard(t *testing.T) {
	r := sample(3)
	b := newTab(t)
	f := &r.Findings[0]
	b.open(toHTML(t, r, report.HTMLOptions{}), "#"+f.Fingerprint)
	b.at(f.Fingerprint)
	eval[bool](b, `(() => {
		Object.defineProperty(navigator, 'clipboard', {value: undefined});
		document.addEventListener('copy', () => { window.copied = document.activeElement.value; });
		return true;
	})()`)
	b.click("[aria-label='Copy the command']")
	b.until("document.activeElement.textContent === 'copied'")
	if got := eval[string](b, "window.copied"); got != f.Locations[0].Extract {
		t.Errorf("%q was copied, want %q", got, f.Locations[0].Extract)
	}
	if n := eval[int](b, "document.querySelectorAll('textarea').length"); n != 0 {
		t.Errorf("%d boxes are left behind", n)
	}
}

func (b *tab) media(media, scheme string) {
	b.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// contrast gives the texts of the page that are hard to read: whose contrast
// (of WCAG 2.2) to what is painted behind them is below 4.5.
const contrast = `(() => {
	const rgba = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] === 1) return c;
			if (c[3] !== 0) return null; // none of ours is half transparent
		}
		return [255, 255, 255, 1];
	};
	const bad = new Set();
	let seen = 0;
	const look = (e, color, text) => {
		const fore = rgba(color), back = behind(e);
		seen++;
		if (!back || fore[3] !== 1) { bad.add('half transparent: ' + text); return; }
		const a = light(fore), b = light(back), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) bad.add(ratio.toFixed(2) + ' ' + e.tagName + '.' + e.className + ': ' + text.trim().slice(0, 40));
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement;
		if (n.data.trim() && e.checkVisibility({opacityProperty: true, visibilityProperty: true})) look(e, getComputedStyle(e).color, n.data);
	}
	for (const e of document.querySelectorAll('input[placeholder]')) if (e.checkVisibility()) look(e, getComputedStyle(e, '::placeholder').color, e.placeholder);
	return {seen, bad: [...bad]};
})()`

func (b *tab) readable(what string, least int) {
	b.Helper()
	got := eval[struct {
		Seen int
		Bad  []string
	}](b, contrast)
	if got.Seen < least || len(got.Bad) > 0 {
		b.Errorf("%s: of %d texts these are hard to read: %q", what, got.Seen, got.Bad)
	}
}

func TestReadable(t *testing.T) {
	r := sample(80)
	b := newTab(t)
	b.open(toHTML(t, r, report.HTMLOptions{All: true}), "")
	background := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		b.media("", scheme)
		background[scheme] = eval[string](b, "getComputedStyle(document.body).backgroundColor")
		b.readable(scheme, 300)
		eval[bool](b, "document.querySelectorAll('.head').forEach(e => e.click()) || true")
		b.readable(scheme+", opened", 300)
		b.chip("severity", "critical")
		b.chip("fate", "deleted later")
		eval[bool](b, `document.querySelector('[data-key="1.4"]').click() || true`)
		b.readable(scheme+", filtered", 200)
		b.click("#clear")
		eval[bool](b, "document.querySelectorAll('.open .head').forEach(e => e.click()) || true")
	}
	if background["light"] == background["dark"] {
		t.Error("the page is the same in the dark")
	}

	// Other verdicts have other colours.
	clean, incomplete := sample(0), sample(0)
	clean.Gaps, clean.Complete = nil, true
	for what, r := range map[string]*report.Report{"clean": clean, "incomplete": incomplete} {
		b.open(toHTML(t, r, report.HTMLOptions{}), "")
		for _, scheme := range []string{"light", "dark"} {
			b.media("", scheme)
			if got := eval[struct{ Bad []string }](b, contrast); len(got.Bad) > 0 {
				t.Errorf("%s, %s: %q", what, scheme, got.Bad)
			}
		}
	}
}

// Nothing sticks out of a narrow screen.
func TestNarrow(t *testing.T) {
	r := sample(40)
	r.Findings[0].Locations[0].Path = strings.Repeat("a-long-directory-name/", 40) + strings.Repeat("x", 300)
	r.Images[0].Layers[3].Instruction = "RUN " + strings.Repeat("y", 400)
	b := newTab(t)
	b.do(chromedp.EmulateViewport(360, 740))
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	eval[bool](b, "document.querySelectorAll('.head').forEach(e => e.click()) || true")
	if got := eval[[]string](b, `[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('pre, .skip, .unseen') && e.getBoundingClientRect().right > 360.5).map(e => e.tagName + '.' + e.className)`); len(got) > 0 {
		t.Errorf("these stick out: %q", got)
	}
	if n := eval[int](b, "document.documentElement.scrollWidth"); n > 360 {
		t.Errorf("the page is %d wide", n)
	}
}

// On paper all that matches is there and open, and nothing to press.
func TestPrint(t *testing.T) {
	r := sample(260)
	b := newTab(t)
	w := filter{severity: []string{"high"}}
	b.open(toHTML(t, r, report.HTMLOptions{}), "#?severity=high")
	b.until("document.getElementById('count').textContent === " + quote(w.count(r)))
	b.press("j" + kb.Enter)
	b.at(w.of(r)[0])

	b.media("print", "dark")
	eval[bool](b, "dispatchEvent(new Event('beforeprint'))")
	if got := eval[[]string](b, "[...document.querySelectorAll('#list article')].map(a => a.id)"); !slices.Equal(got, w.of(r)) {
		t.Errorf("%d findings are printed, want %d", len(got), len(w.of(r)))
	}
	places := 0
	for i := range r.Findings {
		if w.takes(&r.Findings[i]) {
			places += len(r.Findings[i].Locations)
		}
	}
	if n := eval[int](b, "[...document.querySelectorAll('#list .places li')].filter(e => e.checkVisibility()).length"); n != places {
		t.Errorf("%d places are printed, want %d", n, places)
	}
	if n := eval[int](b, "[...document.querySelectorAll('.strip > li')].filter(e => e.checkVisibility()).length"); n < 2*sampleLayers {
		t.Errorf("%d layers are printed", n)
	}
	// The head of a finding and a layer are buttons, but say something.
	if got := eval[[]string](b, "[...document.querySelectorAll('button, input, label, select, textarea, a, nav')].filter(e => e.checkVisibility() && !e.matches('.head, .block')).map(e => e.outerHTML)"); len(got) > 0 {
		t.Errorf("controls are printed: %q", got)
	}
	b.readable("on paper", 300)
	if c := eval[string](b, "getComputedStyle(document.body).backgroundColor"); c != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", c)
	}
	eval[bool](b, "dispatchEvent(new Event('afterprint'))")
	b.media("", "light")
	b.at(w.of(r)[0]) // the only one that is open again

	pdf := call(b, page.PrintToPDF, page.PrintToPDFParams{})
	if len(pdf.Data) < 10_000 {
		t.Errorf("the PDF has %d bytes", len(pdf.Data))
	}
	b.at(w.of(r)[0])
}

func TestWithoutScript(t *testing.T) {
	r := sample(40)
	b := newTab(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(toHTML(t, r, report.HTMLOptions{}), "")
	n := eval[int](b, "[...document.querySelectorAll('.plain li')].filter(e => e.checkVisibility()).length")
	if want := len(filter{}.of(r)); n != want {
		t.Errorf("%d findings are listed, want %d", n, want)
	}
	if !eval[bool](b, "document.getElementById('controls').checkVisibility() === false") {
		t.Error("there are controls that do nothing")
	}
}

// poison puts a text into every string that a report has.
func poison(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), s)
		}
	}
}

// poisoned is a report whose every string is s.
func poisoned(s string) *report.Report {
	r := sample(30)
	poison(reflect.ValueOf(r).Elem(), s)
	for i := range r.Findings {
		r.Findings[i].Secret = report.PreviewOf(redacted(s))
		for k := range r.Findings[i].Locations {
			r.Findings[i].Locations[k].Encodings = []string{s}
		}
	}
	return r
}

// shape is every element of the page with the names of its attributes, and what
// of the attributes acts.
const shape = `(() => {
	for (let more; more = [...document.querySelectorAll('button.more')].find(e => !e.hidden);) more.click();
	for (const e of document.querySelectorAll('.head[aria-expanded=false]')) e.click();
	for (const e of document.querySelectorAll('details')) e.open = true;
	return [...document.querySelectorAll('*')].map(e => e.tagName + ' ' + [...e.attributes].map(a =>
		/^(on|src|style|action|formaction|xlink)/.test(a.name) && e.tagName !== 'SPAN' ? a.name + '=' + a.value : a.name === 'href' ? 'href=' + a.value[0] : a.name).sort().join(' '));
})()`

// Whatever is in the fields of a report, the page is the same but for its texts.
func TestHostile(t *testing.T) {
	tame := newTab(t)
	tame.open(toHTML(t, poisoned("tame"), report.HTMLOptions{All: true}), "")
	tame.until("document.querySelectorAll('#list article').length === 30")
	want := eval[[]string](tame, shape)
	if len(want) < 1000 {
		t.Fatalf("only %d elements", len(want))
	}
	for i, evil := range []string{
		`"></script><img src=x onerror=alert(1)><!--`, `'><svg onload=alert(1)>`, "</title></style><script>alert(1)</script>", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
		`" onmouseover="alert(1)`, "\u202e\u2066gnp.exe\u2069", "\x1b[2J\x1b]8;;http://example.org\x07", "\x00\u2028\u2029\xff\x85", "&lt;img src=x onerror=alert(1)&gt;", "{{constructor.constructor('alert(1)')()}}",
		"${alert(1)}", "__proto__", "constructor", "search", "data", "list", "count", "body-0",
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b := newTab(t)
			r := poisoned(evil)
			b.open(toHTML(t, r, report.HTMLOptions{All: true, Threshold: report.Threshold{Severity: report.Severity(evil), Confidence: report.Confidence(evil)}}), "")
			b.until("document.querySelectorAll('#list article').length === 30")
			got := eval[[]string](b, shape)
			if !slices.Equal(got, want) {
				for k := range min(len(got), len(want)) {
					if got[k] != want[k] {
						t.Errorf("element %d is %s, want %s", k, got[k], want[k])
						break
					}
				}
				t.Errorf("%q: %d elements, want %d", evil, len(got), len(want))
			}
			text := "[document.title, document.documentElement.textContent, ...[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.value))].join('')"
			if eval[bool](b, `/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(`+text+")") {
				t.Errorf("%q: something in the page acts on what is around it", evil)
			}
			shown := report.Escape(evil)
			if !eval[bool](b, "[...document.querySelectorAll('.title, .rule, .where b')].every(e => e.textContent.includes("+quote(shown)+"))") {
				t.Errorf("%q is not shown as %q", evil, shown)
			}

			// Nor does an address do anything but choose.
			follow := func(fragment, js string) {
				t.Helper()
				b.follow(fragment)
				b.until(js)
			}
			q := url.QueryEscape(shown)
			follow("#?q=no-such-thing", "document.getElementById('count').textContent.startsWith('0 of ')")
			follow("#?q="+q, "document.getElementById('count').textContent === '30 findings'")
			follow("#?severity="+q+"&layer="+q, "document.getElementById('count').textContent.startsWith('0 of ')")
			follow("#"+url.PathEscape(shown), "document.activeElement.matches('.head') && document.activeElement.closest('article').id === "+quote(shown))
			if bad := eval[[]string](b, "[...document.querySelectorAll('img, iframe, object, embed, form, link, base, svg svg')].map(e => e.tagName)"); len(bad) > 0 {
				t.Errorf("%q: elements %v", evil, bad)
			}
		})
	}
}

// stopwatch says in the page when the first finding was painted, and how long
// it took from the last key or click until another count was.
const stopwatch = `
	let began = 0;
	window.took = 0;
	const painted = f => requestAnimationFrame(() => setTimeout(f));
	const first = () => { if (document.querySelector('#list article')) painted(() => { window.firstShown = performance.now(); }); else requestAnimationFrame(first); };
	first();
	for (const type of ['keydown', 'click']) addEventListener(type, e => { began = e.timeStamp; window.took = 0; }, true);
	addEventListener('DOMContentLoaded', () => new MutationObserver(() => painted(() => { if (began) window.took = performance.now() - began; })).observe(document.getElementById('count'), {childList: true, characterData: true, subtree: true}));
`

// bigReport measures a report as big as reports get, in milliseconds.
func bigReport(t testing.TB, html string, r *report.Report) map[string]float64 {
	b := newTab(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: stopwatch})
	ms := map[string]float64{}
	start := time.Now()
	b.open(html, "")
	b.until("window.firstShown")
	ms["opened"] = float64(time.Since(start).Milliseconds()) // with the writing of the file
	ms["list"] = eval[float64](b, "window.firstShown")

	w := filter{}
	change := func(name string, act func()) {
		t.Helper()
		act()
		b.until("window.took && document.getElementById('count').textContent === " + quote(w.count(r)))
		ms[name] = eval[float64](b, "window.took")
	}
	b.do(chromedp.Focus(chromedp.CSS("#search")))
	w.words = []string{"x"}                      // of "expires"
	change("first-key", func() { b.press("x") }) // it makes the index
	w.words = nil
	change("key", func() { b.press(kb.Backspace) })
	w.severity = []string{"critical"}
	change("filter", func() { b.chip("severity", "critical") })
	w = filter{}
	change("clear", func() { b.click("#clear") })
	w.aside = true
	change("harmless", func() { b.click("#info") })
	last := filter{aside: true}.of(r)[len(r.Findings)-1]
	start = time.Now()
	b.follow("#" + last)
	b.at(last)
	ms["link"] = float64(time.Since(start).Milliseconds())
	return ms
}

const bigFindings = 20_000

// The goal is 2 s, for the list and for a key. It is not held to that here: how
// long it takes is the machine's affair, too.
func TestBigReport(t *testing.T) {
	if testing.Short() {
		t.Skip("a big report takes its time")
	}
	r := sample(bigFindings)
	html := toHTML(t, r, report.HTMLOptions{})
	ms := bigReport(t, html, r)
	t.Logf("%d findings, %.1f MB: list %.0f ms (%.0f ms as seen from outside), first key %.0f ms, key %.0f ms, filter %.0f ms, clear %.0f ms, harmless %.0f ms, link %.0f ms",
		bigFindings, float64(len(html))/1e6, ms["list"], ms["opened"], ms["first-key"], ms["key"], ms["filter"], ms["clear"], ms["harmless"], ms["link"])
}

func BenchmarkBigReport(b *testing.B) {
	r := sample(bigFindings)
	html := toHTML(b, r, report.HTMLOptions{})
	sum := map[string]float64{}
	for b.Loop() {
		for k, v := range bigReport(b, html, r) {
			sum[k] += v
		}
	}
	for k, v := range sum {
		b.ReportMetric(v/float64(b.N), k+"-ms")
	}
}
