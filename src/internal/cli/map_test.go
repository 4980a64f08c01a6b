//go:build !race

package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ipguard/ipguard/src/internal/browsertest"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// maxPage is how large the page of the large fleet may be, in bytes.
const maxPage = 5_000_000

// mapOf writes the page of a fleet file and returns its path.
func mapOf(t *testing.T, fleetFile string, wantCode int) string {
	t.Helper()
	page := filepath.Join(t.TempDir(), "map.html")
	if _, stderr, code := runIn(t, "map", "--fleet", fleetFile, "--html", page); code != wantCode {
		t.Fatalf("map ends with %d, want %d: %s", code, wantCode, stderr)
	}
	return page
}

func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../../manifests-examples/" + name + "/ipguard.yml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMapInBrowser uses the page as a person would.
func TestMapInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	incident, vlan := mapOf(t, example(t, "incident"), ExitOK), mapOf(t, example(t, "unfenced-vlan"), ExitOK)
	clean := mapOf(t, example(t, "clean"), ExitOK)
	desk := func(t *testing.T, page string) *mapPage { return openMap(t, browser, page, 1280, 800, "light") }

	t.Run("conflict", func(t *testing.T) {
		p := desk(t, incident)
		p.want(`document.querySelector("h2").textContent`, "network VLAN-52")
		p.want(`document.querySelectorAll(".cell.bad").length`, 1)
		p.Do(chromedp.Click(chromedp.CSS(".conflicts button")))
		p.want(`document.activeElement.getAttribute("aria-label")`, "10.8.52.191, conflict, "+
			"static address pgpool/1 of pgpool director promo, create-env VM dr-west director dr-west, static range network default director promo")
		p.want(`document.querySelector("#details h4").textContent`, "10.8.52.191")
		p.wantPart(`document.getElementById("details").textContent`, "promo/pgpool.yml:30")
		p.wantPart(`document.getElementById("details").textContent`, "dr-west/vars.yml:1")
		p.want(`location.hash`, "#10.8.52.191")
		p.Picture("conflict")
		p.wantPart(`document.querySelector(".cure pre").textContent`, "use 10.8.52.99")
		p.wantPart(`document.getElementById("made").textContent`, "Made 20")
		p.Do(chromedp.KeyEvent(kb.Escape))
		p.want(`document.getElementById("details").hidden`, true)
	})

	t.Run("keyboard", func(t *testing.T) {
		p := desk(t, incident)
		p.Do(chromedp.Focus(chromedp.CSS(`.cell[data-n="0"]`)))
		for _, step := range []struct{ key, address string }{
			{kb.ArrowRight, "10.8.52.1"}, {kb.ArrowDown, "10.8.52.17"}, {kb.End, "10.8.52.31"}, {kb.Home, "10.8.52.16"},
			{kb.ArrowLeft, "10.8.52.15"}, {kb.ArrowUp, "10.8.52.15"}, {kb.PageDown, "10.8.53.15"}, {kb.PageDown, "10.8.54.15"},
			{kb.ArrowUp, "10.8.53.255"}, {kb.PageUp, "10.8.52.255"}, {kb.ArrowRight, "10.8.53.0"},
		} {
			p.Do(chromedp.KeyEvent(step.key))
			p.want(`document.activeElement.getAttribute("aria-label").split(",")[0]`, step.address)
		}
		p.want(`document.querySelectorAll('#block-1 .cell[tabindex="0"]').length`, 1) // Tab stops once in a grid
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.want(`document.getElementById("details").className`, "details pinned")
		p.Do(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("/"))
		p.want(`document.activeElement.id`, "query")
	})

	t.Run("pointer", func(t *testing.T) {
		p := desk(t, incident)
		p.Do(chromedp.ScrollIntoView(chromedp.CSS(`#block-0 .cell[data-n="190"]`)))
		p.Do(chromedp.MouseEvent("mouseMoved", browsertest.Eval[float64](p.Page, left(190)), browsertest.Eval[float64](p.Page, top(190))))
		p.want(`document.querySelector("#details h4").textContent`, "10.8.52.190")
		p.want(`document.getElementById("details").className`, "details")
		p.Do(chromedp.MouseClickXY(browsertest.Eval[float64](p.Page, left(190)), browsertest.Eval[float64](p.Page, top(190))))
		p.want(`document.getElementById("details").className`, "details pinned")
	})

	t.Run("search", func(t *testing.T) {
		p := desk(t, vlan)
		p.search("10.70.0.30")
		p.want(`document.querySelectorAll("#results [role=option]").length`, 1)
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.want(`document.activeElement.getAttribute("aria-label").split(",")[0]`, "10.70.0.30")
		p.search("10.70.0")
		p.wantPart(`document.querySelector("#results [aria-selected=true]").textContent`, "10.70.0.0/24addresses")
		p.search("10.71")
		p.want(`document.querySelectorAll("#results [role=option]").length`, 0)
		p.search("jumpbox")
		p.want(`document.querySelector("#results [aria-selected=true]").textContent`, "jumpboxdeploymentgreen · vlan-70")
		p.Picture("search")
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.want(`document.querySelector(".filter").firstChild.textContent`, "Only deployment jumpbox")
		p.Do(chromedp.WaitReady(chromedp.CSS("#block-0 .cell.lit")))
		p.want(`document.querySelectorAll("#block-0 .cell.lit").length`, 2) // its gateway and its VM
		p.search("GREEN")
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.want(`document.querySelector(".filter").firstChild.textContent`, "Only director green")
		p.Do(chromedp.Click(chromedp.CSS(".filter button")))
		p.want(`document.querySelector(".filter") === null`, true)
		p.search("10.70.0.0/24")
		p.want(`document.getElementById("found").textContent`, "1 result")
		p.search("no such thing")
		p.want(`document.getElementById("found").textContent`, "nothing found")
	})

	t.Run("IPv6", func(t *testing.T) {
		p := desk(t, clean)
		p.search("2001:DB8:10:0::123")
		p.Do(chromedp.KeyEvent(kb.Enter))
		p.want(`document.querySelector("h2").textContent`, "network apps-v6")
		p.want(`document.activeElement.getAttribute("aria-label").split(",")[0]`, "2001:db8:10::123")
		p.want(`document.querySelectorAll(".block.band").length`, 1)
		p.Picture("ipv6")
	})

	t.Run("colour by director", func(t *testing.T) {
		p := desk(t, vlan)
		p.Do(chromedp.WaitReady(chromedp.CSS(".overlap.cell")))
		before := browsertest.Eval[string](p.Page, `getComputedStyle(document.querySelector(".is-pool.cell, .overlap.cell")).backgroundImage`)
		p.Do(chromedp.Click(chromedp.CSS(`input[value=director] + span`)), chromedp.WaitReady(chromedp.CSS(".overlap.cell")))
		if after := browsertest.Eval[string](p.Page, `getComputedStyle(document.querySelector(".is-pool.cell, .overlap.cell")).backgroundImage`); after == before {
			t.Error("colours by kind and by director are the same")
		}
		p.wantPart(`document.querySelector(".legend").textContent`, "green, in use")
		p.Picture("director")
	})

	t.Run("address in the URL", func(t *testing.T) {
		p := desk(t, vlan+"#10.70.0.130")
		p.want(`document.querySelector("#details h4").textContent`, "10.70.0.130")
	})
}

