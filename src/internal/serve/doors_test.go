package serve_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestLinkEnds: the link that stands in a log logs nobody in after a quarter of an hour.
func TestLinkEnds(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{serve.LinkLasts - time.Second, serve.LinkLasts} {
		r := start(t)
		r.clock.pass(age)
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		request, err := http.NewRequest(http.MethodGet, r.link, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, client, request)
		if in := a.status == http.StatusSeeOther; in != (age < serve.LinkLasts) {
			t.Errorf("after %s: %d %s", age, a.status, a.body)
		}
	}
}

// TestMetricsBehindProxy: whoever reaches a server through another program may not see its
// metrics without a token, though that program runs on the server's own machine.
func TestMetricsBehindProxy(t *testing.T) {
	t.Parallel()
	for url, status := range map[string]int{"": http.StatusOK, "https://ipguard.example.com": http.StatusUnauthorized} {
		r := startWith(t, func(c *serve.Config) { c.URL = fleet.Text{Value: url} })
		host := "localhost"
		if url != "" {
			host = "ipguard.example.com"
		}
		if a := r.raw("", "GET", "/metrics", "", "Host", host); a.status != status {
			t.Errorf("url %q: %d %s", url, a.status, a.body)
		}
		if a := r.raw(r.token("reader", accounts.Read), "GET", "/metrics", "", "Host", host); a.status != http.StatusOK {
			t.Errorf("url %q, with a token: %d %s", url, a.status, a.body)
		}
	}
}
