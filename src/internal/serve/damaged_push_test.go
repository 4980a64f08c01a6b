//go:build !race

package serve_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestDamagedPush: a server starts though a push is damaged, says which, answers what it
// knows, and takes the director for one of which nothing is known, until it is pushed again.
func TestDamagedPush(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.expect(0, nil, "push")
	promo.expect(0, nil, "lint")
	c := promo.company
	database, err := serve.Open(t.Context(), filepath.Join(c.folder, "server", "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	for _, damage := range []string{
		"update push set snapshot = substr(snapshot, 1, 40) where director = 'dr-west'",
		"delete from recorded where record = 'claims' and director = 'dr-west'", // as if a kill had kept history from it
	} {
		if _, err := database.Write().Exec(damage); err != nil {
			t.Fatal(err)
		}
	}

	var log bytes.Buffer
	config := serve.Config{Database: fleet.Text{Value: filepath.Join(c.folder, "server", "x.db")}, Fleet: fleet.Text{Value: filepath.Join(c.folder, "server", "ipguard.yml")}}
	again, err := serve.New(context.Background(), serve.Options{Config: config, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: c.clock.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	before := c.server.URL
	c.server.Close()
	c.server = httptest.NewServer(again.Handler())
	for _, m := range []*team{promo, west} {
		m.write(m.name+"/ipguard.yml", strings.Replace(m.read(m.name+"/ipguard.yml"), before, c.server.URL, 1))
	}
	if !strings.Contains(log.String(), "what was pushed of director dr-west is damaged") {
		t.Errorf("the log does not say which:\n%s", log.String())
	}

	admin := c.team("admin", accounts.Admin)
	var listed, page string
	admin.get(t, "/api/v1/directors", &listed)
	admin.get(t, "/network", &page)
	if strings.Count(listed, `"damaged":true`) != 1 || strings.Count(page, "damaged in the database") != 1 {
		t.Errorf("the list and the page do not say which:\n%s\n%s", listed, page)
	}

	for _, m := range []*team{promo, west} {
		m.expect(3, []string{"what was pushed of director dr-west is damaged on the server", "ipguard push dr-west"}, "lint")
	}
	promo.expect(3, []string{"in use by", "pgpool"}, "who", "10.8.52.191")
	promo.expect(3, []string{"dr-west is damaged"}, "who", "10.8.52.199")
	promo.expect(3, nil, "lint", "pgpool-manifest.yml")
	if got := west.post(t, "/api/v1/pools/dr/bookings", `{"for": "lb/x"}`); got.status != 409 || !strings.Contains(got.body, "what was pushed of director dr-west is damaged") {
		t.Errorf("an address is given that the director may have: %d %s", got.status, got.body)
	}
	promo.expect(0, []string{"unchanged"}, "push")

	// Of what was there nobody knows what another one's push would take away.
	other := c.team("other", accounts.PushFor("dr-west"))
	other.name = west.name
	other.expect(3, []string{"what token dr-west pushed of it at", "is damaged", "ipguard push --replaces"}, "push")
	west.expect(0, []string{"dr-west: version 2", "new", "dr-west: whatever version 1 had beside this (it is damaged, and nobody can tell) is not in it any more"}, "push")
	for _, m := range []*team{promo, west} {
		m.expect(0, nil, "lint")
		m.expect(0, []string{"declared by director/bosh of director dr-west", "a part of director dr-west could not be read"}, "history", "10.8.52.199")
	}
	west.expect(0, []string{"written on"}, "book", "dr", "--for", "lb/x")
}