// TestMapFits holds the page against narrow windows and dark rooms.
func TestMapFits(t *testing.T) {
	browser := browsertest.Start(t)
	pages := map[string]string{
		"incident": mapOf(t, example(t, "incident"), ExitOK), "vlan": mapOf(t, example(t, "unfenced-vlan"), ExitOK), "clean": mapOf(t, example(t, "clean"), ExitOK),
	}
	for name, page := range pages {
		for _, scheme := range []string{"light", "dark"} {
			for _, size := range [][2]int{{1280, 800}, {390, 844}, {320, 640}} {
				if sharedtest.Short() && size[0] != map[string]int{"light": 1280, "dark": 320}[scheme] {
					continue
				}
				t.Run(fmt.Sprint(name, " ", scheme, " ", size[0]), func(t *testing.T) {
					p := openMap(t, browser, page, size[0], size[1], scheme)
					p.want(`document.documentElement.scrollWidth <= innerWidth`, true)
					p.want(`matchMedia("(prefers-color-scheme: `+scheme+`)").matches`, true)
					p.Picture(fmt.Sprint(name, "-", scheme, "-", size[0]))
					p.Do(chromedp.ScrollIntoView(chromedp.CSS("#block-0")), chromedp.WaitReady(chromedp.CSS("#block-0 .cell")))
					p.want(`document.documentElement.scrollWidth <= innerWidth`, true)
					var pale []string
					if err := json.Unmarshal([]byte(browsertest.Eval[string](p.Page, contrasts)), &pale); err != nil || len(pale) > 0 {
						t.Errorf("hard to read: %v %s", err, strings.Join(pale, "; "))
					}
				})
			}
		}
	}
}

