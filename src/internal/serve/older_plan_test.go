//go:build !race

package serve_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestOlderPlan: what answers as the server is not believed where it says less than the
// client was told before, such as a proxy that keeps old answers, or a server from before
// Ipguard-Seen.
func TestOlderPlan(t *testing.T) {
	promo, west := twoTeams(t)
	c := promo.company
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	west.expect(0, nil, "book", "dr", "--for", "dr-west/web/first")
	west.expect(0, nil, "who", "10.8.52.191")
	server := c.server.Config.Handler
	// answering gives each answer about the plan a change; nil leaves it out.
	answering := func(change func(header http.Header, body []byte) []byte) {
		c.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/plan" || change == nil {
				server.ServeHTTP(w, r)
				return
			}
			for _, name := range []string{"If-None-Match", "Accept-Encoding"} {
				r.Header.Del(name)
			}
			recorder := httptest.NewRecorder()
			server.ServeHTTP(recorder, r)
			body := change(recorder.Header(), recorder.Body.Bytes())
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Ipguard-Seen", recorder.Header().Get("Ipguard-Seen"))
			if _, err := io.Copy(w, bytes.NewReader(body)); err != nil {
				t.Error(err)
			}
		})
	}
	var kept []byte
	var keptSeen string
	answering(func(header http.Header, body []byte) []byte {
		kept, keptSeen = bytes.Clone(body), header.Get("Ipguard-Seen")
		return body
	})
	west.expect(0, nil, "who", "10.8.52.191")
	west.expect(0, nil, "book", "dr", "--for", "dr-west/web/second")
	answering(func(header http.Header, _ []byte) []byte {
		header.Set("Ipguard-Seen", keptSeen)
		return kept
	})
	for _, args := range [][]string{{"who", "10.8.52.191"}, {"lint"}, {"free"}, {"push"}} {
		west.expect(3, []string{"says less than before: pool dr ends with event 1, and event 2 was there"}, args...)
	}
	answering(nil)
	west.expect(0, nil, "who", "10.8.52.191")

	// The same of a push that went back.
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.189"))
	promo.expect(0, []string{"version 2"}, "push")
	west.expect(0, nil, "who", "10.8.52.191")
	answering(func(_ http.Header, body []byte) []byte {
		before := bytes.Replace(body, []byte(`"name":"promo","version":2`), []byte(`"name":"promo","version":1`), 1)
		if bytes.Equal(before, body) {
			t.Errorf("version 2 is not there: %s", body)
		}
		return before
	})
	west.expect(3, []string{"says less than before: of director promo push 1, and push 2 was there", "ipguard push promo"}, "lint")
	answering(nil)
	west.expect(0, nil, "lint")
}
