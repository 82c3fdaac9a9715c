// Package browser holds tests only: they open HTML reports in a headless
// Chromium, which LEAKSCAN_CHROMIUM names, and use them as a reader would.
//
//	LEAKSCAN_CHROMIUM=/usr/bin/chromium go test ./...    # in this directory
//	LEAKSCAN_E2E=require go test ./...                   # fails without one: for CI
//
// Every tab is watched: a message of an error or a warning, an exception, a
// violation of the page's policy, a dialog or a request fails its test.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/leakscan/leakscan/report"
)

// patience is how long anything may take; a page that works takes none of it.
const patience = time.Minute

// chromium is the one browser of all tests, started by the first that asks.
var chromium = sync.OnceValues(func() (context.Context, error) {
	flag := func(name string) chromedp.ExecAllocatorOption { return chromedp.Flag(name, true) }
	// The browser makes a directory for its user, which goes when it ends.
	alloc, _ := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(os.Getenv("LEAKSCAN_CHROMIUM")), chromedp.CombinedOutput(io.Discard),
		flag("headless"), flag("no-sandbox"), flag("disable-gpu"), flag("disable-quic"), flag("no-first-run"), flag("no-default-browser-check"),
		flag("disable-background-networking"), flag("disable-component-update"), flag("disable-sync"), flag("disable-dev-shm-usage"),
		chromedp.WindowSize(1280, 900))
	// What a newer browser says that chromedp doesn't know is no concern of ours.
	ctx, _ := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	endChromium = func() error { return chromedp.Cancel(ctx) }
	return ctx, chromedp.Do(ctx)
})

var endChromium = func() error { return nil }

func TestMain(m *testing.M) {
	code := m.Run()
	if err := endChromium(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "ending the browser:", err)
	}
	os.Exit(code)
}

// tab is a tab with cookies, clipboard and permissions of its own.
type tab struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	url      string // of the page, without its fragment; empty: none yet
	problems []string
}

func newTab(t testing.TB) *tab {
	t.Helper()
	if os.Getenv("LEAKSCAN_CHROMIUM") == "" {
		if os.Getenv("LEAKSCAN_E2E") == "require" {
			t.Fatal("LEAKSCAN_CHROMIUM is not set")
		}
		t.Skip("SKIPPED: LEAKSCAN_CHROMIUM is not set, so NO BROWSER has seen the HTML report")
	}
	browser, err := chromium()
	if err != nil {
		t.Fatalf("starting %s: %v", os.Getenv("LEAKSCAN_CHROMIUM"), err)
	}
	b := &tab{TB: t}
	var cancel context.CancelFunc
	b.ctx, cancel = chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.event))
	t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx); err != nil { // opens it; no timeout, since that would be the tab's
		t.Fatal(err)
	}
	call(b, audits.Enable, cdp.Empty{})
	// Only a page that has the focus may use the clipboard.
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	t.Cleanup(func() {
		eval[bool](b, "true") // the events before its answer have come
		for _, p := range b.seen() {
			t.Error(p)
		}
	})
	return b
}

// event is told all that happens in the tab. It must not block.
func (b *tab) event(e any) {
	switch e := e.(type) {
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			text := ""
			for _, a := range e.Args {
				text += " " + string(a.Value) + a.Description
			}
			b.problem("console %s:%s", e.Type, text)
		}
	case *runtime.EventExceptionThrown:
		b.problem("uncaught %v", &chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails})
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.problem("log %s: %s: %s", e.Entry.Level, e.Entry.Source, e.Entry.Text)
		}
	case *audits.EventIssueAdded:
		details, _ := json.Marshal(e.Issue.Details)
		b.problem("issue %s: %s", e.Issue.Code, details)
	case *network.EventRequestWillBeSent:
		b.request(e.Request.URL)
	case *network.EventWebSocketCreated:
		b.request(e.URL)
	case *page.EventWindowOpen:
		b.request(e.URL)
	case *page.EventJavascriptDialogOpening:
		b.problem("a dialog: %s", e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	}
}

func (b *tab) problem(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func (b *tab) request(u string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u != b.url {
		b.problems = append(b.problems, "a request for "+u)
	}
}

// seen gives what went wrong since it was last asked.
func (b *tab) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.problems
	b.problems = nil
	return p
}

func call[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.Fatalf("%s: %v", c.Method, err)
	}
	return r
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// eval gives the value of an expression in the page. The page's policy does not
// hold for it.
func eval[T any](b *tab, js string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%v in %s", err, js)
	}
	return v
}

// until waits for an expression to be true. chromedp's own Poll needs eval(),
// which the page's policy forbids.
func (b *tab) until(js string) {
	b.Helper()
	end := time.Now().Add(patience)
	for !eval[bool](b, "Boolean("+js+")") {
		if time.Now().After(end) {
			b.Fatalf("it never came true: %s\nat %s, with %q", js, eval[string](b, "location.href"), eval[string](b, "document.getElementById('count').textContent"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// open writes a page to a file and opens it there.
func (b *tab) open(html, fragment string) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(html), 0o666); err != nil {
		b.Fatal(err)
	}
	u := (&url.URL{Scheme: "file", Path: file}).String()
	b.mu.Lock()
	b.url = u
	b.mu.Unlock()
	b.do(chromedp.Navigate(u + fragment))
}

// follow goes to a fragment of the page that is open, as a click on a link does.
func (b *tab) follow(fragment string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url + fragment))
}

func toHTML(t testing.TB, r *report.Report, o report.HTMLOptions) string {
	t.Helper()
	var s strings.Builder
	if err := report.WriteHTML(&s, r, o); err != nil {
		t.Fatal(err)
	}
	return s.String()
}
