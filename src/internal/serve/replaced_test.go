//go:build !race

package serve_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestReplacedFile asks all operations that may write after the database's file was
// replaced: none is told that something was done, or is so already, which goes with the
// file that was there.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	var file string
	r := startWith(t, func(c *serve.Config) { file = c.Database.Value })
	var api openAPI
	r.raw("", "GET", "/api/v1/openapi.json", "").into(t, &api)
	admin := r.token("admin", accounts.Admin)
	if err := os.Rename(file, file+".moved"); err != nil {
		t.Fatal(err)
	}
	seed, asked := rand.Uint64(), 0
	t.Logf("seed %d", seed)
	for path, methods := range api.Paths {
		for method, o := range methods {
			if method = strings.ToUpper(method); method == "GET" {
				continue
			}
			asked++
			for n := range 20 {
				a := &asker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), api: api, words: words, raw: "x"}
				target, body, headers := a.request(path, o)
				if got := r.ask(admin, method, target, body, headers...); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "was replaced or removed") {
					t.Errorf("%s %s with %s: %d %s", method, target, body, got.status, got.body)
					break
				}
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d operations write", asked)
	}
	if got := r.raw("", "GET", strings.TrimPrefix(r.link, r.url), ""); got.status != http.StatusServiceUnavailable || got.header.Get("Set-Cookie") != "" {
		t.Errorf("somebody was logged in: %d %s", got.status, got.body)
	}
	if got := r.raw(admin, "POST", "/logout", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("somebody was logged out: %d %s", got.status, got.body)
	}
}