// contrasts lists the texts whose contrast to what is behind them is below that
// of WCAG 2.2, success criterion 1.4.3: 4.5, or 3 for signs in the picture.
const contrasts = `(() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); return [...probe.getImageData(0, 0, 1, 1).data]; };
  const part = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
  const pale = new Set();
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, style = getComputedStyle(e);
    if (!walker.currentNode.textContent.trim() || !e.getClientRects().length || style.visibility === "hidden" || e.closest(".hidden, script, style, noscript")) continue;
    const [a, b] = [luminance(rgb(style.color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    texts++;
    if (ratio < (e.matches(".cell, .swatch") ? 3 : 4.5)) pale.add(e.className + " " + e.textContent.slice(0, 20) + " " + ratio.toFixed(2));
  }
  if (texts < 20) pale.add("only " + texts + " texts seen");
  return JSON.stringify([...pale]);
})()`

// TestMapIsSafe runs a page whose names try to run scripts.
func TestMapIsSafe(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ipguard.yml": "directors: [{name: a, cloud_configs: [cloud.yml], deployments: [web.yml, gone.yml]}]\n",
		"cloud.yml":   "networks: [{name: default, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, static: [10.0.0.5]}]}]\ncompilation: {workers: 1, network: default}\n",
		"web.yml": `name: "</script><script>document.title='hijacked'</script>"
instance_groups: [{name: "<img src=x onerror=\"document.title='hijacked'\">", instances: 1, networks: [{name: default, static_ips: [10.0.0.5]}], jobs: []}]
`,
	} {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
	p := openMap(t, browsertest.Start(t), mapOf(t, filepath.Join(dir, "ipguard.yml"), ExitIncomplete)+"#10.0.0.5", 1280, 800, "light")
	p.want(`document.title`, "Address map · ipguard")
	p.want(`document.querySelectorAll("img").length + document.querySelectorAll("script").length`, 2)
	p.wantPart(`document.getElementById("details").textContent`, "<img src=x")
	p.wantPart(`document.getElementById("details").textContent`, "</script><script>")
	p.wantPart(`document.getElementById("notice").textContent`, "This map is not whole")
	p.wantPart(`document.getElementById("notice").textContent`, "no such file")
	// A script that gets in all the same would not run: the policy names the
	// page's own by its hash.
	p.MayComplain = "Content Security Policy"
	refused, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](`new Promise((resolve) => {
	  document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
	  const script = document.createElement("script");
	  script.textContent = "document.title = 'hijacked'";
	  document.body.append(script);
	})`, chromedp.EvalAwaitPromise))
	if err != nil || refused != "script-src-elem" {
		t.Errorf("a script that was added: %q, %v", refused, err)
	}
	p.want(`document.title`, "Address map · ipguard")
}

func (p *mapPage) search(text string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("query").value = ""`),
		chromedp.SendKeys(chromedp.CSS("#query"), text))
}

// left and top are the middle of a cell of the first block, in the window.
func left(n int) string {
	return fmt.Sprintf(`(() => { const r = document.querySelector('#block-0 .cell[data-n="%d"]').getBoundingClientRect(); return r.left + r.width / 2 })()`, n)
}

func top(n int) string {
	return fmt.Sprintf(`(() => { const r = document.querySelector('#block-0 .cell[data-n="%d"]').getBoundingClientRect(); return r.top + r.height / 2 })()`, n)
}
