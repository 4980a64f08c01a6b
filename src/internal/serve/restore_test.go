//go:build !race

package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/servecli"
)

// TestOldBackup is a night on which a file is put back that is a day old, by cp, with
// nothing beside it that would tell: the team that booked since shows it to the server.
func TestOldBackup(t *testing.T) {
	promo, west := twoTeams(t)
	c := promo.company
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	promo.expect(0, []string{"10.8.52.180"}, "book", "promo", "--for", "promo/web/before")
	file, old := filepath.Join(c.folder, "server", "x.db"), filepath.Join(c.folder, "old.db")
	backUp(t, file, old)
	promo.expect(0, []string{"10.8.52.181"}, "book", "promo", "--for", "promo/web/after")

	// A new server on the old file, and nothing else of what was there.
	c.server.Config.Handler = onFile(t, c, old)
	code, out := promo.run("who", "10.8.52.181")
	if code != 3 || !strings.Contains(out, "promo/web/after") || strings.Contains(out, "does not answer") || !strings.Contains(out, "pool promo is fenced") {
		t.Errorf("the plan that was kept is not used, or taken for whole: %d\n%s", code, out)
	}
	for _, args := range [][]string{{"lint"}, {"lint", "pgpool-manifest.yml"}, {"map"}, {"bookings"}, {"history", "10.8.52.181"}, {"free"}, {"free", "--why", "10.8.52.182"}, {"push"}, {"bosh", "-e", "https://promo.example.com", "-d", "pgpool", "deploy", "pgpool-manifest.yml"}} {
		out := promo.expect(3, []string{"pool promo is fenced"}, args...)
		if args[0] == "free" && strings.Contains(out, "10.8.52.182 is free") || args[0] == "push" && strings.Contains(out, "version") {
			t.Errorf("%v while bookings may be lost: %s", args, out)
		}
	}
	promo.expect(3, []string{"pool promo is fenced", "restore --accept"}, "book", "promo", "--for", "promo/web/third")
	accept := func(database string, args ...string) (int, string) {
		var said bytes.Buffer
		code := servecli.Run(t.Context(), servecli.Streams{Args: append(append([]string{"restore", "--accept"}, args...), "--database", database), Stdout: &said, Stderr: &said})
		return code, said.String()
	}
	plans, _ := filepath.Glob(filepath.Join(c.folder, "promo/home/.cache/ipguard/*/plan.json"))
	seen, _ := filepath.Glob(filepath.Join(c.folder, "promo/home/.cache/ipguard/seen-*.json"))
	if len(plans) != 1 || len(seen) != 1 {
		t.Fatal(plans, seen)
	}
	if code, said := accept(old, "--replay", plans[0], "--replay", seen[0]); code != 0 || !strings.Contains(said, "somebody was told of event 2") {
		t.Errorf("%d %s", code, said)
	}
	promo.expect(0, nil, "book", "promo", "--for", "promo/web/after")
	if _, out := promo.run("who", "10.8.52.181"); !strings.Contains(out, "promo/web/after") || strings.Contains(out, "does not answer") {
		t.Errorf("what was told is not there again:\n%s", out)
	}
	if _, out := promo.run("book", "promo", "--for", "promo/web/third"); strings.Contains(out, "10.8.52.181") || !strings.Contains(out, "10.8.52.182") {
		t.Errorf("what is given now:\n%s", out)
	}

	// A server that knows nothing at all is another one, and the client says so.
	empty := filepath.Join(c.folder, "empty.db")
	c.server.Config.Handler = onFile(t, c, empty)
	d, err := sqlite.Open(t.Context(), empty)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, statement := range []string{"attach '" + file + "' as other", "insert into token select * from other.token"} {
		if _, err := d.Write().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"who", "10.8.52.181"}, {"lint"}, {"push"}, {"push", "promo"}} {
		promo.expect(3, []string{"has another database than before", "rm "}, args...)
	}
	// What was kept of the one is not written into the other, unless somebody says so.
	if err := ledgersql.Raise(t.Context(), d, "", "it is empty", c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen[0])
	if err != nil {
		t.Fatal(err)
	}
	var kept struct{ Database string }
	if err := json.Unmarshal(text, &kept); err != nil || kept.Database == "" {
		t.Fatal(err, kept)
	}
	unnamed := filepath.Join(c.folder, "seen-unnamed.json")
	if err := os.WriteFile(unnamed, bytes.ReplaceAll(text, []byte(kept.Database), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{plans[0], seen[0], unnamed} {
		if code, said := accept(empty, "--replay", file); code != 3 || !strings.Contains(said, "is of another server") {
			t.Errorf("%s: %d %s", file, code, said)
		}
	}
	if code, said := accept(empty, "--replay", plans[0], "--replay", seen[0], "--replaces", kept.Database); code != 0 || !strings.Contains(said, "pool promo: 3 events were written again") {
		t.Errorf("%d %s", code, said)
	}
	// Who only ever pushed notices, too.
	c.server.Config.Handler = onFile(t, c, old)
	if err := os.RemoveAll(filepath.Join(c.folder, "promo/home")); err != nil {
		t.Fatal(err)
	}
	promo.expect(0, nil, "push")
	c.server.Config.Handler = onFile(t, c, empty)
	promo.expect(3, []string{"has another database than before"}, "push")
}

// backUp copies a file as cp does while nobody writes: the copy does not say that it is one.
func backUp(t *testing.T, file, to string) {
	t.Helper()
	d, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.SQL().Exec("vacuum into $1", to); err != nil {
		t.Fatal(err)
	}
}

// onFile is what a server on another database answers; its tokens are those of the company.
func onFile(t *testing.T, c *company, file string) http.Handler {
	t.Helper()
	config := serve.Config{Database: fleet.Text{Value: file}, Fleet: fleet.Text{Value: filepath.Join(c.folder, "server", "ipguard.yml")}}
	s, err := serve.New(context.Background(), serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: c.clock.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Handler()
}
