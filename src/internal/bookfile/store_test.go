package bookfile_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// environ is git's, of nobody's own configuration.
func environ() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Jane Doe", "GIT_AUTHOR_EMAIL=jane@example.com", "GIT_COMMITTER_NAME=Jane Doe", "GIT_COMMITTER_EMAIL=jane@example.com")
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// checkout is a new repository with one commit.
func checkout(t testing.TB) string {
	t.Helper()
	sharedtest.Programs(t, "git")
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "ipguard.yml"), "directors: []\n")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "A fleet")
	return dir
}

// remote is a bare repository and a function that clones it.
func remote(t testing.TB) (bare string, clone func() string) {
	t.Helper()
	first := checkout(t)
	bare = filepath.Join(t.TempDir(), "bare.git")
	git(t, first, "clone", "-q", "--bare", first, bare)
	return bare, func() string {
		dir := filepath.Join(t.TempDir(), "clone")
		git(t, first, "clone", "-q", bare, dir)
		return dir
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestConforms(t *testing.T) {
	t.Parallel()
	ledgertest.Conform(t, func(t *testing.T) ledger.Store {
		return &bookfile.Store{Folder: checkout(t), Environ: environ()}
	}, operations(20))
}

// operations is how many random ones are tried with a real git: six times as many where
// that was asked for, and fewer under the race detector.
func operations(few int) int {
	switch {
	case sharedtest.Thorough():
		return 6 * few
	case sharedtest.Short():
		return few / 2
	}
	return few
}

// team is a store of several clones: each question goes to another one.
type team struct {
	t      testing.TB
	stores []*bookfile.Store
	turn   int
}

func (s *team) next() *bookfile.Store {
	s.turn++
	return s.stores[s.turn%len(s.stores)]
}

func (s *team) Records(ctx context.Context, pool string) (*ledger.Records, error) {
	one := s.next()
	git(s.t, one.Folder, "pull", "-q", "--ff-only") // who only reads does not ask the remote
	return one.Records(ctx, pool)
}

func (s *team) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return s.next().Update(ctx, pool, change)
}

var start = ledgertest.Start

// pool is one of 100 addresses.
func pool() *ledger.Pool {
	p := &ledger.Pool{Name: "web", Teams: []string{"blue"}}
	p.Ranges = []netipx.IPRange{netipx.MustParseIPRange("10.0.0.100-10.0.0.199")}
	return p
}

func world() *ledger.World {
	var set netipx.IPSetBuilder
	set.AddRange(pool().Ranges[0])
	free, _ := set.IPSet()
	return &ledger.World{Now: start, Free: []*netipx.IPSet{free}}
}

// take books one address for an owner.
func take(s *bookfile.Store, owner string) (netip.Prefix, error) {
	var answer ledger.Answer
	err := s.Update(context.Background(), "web", func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		answer, entries, err = ledger.Book(pool(), rs, world(), ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: 1, By: "x"})
		return entries, err
	})
	if err != nil {
		return netip.Prefix{}, err
	}
	if answer.Refusal != nil {
		return netip.Prefix{}, fmt.Errorf("refused: %s", answer.Refusal.Reason)
	}
	return answer.Bookings[0].Range, nil
}

// TestClones is the team: clones of one repository book at the same time, and a push
// decides.
func TestClones(t *testing.T) {
	t.Parallel()
	clones, each := 4, 3
	switch {
	case sharedtest.Thorough():
		clones = 6
	case sharedtest.Short():
		each = 2
	}
	bare, clone := remote(t)
	stores := make([]*bookfile.Store, clones)
	for i := range stores {
		stores[i] = &bookfile.Store{Folder: clone(), Environ: environ(), Push: true}
	}
	began := time.Now()
	var mu sync.Mutex
	owners := map[netip.Prefix]string{}
	var group sync.WaitGroup
	for i, s := range stores {
		group.Go(func() {
			for n := range each {
				owner := fmt.Sprintf("promo/web/clone-%d-%d", i, n)
				r, err := take(s, owner)
				mu.Lock()
				if err != nil {
					t.Errorf("%s: %v", owner, err)
				} else if other, twice := owners[r]; twice {
					t.Errorf("%s is %s's and %s's", r, other, owner)
				}
				owners[r] = owner
				mu.Unlock()
			}
		})
	}
	group.Wait()
	took := time.Since(began)
	t.Logf("%d bookings in %s: %.1f a second", clones*each, took.Round(time.Millisecond), float64(clones*each)/took.Seconds())
	dir := filepath.Join(t.TempDir(), "check")
	git(t, "/", "clone", "-q", bare, dir)
	got := bookfile.Read(source.NewFiles(nil), dir)
	if len(got.Troubles) > 0 {
		t.Errorf("%v", got.Troubles)
	}
	if n := len(got.Find("web")); n != clones*each || len(owners) != clones*each {
		t.Errorf("the remote has %d bookings and %d were told; want %d", n, len(owners), clones*each)
	}
	for _, r := range got.Find("web") {
		if b, _ := r.Booking(); owners[r.Range] != b.Owner {
			t.Errorf("%s: the remote has %s, and it was promised to %s", r.Range, b.Owner, owners[r.Range])
		}
	}
	git(t, dir, "fsck", "--strict")
}

