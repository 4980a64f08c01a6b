package webhooks

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/databasetest"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newSender(t *testing.T, d ledgersql.Database, c *clock, url string) *Sender {
	t.Helper()
	s, err := New(d.SQL(), d.Write(), []Webhook{{Name: "ops", URL: url, Secret: secret}}, c.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, d ledgersql.Database, webhook, body string, now time.Time) {
	t.Helper()
	tx, err := d.Write().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Add(t.Context(), tx, webhook, []byte(body), now); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestSignature is the example of the specification of Standard Webhooks.
func TestSignature(t *testing.T) {
	key, err := keyOf(secret)
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`)
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// receiver answers as it likes, and knows what it should never see.
type receiver struct {
	mu        sync.Mutex
	random    *rand.Rand
	inside    map[string]int
	arrived   map[string]int
	attempts  int
	overlaps  []string
	afterward []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	id := request.Header.Get("webhook-id")
	r.mu.Lock()
	r.attempts++
	if r.inside[id]++; r.inside[id] > 1 {
		r.overlaps = append(r.overlaps, id)
	}
	if r.arrived[id] > 0 {
		r.afterward = append(r.afterward, id)
	}
	fails, pause := r.random.IntN(3) == 0, time.Duration(r.random.IntN(3))*time.Millisecond
	r.mu.Unlock()
	time.Sleep(pause)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside[id]--
	if fails {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	r.arrived[id]++
}

// TestOnce: whatever fails, and however many servers send, each message arrives once,
// and no two attempts with one overlap.
func TestOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, d ledgersql.Database) {
		const messages, servers = 40, 4
		c := newClock()
		r := &receiver{random: rand.New(rand.NewPCG(1, 2)), inside: map[string]int{}, arrived: map[string]int{}}
		server := httptest.NewServer(r)
		defer server.Close()
		var senders []*Sender
		for range servers {
			senders = append(senders, newSender(t, d, c, server.URL))
		}
		for i := range messages {
			add(t, d, "ops", fmt.Sprintf(`{"n": %d}`, i), c.Now())
		}
		for round := 0; ; round++ {
			var all sync.WaitGroup
			for _, s := range senders {
				all.Go(func() {
					if err := s.SendDue(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			waiting, err := senders[0].Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if waiting == 0 {
				break
			}
			if round > 1000 {
				t.Fatalf("%d messages never arrive", waiting)
			}
			c.pass(10 * time.Second)
		}
		if len(r.arrived) != messages || len(r.overlaps) > 0 || len(r.afterward) > 0 {
			t.Errorf("%d of %d arrived, %d attempts overlapped, %d came after the answer", len(r.arrived), messages, len(r.overlaps), len(r.afterward))
		}
		if r.attempts == messages {
			t.Error("no attempt failed: this test tests nothing")
		}
	})
}

// TestKilled: a message that a server was sending when it was killed is sent by another
// one, but not before nobody can be sending it.
func TestKilled(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, d ledgersql.Database) {
		c := newClock()
		r := &receiver{random: rand.New(rand.NewPCG(1, 3)), inside: map[string]int{}, arrived: map[string]int{}}
		server := httptest.NewServer(r)
		defer server.Close()
		add(t, d, "ops", "{}", c.Now())
		killed, err := (outbox{d.SQL(), d.Write()}).next(t.Context(), "ops", c.Now(), claimTime)
		if err != nil || killed == nil {
			t.Fatalf("nothing is claimed: %v", err)
		}
		other := newSender(t, d, c, server.URL)
		for passed := time.Duration(0); passed < claimTime; passed += 20 * time.Second {
			if err := other.SendDue(t.Context()); err != nil || r.attempts > 0 {
				t.Fatalf("after %s: %d attempts, %v", passed, r.attempts, err)
			}
			c.pass(20 * time.Second)
		}
		for range 100 {
			if err := other.SendDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.pass(time.Hour)
		}
		if r.arrived[killed.id] != 1 {
			t.Errorf("it arrived %d times", r.arrived[killed.id])
		}
		// What the killed one still writes changes nothing.
		if err := (outbox{d.SQL(), d.Write()}).again(t.Context(), killed, "late", c.Now()); err != nil {
			t.Fatal(err)
		}
		if n, err := other.Waiting(t.Context()); err != nil || n != 0 {
			t.Errorf("%d wait, %v", n, err)
		}
	})
}

// TestHostileReceiver: what a receiver does takes no longer, and leads nowhere.
func TestHostileReceiver(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	release := make(chan struct{})
	defer close(release)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "is not followed"},
		"silent":         {func(_ http.ResponseWriter, r *http.Request) { <-release }, "no answer within"},
		"endless body":   {func(w http.ResponseWriter, _ *http.Request) { endless(w, release) }, ""},
		"endless header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "no answer"},
		"secret answer":  {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hush", http.StatusTeapot) }, "status 418"},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := httptest.NewServer(c.answer)
			defer receiver.CloseClientConnections()
			target, err := newTarget(Webhook{Name: "ops", URL: receiver.URL + "/hidden", Secret: secret})
			if err != nil {
				t.Fatal(err)
			}
			target.client.Timeout = 300 * time.Millisecond
			got := target.send(t.Context(), &message{id: "msg_1", body: "{}"}, time.Now())
			if !strings.Contains(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "hidden") || strings.Contains(got, "hush") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
}

func endless(w http.ResponseWriter, release <-chan struct{}) {
	for {
		select {
		case <-release:
			return
		default:
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
			return
		}
	}
}

// TestNobodyThere: what never answers is tried for three days, less and less often, and
// is told as given up; others go on meanwhile.
func TestNobodyThere(t *testing.T) {
	d := databasetest.SQLite(t)
	c := newClock()
	closed := httptest.NewServer(nil)
	closed.Close()
	var log bytes.Buffer
	s, err := New(d.SQL(), d.Write(), []Webhook{{Name: "ops", URL: closed.URL + "/hidden", Secret: secret}}, c.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]int{}
	s.Counted = func(_, result string) { results[result]++ }
	add(t, d, "ops", "{}", c.Now())
	add(t, d, "gone-from-the-configuration", "{}", c.Now())
	for range 4 * 24 * 60 {
		if err := s.SendDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Minute)
	}
	if results["given_up"] != 1 || results["failed"] < 10 || results["failed"] > 40 {
		t.Errorf("%v", results)
	}
	if strings.Contains(log.String(), "hidden") || strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "webhook=ops") {
		t.Errorf("log: %s", log.String())
	}
	c.pass(keep)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, d.SQL()); n != 0 {
		t.Errorf("%d messages are kept for ever", n)
	}
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `select count(*) from message`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEndOfServer: an attempt that ends because the server does is no fault of the
// receiver, and the next server makes it at once.
func TestEndOfServer(t *testing.T) {
	d := databasetest.SQLite(t)
	c := newClock()
	ctx, end := context.WithCancel(t.Context())
	got := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if got++; got == 1 {
			end()
			<-r.Context().Done()
		}
	}))
	defer receiver.Close()
	s := newSender(t, d, c, receiver.URL)
	add(t, d, "ops", "{}", c.Now())
	if err := s.SendDue(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.SendDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Waiting(t.Context()); err != nil || n != 0 || got != 2 {
		t.Errorf("%d wait after %d attempts, %v", n, got, err)
	}
}
