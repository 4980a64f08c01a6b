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

// TestNoSuchPath: what the API has not is refused in its form (RFC 9457), too, and a tag that
// a proxy made weak, or that stands among others, is known (RFC 9110, section 13.1.2).
func TestNoSuchPath(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	for request, want := range map[string]int{"GET /api/v1/nope": 404, "GET /api/v1/": 404, "PATCH /api/v1/plan": 405, "DELETE /api/v1/pools": 405} {
		method, path, _ := strings.Cut(request, " ")
		a := r.raw(admin, method, path, "")
		var problem struct {
			Status        int
			Title, Detail string
		}
		a.into(t, &problem)
		if a.status != want || problem.Status != want || problem.Title == "" || problem.Detail == "" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s: %+v", request, a.status, a.header.Get("Content-Type"), problem)
		}
		if allow := a.header.Get("Allow"); (want == 405) != (allow != "") || !strings.Contains(problem.Detail, allow) {
			t.Errorf("%s: Allow: %q, and it says %q", request, allow, problem.Detail)
		}
	}
	for _, path := range []string{"/api/v1/plan", "/api/v1/pools/promo/records"} {
		tag := r.raw(admin, "GET", path, "").header.Get("ETag")
		for header, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", W/"y", ` + tag: 304, "*": 304, `"x"`: 200, `W/"x"`: 200, "": 200} {
			if a := r.raw(admin, "GET", path, "", "If-None-Match", header); a.status != want || (a.body == "") != (want == 304) {
				t.Errorf("%s, If-None-Match: %s: %d, want %d", path, header, a.status, want)
			}
		}
	}
}