func at(dir string) *bookfile.Store {
	return &bookfile.Store{Folder: dir, Environ: environ(), Sleep: func(time.Duration) {}}
}

func script(t *testing.T, path, text string) {
	t.Helper()
	write(t, path, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func commitFile(t *testing.T, dir, name, text string) {
	t.Helper()
	write(t, filepath.Join(dir, name), text)
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "Change "+name)
}

// conflict makes a branch side that cannot be merged.
func conflict(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "switch", "-qc", "side")
	commitFile(t, dir, "ipguard.yml", "side\n")
	git(t, dir, "switch", "-q", "main")
	commitFile(t, dir, "ipguard.yml", "main\n")
}

// everything is the state of a checkout: what is committed, staged and changed.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	for _, args := range [][]string{{"status", "--porcelain=v1", "-uall"}, {"log", "--oneline", "-1"}, {"diff", "HEAD"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env, cmd.Stdout = dir, environ(), &out
		_ = cmd.Run() // in no repository it says nothing, before and after
	}
	return out.String()
}

// TestOtherChanges: what is staged or changed elsewhere stays as it is, and goes into
// no booking.
func TestOtherChanges(t *testing.T) {
	dir := checkout(t)
	write(t, filepath.Join(dir, "staged.yml"), "staged\n")
	git(t, dir, "add", "staged.yml")
	write(t, filepath.Join(dir, "ipguard.yml"), "changed\n")
	if _, err := take(at(dir), "promo/web/api"); err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "show", "--name-only", "--format=%an: %s", "HEAD"); got != "Jane Doe: Book 10.0.0.100 of web for promo/web/api\n\nbookings/web/10.0.0.100.yml" {
		t.Errorf("the commit is\n%s", got)
	}
	if got := git(t, dir, "status", "--porcelain"); got != "M ipguard.yml\nA  staged.yml" {
		t.Errorf("the state is\n%s", got)
	}
}

// TestNames: a file's name and a folder's tell what is inside, and nothing else does.
func TestNames(t *testing.T) {
	for text, name := range map[string]string{
		"10.8.52.190/32": "10.8.52.190.yml", "2001:db8::10/128": "2001-db8--10.yml", "10.8.52.16/28": "10.8.52.16_28.yml", "::/0": "--_0.yml",
	} {
		if got := bookfile.NameOf(netip.MustParsePrefix(text)); got != name {
			t.Errorf("%s is %s, want %s", text, got, name)
		}
		if !bookfile.IsBooking("bookings/web/" + name) {
			t.Errorf("%s is none", name)
		}
	}
	for _, name := range []string{"bookings/web/10.8.52.17_28.yml", "bookings/web/010.8.52.190.yml", "bookings/web/10.8.52.190.yaml",
		"bookings/web/manifest.yml", "bookings/10.8.52.190.yml", "bookings/a b/10.8.52.190.yml", "bookings/%41/10.8.52.190.yml", "other/web/10.8.52.190.yml"} {
		if bookfile.IsBooking(name) {
			t.Errorf("%s is taken for a booking", name)
		}
	}
	for pool, folder := range map[string]string{"vlan-52": "vlan-52", "promo/vip": "promo%2Fvip", "..": "%2E.", ".git": "%2Egit", "ü %": "%C3%BC%20%25"} {
		if got := bookfile.FolderOf(pool); got != folder {
			t.Errorf("%q is in %q, want %q", pool, got, folder)
		}
	}
}

// bookVariable makes the test binary a program that books: FOLDER OWNER PUSH.
const bookVariable = "IPGUARD_TEST_BOOK"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(bookVariable)); len(args) == 3 {
		r, err := take(&bookfile.Store{Folder: args[0], Environ: environ(), Push: args[2] == "push"}, args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(r.Addr())
		os.Exit(0)
	}
	sharedtest.ExitAtOnce()
	sharedtest.WaitSideBySide()
	os.Exit(m.Run())
}
