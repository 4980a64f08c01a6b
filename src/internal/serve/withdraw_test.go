package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestWithdrawMeetsApprove: of one who approves and one who takes back at the same moment,
// at two servers, one wins, and the other is told. What is booked is so by whoever approved.
func TestWithdrawMeetsApprove(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			database := filepath.Join(t.TempDir(), "two.db")
			if kind == "postgres" {
				database = postgrestest.Start(t).Database(t)
			}
			servers, token := startTwo(t, database)
			for _, s := range servers {
				if err := os.WriteFile(s.file, []byte(strings.ReplaceAll(poolsOf([]int{0, 8, 16}), "segment: lan,", "segment: lan, quota: 1,")), 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := s.ask(http.MethodGet, "/api/v1/pools", token, ""); err != nil {
					t.Fatal(err)
				}
			}
			d, err := serve.Open(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
			asker, err := store.Make(t.Context(), accounts.Token{Name: "asker", Scopes: []string{accounts.BookFor("t")}, Ends: time.Now().Add(time.Hour), By: "test"})
			if err != nil {
				t.Fatal(err)
			}
			won := map[string]int{}
			for n := range 8 {
				owner := fmt.Sprintf("lb/front-%d", n)
				var request requested
				if status := servers[0].read(t, http.MethodPost, "/api/v1/pools/pool-0/requests", asker, fmt.Sprintf(`{"for": %q, "number": 2}`, owner), &request); status != 201 {
					t.Fatalf("request: %d", status)
				}
				path := fmt.Sprintf("/api/v1/requests/%d/", request.ID)
				var approved, withdrawn, after requested
				var yes, no int
				random := rand.New(rand.NewPCG(uint64(n), 18))
				pause := [2]time.Duration{time.Duration(random.IntN(8000)) * time.Microsecond, time.Duration(random.IntN(8000)) * time.Microsecond}
				var answered [2]chan struct{}
				for i := range answered {
					answered[i] = make(chan struct{})
				}
				wait := func(i int) {
					time.Sleep(pause[i])
					if n < 2 && i != n { // one of each, for sure
						<-answered[n]
					}
				}
				var both sync.WaitGroup
				both.Go(func() {
					defer close(answered[0])
					wait(0)
					yes = servers[0].read(t, http.MethodPost, path+"approve", token, "{}", &approved)
				})
				both.Go(func() {
					defer close(answered[1])
					wait(1)
					no = servers[1].read(t, http.MethodPost, path+"withdraw", asker, "{}", &withdrawn)
				})
				both.Wait()
				var list struct{ Requests []requested }
				servers[1].read(t, http.MethodGet, "/api/v1/requests", token, "", &list)
				for _, r := range list.Requests {
					if r.ID == request.ID {
						after = r
					}
				}
				var booked struct{ Bookings []struct{ Address string } }
				servers[1].read(t, http.MethodGet, "/api/v1/bookings?owner="+owner, token, "", &booked)
				won[after.State]++
				switch what := fmt.Sprintf("approve %d %s, withdraw %d %s, then %s by %s with %d booked", yes, approved.State, no, withdrawn.State, after.State, after.Judge, len(booked.Bookings)); {
				case after.State == "booked" && (len(booked.Bookings) != 2 || after.Judge != "token both" || no != 409 || yes != 200),
					after.State == "withdrawn" && (len(booked.Bookings) != 0 || after.Judge != "token asker" || no != 200 || yes != 409),
					after.State != "booked" && after.State != "withdrawn":
					t.Errorf("%s: %s", owner, what)
				}
			}
			if won["booked"] == 0 || won["withdrawn"] == 0 {
				t.Errorf("one of the two wins always: %v", won)
			}
		})
	}
}

func (s *oneOfTwo) read(t *testing.T, method, path, token, body string, into any) (status int) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode < 300 {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Errorf("%s %s: %d %v %s", method, path, response.StatusCode, err, text)
	}
	return response.StatusCode
}
