//go:build !race

package serve_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// fetched is an answer as it was on the wire.
type fetched struct {
	encoding, vary, etag string
	packed               int
	text                 string
}

// fetch asks without undoing what the server does to the answer.
func (r *running) fetch(token, path string, headers ...string) fetched {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Transport{DisableCompression: true}).RoundTrip(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: status %d, %v", path, answer.StatusCode, err)
	}
	f := fetched{answer.Header.Get("Content-Encoding"), strings.Join(answer.Header.Values("Vary"), ","), answer.Header.Get("ETag"), len(body), string(body)}
	if f.encoding == "gzip" {
		unpacked, err := gzip.NewReader(strings.NewReader(f.text))
		if err != nil {
			r.t.Fatal(err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil {
			r.t.Fatal(err)
		}
		f.text = string(text)
	}
	return f
}

// TestCompressed: answers are compressed for who takes that, and nothing else of them
// changes; not for a page of another site, and never a secret.
func TestCompressed(t *testing.T) {
	t.Parallel()
	r := start(t)
	token := r.token("all", accounts.Admin)
	for _, c := range []struct {
		path   string
		site   string
		packed bool
	}{
		{"/", "", true},
		{"/pools/promo", "none", true},
		{"/pages/style.css", "same-origin", true},
		{"/api/v1/openapi.yaml", "", true},
		{"/api/v1/openapi.json", "same-origin", true},
		{"/", "cross-site", false},
		{"/pools/promo", "same-site", false},
		{"/api/v1/tokens", "", false},
		{"/healthz", "", false},
	} {
		plain := r.fetch(token, c.path)
		got := r.fetch(token, c.path, "Accept-Encoding", "gzip", "Sec-Fetch-Site", c.site)
		if (got.encoding == "gzip") != c.packed {
			t.Errorf("%s from %q: encoding %q", c.path, c.site, got.encoding)
		}
		if plain.encoding != "" || got.text != plain.text || got.etag != plain.etag {
			t.Errorf("%s: the answer changes with its encoding: %q and %q, ETag %s and %s", c.path, plain.text, got.text, plain.etag, got.etag)
		}
		if !strings.Contains(got.vary, "Accept-Encoding") || !strings.Contains(plain.vary, "Accept-Encoding") {
			t.Errorf("%s: a cache is not told that it varies: %q and %q", c.path, got.vary, plain.vary)
		}
	}
}

// TestFirstView: a page with all that it brings along is small on the wire.
func TestFirstView(t *testing.T) {
	t.Parallel()
	const most = 60_000 // bytes
	r := start(t)
	token := r.token("all", accounts.Admin)
	for _, page := range []string{"/", "/pools", "/pools/promo", "/addresses/10.8.52.191", "/mine", "/conflicts", "/network"} {
		total := 0
		for _, path := range []string{page, "/pages/style.css", "/pages/script.js"} {
			got := r.fetch(token, path, "Accept-Encoding", "gzip", "Sec-Fetch-Site", "none")
			if got.text == "" {
				t.Errorf("%s is empty", path)
			}
			total += got.packed
		}
		if t.Logf("%s: %d bytes", page, total); total > most {
			t.Errorf("%s is %d bytes at first, and may be %d", page, total, most)
		}
	}
}
