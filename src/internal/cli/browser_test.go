package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// browserTimeout bounds what a browser is waited for, so that a page that hangs
// fails the test and not the whole run.
const browserTimeout = 2 * time.Minute

// newBrowser starts a headless browser. Without one the test is skipped, but in
// CI it fails.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		sharedtest.Unavailable(t, "no browser on the PATH (on Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WSURLReadTimeout(browserTimeout))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it does not start as root with one
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx
}

// browserPage is a page that is open in a browser.
type browserPage struct {
	t   *testing.T
	ctx context.Context
	// mayComplain is a part of every complaint that the page may make; empty where
	// it may make none.
	mayComplain string
}

// openFile opens a page in a tab of its own, in a window of that size and in the
// colour scheme light or dark. Whatever the page complains of fails the test: an
// error of its script, and what its Content-Security-Policy forbids.
func openFile(t *testing.T, browser context.Context, path string, width, height int, scheme string) *browserPage {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, browserTimeout)
	p := &browserPage{t: t, ctx: ctx}
	console := chromedp.Console(ctx)
	complaints := make(chan []string, 1)
	go func() {
		var list []string
		for message, err := range console {
			if err != nil {
				break // the tab is closed
			}
			list = append(list, message.String())
		}
		complaints <- list
	}()
	t.Cleanup(func() {
		cancel()
		for _, complaint := range <-complaints {
			if p.mayComplain == "" || !strings.Contains(complaint, p.mayComplain) {
				t.Errorf("the page complains: %s", complaint)
			}
		}
	})
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	p.do(
		chromedp.EmulateViewport(int64(width), int64(height)),
		chromedp.Navigate("file://"+path),
		chromedp.WaitReady(chromedp.CSS(`html[data-ready=true]`)),
	)
	return p
}

func (p *browserPage) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of an expression of the page.
func eval[T any](p *browserPage, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// screenshot keeps a picture of the window, if somebody wants to look at it.
func (p *browserPage) screenshot(name string) {
	p.t.Helper()
	dir := os.Getenv("IPGUARD_SCREENSHOTS")
	if dir == "" {
		return
	}
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
