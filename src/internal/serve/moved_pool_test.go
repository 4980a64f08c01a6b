//go:build !race

package serve_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// wires are two segments that a fleet file may give other names.
type wires struct {
	*rand.Rand
	names [2]string
	pools []wiredPool
}

type wiredPool struct {
	name        string
	wire        int // 2: the file does not say which
	first, last int
}

func (w *wires) change() {
	if w.IntN(4) == 0 {
		w.names = [][2]string{{"v52", "v53"}, {"lan-52", "v53"}, {"v52", "lan-53"}, {"lan-52", "lan-53"}}[w.IntN(4)]
	}
	w.pools = nil
	for i := range 3 {
		if p := (wiredPool{fmt.Sprintf("p%d", i), min(w.IntN(5)/2, 2), 16 + w.IntN(6), 0}); w.IntN(6) > 0 {
			p.last = p.first + w.IntN(22-p.first)
			w.pools = append(w.pools, p)
		}
	}
}

// meet reports whether two wires may be one.
func meet(wire, other int) bool { return wire == other || wire == 2 || other == 2 }

// clash reports whether two pools delegate one address of one wire, which nobody accepts.
func (w *wires) clash() bool {
	for i, p := range w.pools {
		for _, o := range w.pools[:i] {
			if meet(p.wire, o.wire) && p.first <= o.last && o.first <= p.last {
				return true
			}
		}
	}
	return false
}

// moved reports whether a pool is there, and on the other wire.
func (w *wires) moved(pool string, wire int) bool {
	return slices.ContainsFunc(w.pools, func(p wiredPool) bool { return p.name == pool && p.wire != wire })
}

func (w *wires) file() string {
	var b strings.Builder
	b.WriteString("directors: [{name: d0, cloud_configs: [c0.yml]}, {name: d1, cloud_configs: [c1.yml]}]\nsegments:\n")
	for i, name := range w.names {
		fmt.Fprintf(&b, "- {name: %s, subnets: [{director: d%d, range: 10.0.0.0/24}]}\n", name, i)
	}
	b.WriteString("pools:\n")
	if len(w.pools) == 0 {
		b.WriteString("- {name: none, team: t, segment: " + w.names[0] + ", addresses: [10.0.0.99]}\n")
	}
	for _, p := range w.pools {
		segment := ""
		if p.wire < 2 {
			segment = "segment: " + w.names[p.wire] + ", "
		}
		fmt.Fprintf(&b, "- {name: %s, team: t, %saddresses: [10.0.0.%d - 10.0.0.%d]}\n", p.name, segment, p.first, p.last)
	}
	return b.String()
}

// TestMovedPools: what was booked in a segment is given to nobody else there, wherever the
// fleet file puts the pool later, whatever it calls the segments, and whether the server is
// started anew; and what nobody ever had is given.
func TestMovedPools(t *testing.T) {
	t.Parallel()
	seeds := []uint64{8, 0, 1, 2, 3, 4} // in 8 a pool that was in no segment gets one
	if sharedtest.Short() {
		seeds = seeds[:2]
	}
	moved := 0
	for _, seed := range seeds {
		moved += moveAndBook(t, seed)
	}
	if moved == 0 {
		t.Error("no address was refused because it was booked where its pool had been")
	}
}

func moveAndBook(t *testing.T, seed uint64) (refused int) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		write(fmt.Sprintf("c%d.yml", i), `azs: [{name: z1}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, reserved: [10.0.0.2 - 10.0.0.254]}]
`)
	}
	w := &wires{Rand: rand.New(rand.NewPCG(seed, 52)), names: [2]string{"v52", "v53"}}
	for w.change(); w.clash(); w.change() {
	}
	write("ipguard.yml", w.file())
	config := serve.Config{Database: fleet.Text{Value: filepath.Join(folder, "x.db")}, Fleet: fleet.Text{Value: filepath.Join(folder, "ipguard.yml")}}
	s, token := startedOn(t, config)
	type address struct{ wire, last int }
	has := func(list map[address]string, at address) string {
		for wire := range 3 {
			if who := list[address{wire, at.last}]; who != "" && meet(wire, at.wire) {
				return who
			}
		}
		return ""
	}
	had := map[address]string{} // who has it there, or had: it rests for a week
	of := map[address]string{}  // and of which pool
	ever := map[int]bool{}
	for n := range 60 {
		switch w.IntN(6) {
		case 0:
			w.change()
			write("ipguard.yml", w.file())
		case 1:
			if !w.clash() {
				s.stop()
				s, token = startedOn(t, config)
			}
		}
		if w.clash() || len(w.pools) == 0 {
			continue
		}
		p := w.pools[w.IntN(len(w.pools))]
		at := address{p.wire, p.first + w.IntN(p.last-p.first+1)}
		who := fmt.Sprintf("lb/front-%d", n)
		status, err := s.ask(http.MethodPost, "/api/v1/pools/"+p.name+"/bookings", token, fmt.Sprintf(`{"for": %q, "addresses": ["10.0.0.%d"]}`, who, at.last))
		switch {
		case err != nil || status != http.StatusCreated && status != http.StatusConflict:
			t.Fatalf("seed %d: %d %v\n%s", seed, status, err, w.file())
		case status == http.StatusCreated && has(had, at) != "":
			t.Fatalf("seed %d: 10.0.0.%d of wire %d is %s's, and was given to %s\n%s", seed, at.last, at.wire, has(had, at), who, w.file())
		case status == http.StatusConflict && !ever[at.last]:
			t.Fatalf("seed %d: 10.0.0.%d was nobody's, and is not given\n%s", seed, at.last, w.file())
		case status == http.StatusConflict:
			if w.moved(has(of, at), at.wire) {
				refused++
			}
			continue
		}
		had[at], of[at], ever[at.last] = who, p.name, true
		if w.IntN(4) == 0 {
			if status, err := s.ask(http.MethodPost, "/api/v1/pools/"+p.name+"/release", token, fmt.Sprintf(`{"addresses": ["10.0.0.%d"]}`, at.last)); err != nil || status != http.StatusOK {
				t.Fatalf("release: %d %v", status, err)
			}
		}
	}
	s.stop()
	return refused
}

// stopped is a server that a test stops by itself.
type stopped struct {
	oneOfTwo
	stop func()
}

func startedOn(t *testing.T, config serve.Config) (s *stopped, token string) {
	t.Helper()
	program, err := serve.New(t.Context(), serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(program.Handler())
	d, err := serve.Open(t.Context(), config.Database.Value)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
	if token, err = store.Make(t.Context(), accounts.Token{Name: fmt.Sprint(time.Now().UnixNano()), Scopes: []string{accounts.Admin}, Ends: time.Now().Add(time.Hour), By: "test"}); err != nil {
		t.Fatal(err)
	}
	return &stopped{oneOfTwo{url: server.URL, program: program}, func() {
		server.Close()
		if err := program.Close(); err != nil {
			t.Error(err)
		}
	}}, token
}
