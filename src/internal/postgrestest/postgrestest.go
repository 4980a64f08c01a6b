// Package postgrestest starts a PostgreSQL for tests: Debian's programs, in a folder
// that goes with the test, reached by a socket in that folder alone.
package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// Cluster is one running PostgreSQL, with fsync.
type Cluster struct {
	folder, programs string
	as               *syscall.Credential
	server           *exec.Cmd
	databases        atomic.Int64
}

// Start starts one, which stops with the test. PostgreSQL does not run as root: root
// starts it as the user postgres.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{programs: find(t), as: account(t)}
	t.Cleanup(c.remove)
	c.start(t)
	return c
}

// Shared is one cluster for the tests of a package, started by the first that asks for it.
type Shared struct {
	mu  sync.Mutex
	one *Cluster
}

// Cluster returns it. Who kills it takes one of their own, by Start.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.one == nil {
		c := &Cluster{programs: find(t), as: account(t)}
		started := false
		defer func() {
			if !started { // the test ends here; another one may have more luck
				c.remove()
			}
		}()
		c.start(t)
		s.one, started = c, true
	}
	return s.one
}

// Stop ends it; TestMain does so after the last test.
func (s *Shared) Stop() {
	if s.one != nil {
		s.one.remove()
	}
}

// start makes the cluster in a new folder, and starts its server.
func (c *Cluster) start(t testing.TB) {
	t.Helper()
	var err error
	if c.folder, err = os.MkdirTemp("", "pg"); err != nil { // a socket's path has to be short
		t.Fatal(err)
	}
	if c.as != nil {
		if err := os.Chown(c.folder, int(c.as.Uid), int(c.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	init := c.command("initdb", "--auth=trust", "--username=ipguard", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", c.data())
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.Boot(t)
}

// remove ends the server, and removes all of it. A server that is killed leaves its shared
// memory to the machine: asked to stop at once (SIGQUIT), it does not.
func (c *Cluster) remove() {
	if server := c.server; server != nil {
		late := time.AfterFunc(10*time.Second, func() { _ = server.Process.Kill() })
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait() // its exit code is that of a server that was stopped at once
		late.Stop()
		c.server = nil
	}
	if c.folder != "" {
		_ = os.RemoveAll(c.folder)
	}
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// find returns the folder of the newest programs.
func find(t testing.TB) string {
	t.Helper()
	list, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(list) > 0 {
		return filepath.Dir(list[len(list)-1])
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	sharedtest.Unavailable(t, "PostgreSQL is not installed; on Debian: apt-get install postgresql")
	return ""
}

// account is whom root starts it as; nil: the user who runs the test.
func account(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		sharedtest.Unavailable(t, "PostgreSQL does not run as root, and there is no user postgres")
		return nil
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.programs, program), args...)
	cmd.Dir = c.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Boot starts the server again after Kill, and waits until it answers.
func (c *Cluster) Boot(t testing.TB) {
	t.Helper()
	var log bytes.Buffer
	c.server = c.command("postgres", "-D", c.data(), "-k", c.folder, "-c", "listen_addresses=", "-c", "max_connections=100")
	c.server.Stderr = &log
	if err := c.server.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-ctx.Done():
			c.Kill()
			t.Fatalf("PostgreSQL does not answer: %v\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server at once, as a power cut would.
func (c *Cluster) Kill() {
	if c.server == nil {
		return
	}
	_ = c.server.Process.Kill()
	_ = c.server.Wait() // its exit code is the kill's
	c.server = nil
}

func (c *Cluster) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {c.folder}, "user": {"ipguard"}}.Encode()
}

// Socket is the path of the socket that it listens on.
func (c *Cluster) Socket() string { return filepath.Join(c.folder, ".s.PGSQL.5432") }

// Database makes a new, empty database, and returns its URL.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", c.databases.Add(1))
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		t.Fatal(err)
	}
	return c.url(name)
}
