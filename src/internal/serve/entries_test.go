//go:build !race

package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestEntriesAsBookings: who computed by itself which address it takes gets none that the
// server would not give, whatever it did not see: of two servers with the same plan, one
// is asked for each address, and the other one told; also of a pool in no network that the
// server was told of.
func TestEntriesAsBookings(t *testing.T) {
	plan := strings.Replace(companyPlan, "10.8.52.190 - 10.8.52.199", "10.8.52.0 - 10.8.52.5, 10.8.52.188 - 10.8.52.215, 10.8.52.254 - 10.8.52.255", 1)
	plan = strings.Replace(plan, "10.8.52.180 - 10.8.52.189", "10.8.52.180 - 10.8.52.187", 1)
	plan = strings.Replace(plan, "segments: [", "segments: [{name: vlan-99, subnets: [{range: 10.8.99.0/24}]}, ", 1) + "- {name: far, team: dr, segment: vlan-99, addresses: [10.8.99.0 - 10.8.99.7]}\n"
	for _, blind := range []bool{false, true} {
		var engineers [2]*team
		for i := range engineers {
			c := newCompanyOf(t, plan)
			west := c.team("dr-west", accounts.BookFor("dr"), accounts.PushFor("dr-west"))
			promo := c.team("promo", accounts.PushFor("promo"))
			c.write("dr-west/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.195 - 10.8.52.199", "RESERVED", "10.8.52.2 - 10.8.52.194, 10.8.52.212 - 10.8.52.254").Replace(cloudConfig))
			c.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.195"))
			c.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.193"))
			west.expect(0, nil, "push")
			if !blind {
				c.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.190", "RESERVED", "10.8.52.2 - 10.8.52.189, 10.8.52.191 - 10.8.52.254").Replace(cloudConfig))
				c.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.190"))
				c.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.98"))
				promo.expect(0, nil, "push")
			}
			secret, err := c.accounts.Make(t.Context(), accounts.Token{Name: "engineer", Scopes: []string{accounts.BookFor("dr")}, Ends: c.clock.Now().AddDate(0, 0, 1), By: "test"})
			if err != nil {
				t.Fatal(err)
			}
			engineers[i] = &team{c, "dr-west", secret}
		}
		given := 0
		for last := range 256 {
			pool, address := "dr", fmt.Sprintf("10.8.52.%d", last)
			switch {
			case last > 5 && last < 14:
				pool, address = "far", fmt.Sprintf("10.8.99.%d", last-6)
			case last > 5 && last < 188 || last > 215 && last < 254:
				continue
			}
			owner := fmt.Sprintf("lb/n%d", last)
			body := fmt.Sprintf(`{"for": %q, "addresses": [%q]}`, owner, address)
			asked, err := (&oneOfTwo{url: engineers[0].server.URL}).ask(http.MethodPost, "/api/v1/pools/"+pool+"/bookings", engineers[0].token, body)
			if err != nil {
				t.Fatal(err)
			}
			told := engineers[1].writes(pool, address, owner)
			if asked == http.StatusCreated {
				given++
			}
			if (asked == http.StatusCreated) != (told == http.StatusOK) {
				t.Errorf("blind %v: %s: who asks gets %d, who tells %d", blind, address, asked, told)
			}
		}
		if given == 0 != blind {
			t.Errorf("blind %v: %d addresses are given", blind, given)
		}
	}
}

// writes tells the server of a booking that somebody computed.
func (m *team) writes(pool, address, owner string) (status int) {
	m.t.Helper()
	ask := func(method, path, etag, body string) *http.Response {
		request, err := http.NewRequest(method, m.server.URL+path, strings.NewReader(body))
		if err != nil {
			m.t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+m.token)
		request.Header.Set("Content-Type", "application/json")
		if etag != "" {
			request.Header.Set("If-Match", etag)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			m.t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return response
	}
	event := map[string]any{"at": m.clock.Now(), "what": "booked", "owner": owner, "number": 0, "team": "dr", "until": m.clock.Now().Add(24 * time.Hour)}
	text, err := json.Marshal(map[string]any{"entries": []any{map[string]any{"address": address, "event": event}}})
	if err != nil {
		m.t.Fatal(err)
	}
	records := ask(http.MethodGet, "/api/v1/pools/"+pool+"/records", "", "")
	return ask(http.MethodPost, "/api/v1/pools/"+pool+"/entries", records.Header.Get("ETag"), string(text)).StatusCode
}
