package serve_test

import (
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// TestReload: ways to log in come and go without a restart; what is wrong changes
// nothing, and what wants a restart is said.
func TestReload(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	entrance := `href="/login?provider=`
	inside := w.browser()
	w.get(inside, "/login?return=%2Fmine")
	page := func() string { return w.get(w.browser(), "/").body }
	if !strings.Contains(page(), entrance) {
		t.Fatal("there is no way in to begin with")
	}
	wrong := w.config
	wrong.Login.Providers = nil
	wrong.URL.Value = "nonsense"
	w.program.Reload(wrong)
	wrong = w.config
	wrong.TLS.Certificate, wrong.TLS.Key = fleet.Text{Value: "/not/there"}, fleet.Text{Value: "/not/there"}
	wrong.Login.Providers = nil
	w.program.Reload(wrong)
	if got := strings.Count(w.log.text(), "nothing was read again"); got != 2 || !strings.Contains(page(), entrance) || w.get(inside, "/mine").status != 200 {
		t.Errorf("after two wrong ones, %d of which were told: %s", got, page())
	}
	none := w.config
	none.Login.Providers = nil
	none.Listen.Value, none.Database.Value = "127.0.0.1:9", "other.db"
	w.program.Reload(none)
	if got := page(); strings.Contains(got, entrance) {
		t.Errorf("the way in is there still: %s", got)
	}
	if a := w.get(inside, "/mine"); a.status != 401 {
		t.Errorf("who came in through it is inside still: %+v", a)
	}
	for _, key := range []string{"listen", "database"} {
		if !strings.Contains(w.log.text(), `"a change of the configuration wants a restart","key":"`+key+`"`) {
			t.Errorf("nothing is said of %s", key)
		}
	}
	w.program.Reload(w.config)
	if a := w.get(w.browser(), "/login?return=%2Fmine"); a.status != 200 || !strings.Contains(a.body, "<span>alice</span>") {
		t.Errorf("after it came back: %+v", a)
	}
}
