//go:build !race

package servecli_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

const fullVariable = "IPGUARD_TEST_FULL_DISK"

// TestFullDisk fills the disk under a server while clients book, renew and release. It says
// so, nothing is half done, and it goes on when there is room. The disk is a tmpfs in a
// mount namespace of its own.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullVariable); dir != "" {
		t.Run("sqlite", func(t *testing.T) {
			sharedtest.MountSmall(t, dir, "size=6m")
			onFullDisk(t, dir, filepath.Join(dir, "x.db"))
		})
		t.Run("postgres", func(t *testing.T) {
			if os.Getenv(fullVariable+"_ROOT") == "" {
				t.Log("PostgreSQL's part needs root outside of the namespace")
				return
			}
			onFullDisk(t, dir, tablespace(t, dir))
		})
		return
	}
	environ := []string{fullVariable + "=" + t.TempDir()}
	if os.Getuid() == 0 {
		environ = append(environ, fullVariable+"_ROOT=1")
	}
	sharedtest.InOwnMounts(t, environ...)
}

// tablespace is a database whose tables are on a small disk; PostgreSQL's journal is not.
func tablespace(t *testing.T, dir string) string {
	t.Helper()
	c := postgrestest.Start(t)
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	sharedtest.MountSmall(t, dir, "size=12m,mode=0700,uid="+account.Uid+",gid="+account.Gid)
	for path := filepath.Dir(dir); path != "/"; path = filepath.Dir(path) { // the way there
		if info, err := os.Stat(path); err == nil && strings.HasPrefix(path, os.TempDir()+"/") {
			if err := os.Chmod(path, info.Mode()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	place := filepath.Join(dir, "space")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	uid, gid := 0, 0
	if _, err := fmt.Sscan(account.Uid+" "+account.Gid, &uid, &gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(place, uid, gid); err != nil {
		t.Fatal(err)
	}
	name := c.Database(t)
	conn, err := pgx.Connect(t.Context(), c.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{"create tablespace small location '" + place + "'", "alter database test1 set tablespace small"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func onFullDisk(t *testing.T, dir, name string) {
	f := newFight(t, name)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { f.clients(done, time.Minute) })
	f.answers(100)
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	// Others fill the disk, and take what becomes free, until a client is told. That client
	// books in the pool beside: where there is room again for a moment, it has what it asked for.
	told := ""
	client := &http.Client{Timeout: time.Minute}
	for n, end := 0, time.Now().Add(time.Minute); !strings.Contains(told, "no room"); n++ {
		for size := 64 << 10; size > 0; size /= 2 {
			for err == nil {
				_, err = ballast.Write(make([]byte, size))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			err = nil
		}
		told = f.raw(client, http.MethodPost, "/api/v1/pools/beside/bookings", fmt.Sprintf(`{"for": "one/full/disk%d"}`, n))
		if time.Now().After(end) {
			t.Fatalf("nobody is told: %s\n%s", told, f.servers[0].log.String())
		}
	}
	if read, err := f.said(client, 0, ledgertest.Call{What: "read"}, false); err != nil {
		t.Errorf("what is there cannot be read: %q %v", read, err)
	}
	f.noRoomTold(client, name)
	if err := errors.Join(ballast.Close(), os.Remove(ballast.Name())); err != nil {
		t.Fatal(err)
	}
	f.answers(60)
	close(done)
	group.Wait()
	if code, out, stderr := run(t, "check", "--database", name); code != 0 {
		t.Errorf("check: %s %s", out, stderr)
	}
	f.judge()
	if ready := f.raw(client, http.MethodGet, "/readyz", ""); !serve.IsPostgres(name) && ready != "ok\n" {
		t.Errorf("with room again, /readyz says %q", ready)
	}
	if page := f.follow(); !strings.Contains(page, `<option value="fight">`) {
		t.Errorf("with room again, the link does not log in: %.300s", page)
	}
	f.servers[0].kill()
	if log := f.servers[0].log.String(); !strings.Contains(log, "a question cannot be answered") || !strings.Contains(log, ledgersql.ErrFull.Error()) {
		t.Errorf("the log does not say why:\n%.2000s", log)
	}
}

// noRoomTold wants every question that writes to be told the same, whichever table it is
// about, and health and metrics to say so. The link that works once still does.
func (f *fight) noRoomTold(client *http.Client, database string) {
	f.t.Helper()
	two := snapshot.Snapshot{Head: snapshot.Head{Collected: time.Now().UTC().Truncate(time.Second), Director: snapshot.Identity{Name: "two"}}}
	ends := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, q := range []struct{ method, path, body, says string }{
		{http.MethodGet, "/readyz", "", "no room"},
		{http.MethodGet, "/metrics", "", "ipguard_server_writable 0"},
		{http.MethodPut, "/api/v1/directors/two/snapshot", string(two.Encode()), "no room"},
		{http.MethodPost, "/api/v1/tokens", `{"name": "x", "scopes": ["ipguard.read"], "ends": "` + ends + `"}`, "no room"},
	} {
		if q.path == "/api/v1/tokens" && serve.IsPostgres(database) {
			continue // a page of that small table has room still
		}
		if told := f.raw(client, q.method, q.path, q.body); !strings.Contains(told, q.says) {
			f.t.Errorf("on a full disk %s %s says %.400s", q.method, q.path, told)
		}
	}
	if page := f.follow(); !strings.Contains(page, "no room") {
		f.t.Errorf("on a full disk the link says %.400s", page)
	}
}

// follow is the page that the one-time link of the first server leads a new browser to.
func (f *fight) follow() string {
	f.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	response, err := (&http.Client{Jar: jar, Timeout: time.Minute}).Get(f.servers[0].link)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// raw is the text of an answer.
func (f *fight) raw(client *http.Client, method, path, body string) string {
	f.t.Helper()
	request, err := http.NewRequest(method, "http://"+f.servers[0].address+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
