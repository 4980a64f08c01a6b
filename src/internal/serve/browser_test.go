package serve_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/serve"
)

// loggedIn is a browser without scripts that followed the one-time link.
func (r *running) loggedIn() *http.Client {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	if a := r.page(browser, strings.TrimPrefix(r.link, r.url), nil); a.status != 200 {
		r.t.Fatalf("the one-time link: %+v", a)
	}
	return browser
}

// page is what the browser gets for a path, or for a form that it sends there.
func (r *running) page(browser *http.Client, path string, form url.Values) answered {
	r.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return read(r.t, browser, request)
}

// startWithConflict is a server whose two directors both believe that 10.8.52.191 is theirs.
func startWithConflict(t *testing.T) *running {
	t.Helper()
	return startWith(t, func(c *serve.Config) {
		for name, change := range map[string][2]string{
			"web.yml":          {"10.8.52.231", "10.8.52.191"},
			"cloud-config.yml": {"10.8.52.2 - 10.8.52.199", "10.8.52.2 - 10.8.52.189"},
		} {
			path := filepath.Join(filepath.Dir(c.Fleet.Value), "dr-west", name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.ReplaceAll(strings.ReplaceAll(string(text), change[0], change[1]), "static: [10.8.52.224", "static: [10.8.52.191, 10.8.52.224")
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}
