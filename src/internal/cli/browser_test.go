package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/browsertest"
)

// mapPage is the page of a map in a browser.
type mapPage struct {
	*browsertest.Page
	t *testing.T
}

// openMap opens a map in a tab of its own, in a window of that size and in the colour
// scheme light or dark.
func openMap(t *testing.T, browser context.Context, path string, width, height int, scheme string) *mapPage {
	t.Helper()
	p := browsertest.New(t, browser)
	p.Look(scheme, width, height)
	p.Open("file://"+path, `html[data-ready=true]`)
	return &mapPage{p, t}
}

// want compares the value of an expression, as text.
func (p *mapPage) want(expression string, want any) {
	p.t.Helper()
	if got := p.soon("String("+expression+")", func(got string) bool { return got == fmt.Sprint(want) }); got != fmt.Sprint(want) {
		p.t.Errorf("%s is %q, want %q", expression, got, fmt.Sprint(want))
	}
}

func (p *mapPage) wantPart(expression, part string) {
	p.t.Helper()
	if got := p.soon(expression, func(got string) bool { return strings.Contains(got, part) }); !strings.Contains(got, part) {
		p.t.Errorf("%s is %q, without %q", expression, got, part)
	}
}

// soon is the value of an expression, once it is as wanted or after a while: blocks are
// drawn when they come into sight, which is after the page is ready.
func (p *mapPage) soon(expression string, wanted func(string) bool) string {
	p.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := browsertest.Eval[string](p.Page, expression)
		if wanted(got) || time.Now().After(end) {
			return got
		}
	}
}
