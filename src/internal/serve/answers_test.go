package serve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestWrongAnswers: what a server that is none answers, or one that refuses, ends every
// command with 3, with a reason, and nobody's token is printed.
func TestWrongAnswers(t *testing.T) {
	commands := [][]string{
		{"lint"}, {"lint", "director-env.yml"}, {"who", "10.8.52.191"}, {"free", "10.8.52.0/24"}, {"map"}, {"fence"}, {"bookings"}, {"bookings", "--mine"}, {"history", "10.8.52.199"},
		{"book", "dr", "--for", "lb/x"}, {"renew", "10.8.52.199"}, {"release", "10.8.52.199"}, {"adopt"}, {"baseline", "write"}, {"push"}, {"audit"}, {"bosh", "create-env", "director-env.yml"},
	}
	const huge = `{"fleet": "", "directors": [`
	for name, answer := range map[string]http.HandlerFunc{
		"forbidden": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			_, _ = w.Write([]byte(`{"status": 403, "detail": "it has no scope ipguard.read; you sent ` + r.Header.Get("Authorization") + `"}`))
		},
		"a page":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>log in</html>")) },
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"null":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("null")) },
		"another": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"version": "1.0", "items": []}`))
		},
		"a list": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[]`)) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(huge))
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
		},
		"not there": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"failing":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			west := c.team("dr-west", accounts.BookFor("dr"), accounts.PushFor("dr-west"))
			c.write("dr-west/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.200 - 10.8.52.209", "RESERVED", "10.8.52.2 - 10.8.52.199").Replace(cloudConfig))
			c.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.200"))
			c.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
			wrong := httptest.NewServer(answer)
			defer wrong.Close()
			c.write("dr-west/ipguard.yml", "server: "+wrong.URL+"\ndirectors:\n- name: dr-west\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n")
			for _, args := range commands {
				if out := west.expect(3, []string{wrong.URL}, args...); strings.Contains(out, west.token) {
					t.Errorf("ipguard %s prints the token: %s", strings.Join(args, " "), out)
				}
			}
		})
	}
}
