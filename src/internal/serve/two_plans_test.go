package serve_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// oneOfTwo is a server of several on one database, each with a fleet file of its own.
type oneOfTwo struct {
	url, file string
	program   *serve.Server
}

func startTwo(t *testing.T, database string) (servers []*oneOfTwo, token string) {
	for i := range 2 {
		file := filepath.Join(t.TempDir(), "ipguard.yml")
		cloud := `azs: [{name: z1}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, reserved: [10.0.0.2 - 10.0.0.254]}]
`
		for name, text := range map[string]string{file: poolsOf([]int{0, 8, 16}), filepath.Join(filepath.Dir(file), "cloud.yml"): cloud} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		config := serve.Config{Database: fleet.Text{Value: database}, Fleet: fleet.Text{Value: file}}
		program, err := serve.New(t.Context(), serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(program.Handler())
		t.Cleanup(func() {
			server.Close()
			if err := program.Close(); err != nil {
				t.Error(err)
			}
		})
		if servers = append(servers, &oneOfTwo{server.URL, file, program}); i > 0 {
			continue
		}
		d, err := serve.Open(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
		if token, err = store.Make(t.Context(), accounts.Token{Name: "both", Scopes: []string{accounts.Admin}, Ends: time.Now().Add(time.Hour), By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return servers, token
}

// poolsOf is a fleet file whose pools begin at some addresses of 10.0.0.0/24, in sixteenths, and end where
// the next one begins, or at the last of them.
func poolsOf(from []int) string {
	var b strings.Builder
	b.WriteString("directors: [{name: d, cloud_configs: [cloud.yml]}]\nsegments: [{name: lan, subnets: [{range: 10.0.0.0/24}]}]\npools:\n")
	for i, first := range from[:len(from)-1] {
		fmt.Fprintf(&b, "- {name: pool-%d, team: t, segment: lan, addresses: [10.0.0.%d - 10.0.0.%d]}\n", i, 16*first, 16*from[i+1]-1)
	}
	return b.String()
}

func (s *oneOfTwo) ask(method, path, token, body string) (int, error) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// TestTwoPlans: two servers on one database give no address twice, whatever pools their
// fleet files have, and whenever these change. The one whose pools were not loaded last
// says so.
func TestTwoPlans(t *testing.T) {
	t.Parallel()
	rounds := 30
	if sharedtest.Short() {
		rounds = 4
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			database := filepath.Join(t.TempDir(), "two.db")
			if kind == "postgres" {
				database = postgrestest.Start(t).Database(t)
			}
			servers, token := startTwo(t, database)
			d, err := serve.Open(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			answers := map[int]int{}
			var mu sync.Mutex
			for round := range rounds {
				var all sync.WaitGroup
				for i, s := range servers {
					random := rand.New(rand.NewPCG(uint64(round), uint64(i)))
					all.Go(func() {
						for n := range 4 {
							if random.IntN(3) == 0 {
								from := [][]int{{0, 8, 16}, {0, 4, 16}, {0, 12, 16}, {4, 8, 12}, {8, 16}}[random.IntN(5)]
								if err := os.WriteFile(s.file, []byte(poolsOf(from)), 0o644); err != nil {
									t.Error(err)
								}
							}
							path := fmt.Sprintf("/api/v1/pools/pool-%d/bookings", random.IntN(2))
							status, err := s.ask(http.MethodPost, path, token, fmt.Sprintf(`{"for": "lb/%d-%d-%d"}`, round, i, n))
							if err != nil || status >= 500 && status != 503 {
								t.Errorf("%s: %d %v", path, status, err)
							}
							mu.Lock()
							answers[status]++
							mu.Unlock()
						}
					})
				}
				all.Wait()
				oncePerAddress(t, d.SQL().QueryContext)
			}
			if answers[201] < 4 || answers[503] == 0 {
				t.Errorf("answers by status: %v; want addresses that are given, and servers that give none", answers)
			}
			saysSo(t, servers, token)
		})
	}
}

// saysSo wants a server that gives nothing to say so, until its fleet file says the same.
func saysSo(t *testing.T, servers []*oneOfTwo, token string) {
	t.Helper()
	for i, s := range servers {
		if err := os.WriteFile(s.file, []byte(poolsOf([]int{0, 4 + i, 16})), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ask(http.MethodGet, "/api/v1/pools", token, ""); err != nil {
			t.Fatal(err)
		}
	}
	first, err := servers[0].ask(http.MethodGet, "/readyz", token, "")
	second, other := servers[1].ask(http.MethodGet, "/readyz", token, "")
	if err != nil || other != nil || first != 503 || second != 200 {
		t.Errorf("/readyz of the old one: %d, of the new one: %d (%v, %v)", first, second, err, other)
	}
	if err := os.WriteFile(servers[0].file, []byte(poolsOf([]int{0, 5, 16})), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = servers[0].ask(http.MethodGet, "/api/v1/pools", token, "")
	if first, other = servers[0].ask(http.MethodGet, "/readyz", token, ""); err != nil || other != nil || first != 200 {
		t.Errorf("/readyz of one that has the same pools: %d (%v, %v)", first, err, other)
	}
}

// querying is sql.DB.QueryContext.
type querying func(ctx context.Context, query string, args ...any) (*sql.Rows, error)

// taken are the pools in which each address is taken, as the table says.
func taken(t *testing.T, query querying) map[string][]string {
	t.Helper()
	rows, err := query(t.Context(), `select pool, address from booking where state in ('held', 'booked')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	pools := map[string][]string{}
	for rows.Next() {
		var pool string
		var address []byte
		if err := rows.Scan(&pool, &address); err != nil {
			t.Fatal(err)
		}
		text := netip.AddrFrom16([16]byte(address)).Unmap().String()
		pools[text] = append(pools[text], pool)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return pools
}

func oncePerAddress(t *testing.T, query querying) {
	t.Helper()
	for address, pools := range taken(t, query) {
		if len(pools) > 1 {
			t.Fatalf("%s was given twice: of %v", address, pools)
		}
	}
}
