package servecli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
)

// cable passes bytes between a server and PostgreSQL, until it is cut: then it takes them,
// and says nothing, as a network does that drops packets.
type cable struct {
	listener net.Listener
	socket   string
	mu       sync.Mutex
	cut      chan struct{} // nil: it is whole; else closed when it is mended
}

func newCable(t *testing.T, socket string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, socket: socket}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			go c.pass(near, far)
			go c.pass(far, near)
		}
	}()
	return c
}

func (c *cable) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		c.mu.Lock()
		cut := c.cut
		c.mu.Unlock()
		if cut != nil {
			<-cut // what was under way then arrives late
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *cable) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = make(chan struct{})
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.cut)
	c.cut = nil
}

// TestCutOff cuts one of two servers off from PostgreSQL while clients book at both. It
// says so, in bounded time, and is there again by itself; no client sees what one ledger on
// one thread could not have answered.
func TestCutOff(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t)
	direct := c.Database(t)
	cable := newCable(t, c.Socket())
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	f := newFight(t, direct, "postgres://ipguard@"+cable.listener.Addr().String()+u.Path+"?sslmode=disable")
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { f.clients(done, time.Minute) })
	f.answers(60)
	cable.sever()
	cut := time.Now()
	f.becomes(1, http.StatusServiceUnavailable)
	client := &http.Client{Timeout: time.Minute}
	var asked sync.WaitGroup
	for _, c := range []ledgertest.Call{{What: "book", Owner: "one/cut/off", Until: 4_000_000_000}, {What: "read"}} {
		asked.Go(func() {
			if said, err := f.said(client, 1, c, false); err != errLost {
				t.Errorf("the server that is cut off answers %v with %q, %v", c, said, err)
			}
		})
	}
	asked.Wait()
	t.Logf("it said so within %s", time.Since(cut).Round(time.Second))
	f.becomes(0, http.StatusOK)
	if said, err := f.said(client, 0, ledgertest.Call{What: "read"}, false); err != nil {
		t.Errorf("the other one: %q, %v", said, err)
	}
	cable.mend()
	f.becomes(1, http.StatusOK)
	if _, err := f.said(client, 1, ledgertest.Call{What: "read"}, false); err != nil {
		t.Errorf("it is not there again: %v", err)
	}
	for range 5 { // connections end under both
		f.answers(20)
		conn, err := pgx.Connect(context.Background(), direct)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(context.Background(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close(context.Background())
	}
	f.answers(50)
	close(done)
	group.Wait()
	f.judge()
}

// becomes waits until a server says of itself that it is ready, or is not.
func (f *fight) becomes(server, status int) {
	f.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	said := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		response, err := client.Get("http://" + f.servers[server].address + "/readyz")
		if err != nil {
			said = err.Error()
			continue
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode == status {
			return
		}
		said = response.Status + " " + strings.TrimSpace(string(text))
	}
	f.t.Fatalf("server %d does not become %d: %s", server, status, said)
}
