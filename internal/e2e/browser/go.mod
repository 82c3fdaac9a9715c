// Tests of the HTML report in a real browser: a module of its own, so that
// leakscan's has no dependency that only they need.
module github.com/leakscan/leakscan/internal/e2e/browser

go 1.26.8

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/leakscan/leakscan v0.0.0
)

require github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect

replace github.com/leakscan/leakscan => ../../..
