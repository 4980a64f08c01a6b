// Package browsertest shows pages to a headless browser, for tests. A Page is a tab:
// what its page complains of, such as an error of its script or what its
// Content-Security-Policy forbids, fails the test when that ends. Without a browser the
// test is skipped, and in CI it fails.
package browsertest

import (
	"context"
	"fmt"
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

// timeout bounds what a browser is waited for, so that a page that hangs fails the
// test and not the whole run.
const timeout = 2 * time.Minute

// Start starts a browser, which ends with the test.
func Start(t testing.TB) context.Context {
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
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WSURLReadTimeout(timeout))
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

// Page is one tab of a browser.
type Page struct {
	// Ctx is what chromedp takes.
	Ctx context.Context
	// MayComplain is a part of every complaint that pages may make; empty where they
	// may make none.
	MayComplain string

	t    testing.TB
	look string
}

// New opens an empty tab.
func New(t testing.TB, browser context.Context) *Page {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, timeout)
	p := &Page{Ctx: ctx, t: t}
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
			if p.MayComplain == "" || !strings.Contains(complaint, p.MayComplain) {
				t.Errorf("a page complains: %s", complaint)
			}
		}
	})
	return p
}

// Look makes the window that large, in pixels, in the colour scheme light or dark, and
// without movement.
func (p *Page) Look(scheme string, width, height int) {
	p.t.Helper()
	p.look = fmt.Sprintf("%s-%dx%d", scheme, width, height)
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(p.Ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
	p.Do(chromedp.EmulateViewport(int64(width), int64(height)))
}

// Open goes to a page, and waits for an element that tells that it is ready.
func (p *Page) Open(url, ready string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS(ready)))
}

// Do does what a person would.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.Ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// Text waits for an element, and is what stands in it.
func (p *Page) Text(css string) string {
	p.t.Helper()
	p.Do(chromedp.WaitReady(chromedp.CSS(css)))
	return Eval[string](p, "document.querySelector('"+css+"').textContent")
}

// Eval is the value of an expression of the page.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.Ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// Picture keeps one of the window in the folder that IPGUARD_SCREENSHOTS names, if
// somebody wants to look at it.
func (p *Page) Picture(name string) {
	p.t.Helper()
	dir := os.Getenv("IPGUARD_SCREENSHOTS")
	if dir == "" {
		return
	}
	image, err := chromedp.Run(p.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name[:min(len(name), 40)])
	if err := os.WriteFile(filepath.Join(dir, p.look+"-"+name+".png"), image, 0o600); err != nil {
		p.t.Fatal(err)
	}
}
