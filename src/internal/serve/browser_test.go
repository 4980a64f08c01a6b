package serve_test

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

// browserTimeout bounds what a browser is waited for.
const browserTimeout = 2 * time.Minute

// browser is one window.
type browser struct {
	t       *testing.T
	ctx     context.Context
	name    string
	console chan []string
	end     context.CancelFunc
}

// newBrowser opens a window. Without a browser the test is skipped, but in CI it fails.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
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
	started, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(started); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	ctx, cancel := context.WithTimeout(started, browserTimeout)
	b := &browser{t: t, ctx: ctx, console: make(chan []string, 1), end: cancel}
	t.Cleanup(cancel)
	console := chromedp.Console(ctx)
	go func() {
		var list []string
		for message, err := range console {
			if err != nil {
				break // the window is closed
			}
			list = append(list, message.String())
		}
		b.console <- list
	}()
	return b
}

// look makes the window that large, in the colour scheme light or dark.
func (b *browser) look(scheme string, width, height int64) {
	b.t.Helper()
	b.name = fmt.Sprintf("%s-%dx%d", scheme, width, height)
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("main")))
}

// number is the value of an expression.
func (b *browser) number(expression string) float64 {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text waits for an element, and is what stands in it.
func (b *browser) text(css string) string {
	b.t.Helper()
	b.do(chromedp.WaitReady(chromedp.CSS(css)))
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.querySelector('"+css+"').textContent"))
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

// picture keeps one of the window, if somebody wants to look at it.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("IPGUARD_SCREENSHOTS")
	if dir == "" {
		return
	}
	image, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name[:min(len(name), 40)])
	if err := os.WriteFile(filepath.Join(dir, b.name+"-"+name+".png"), image, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// complaints fails for what pages complained of: an error of a script, and what their
// Content-Security-Policy forbids. It closes the window.
func (b *browser) complaints() {
	b.t.Helper()
	b.end()
	for _, complaint := range <-b.console {
		if !strings.Contains(complaint, "Failed to load resource") { // a page that is a no, such as 404
			b.t.Errorf("a page complains: %s", complaint)
		}
	}
}
