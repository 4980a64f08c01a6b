//go:build !race

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ipguard/ipguard/src/internal/browsertest"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestMapOfLargeFleet holds the page of a hundred directors to its size, and
// opens it.
func TestMapOfLargeFleet(t *testing.T) {
	size := madefleet.Large()
	if sharedtest.Short() {
		size = madefleet.Size{Directors: 60, Deployments: 120, StaticAddresses: 1500, Seed: 1}
	}
	size.Conflicts = 30
	fleet, err := madefleet.Make(size)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := fleet.Write(dir); err != nil {
		t.Fatal(err)
	}
	page := mapOf(t, filepath.Join(dir, madefleet.FleetFile), ExitOK)
	info, err := os.Stat(page)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxPage {
		t.Errorf("the page has %d bytes, more than %d", info.Size(), maxPage)
	}
	p := openMap(t, browsertest.Start(t), page, 1280, 800, "light")
	p.want(`document.querySelectorAll("#list li").length > 50`, true)
	p.want(`document.querySelectorAll(".cell.bad").length > 0`, true)
	for _, planted := range fleet.Planted[:3] {
		p.search(planted.Address.String())
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.wantPart(`document.activeElement.getAttribute("aria-label")`, planted.Address.String()+", conflict")
	}
	t.Logf("%d bytes; drawn %.0f ms after the start of navigation", info.Size(), browsertest.Eval[float64](p.Page, `performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart`))
	p.Picture("large")
}
