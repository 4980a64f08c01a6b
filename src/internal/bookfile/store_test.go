package bookfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	"github.com/ipguard/ipguard/src/internal/trouble"
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
	}, operations(40))
}

// operations is how many random ones are tried with a real git: more where scripts/test
// has the time, without the race detector, and fewer under that.
func operations(few int) int {
	switch {
	case thorough():
		return 3 * few
	case sharedtest.Short():
		return few / 2
	}
	return few
}

func thorough() bool {
	kills, err := strconv.Atoi(os.Getenv("IPGUARD_KILLS"))
	return err == nil && kills >= 100
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

// TestTeamAgreesWithTheModel asks random things of clones that take turns: together
// they are one ledger.
func TestTeamAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	_, clone := remote(t)
	s := &team{t: t}
	for range 3 {
		s.stores = append(s.stores, &bookfile.Store{Folder: clone(), Environ: environ(), Push: true})
	}
	ledgertest.Random(t, s, 5, operations(10))
}

func TestPushingConforms(t *testing.T) {
	t.Parallel()
	operations := 12
	if sharedtest.Short() {
		operations = 6
	}
	ledgertest.Conform(t, func(t *testing.T) ledger.Store {
		_, clone := remote(t)
		return &bookfile.Store{Folder: clone(), Environ: environ(), Push: true}
	}, operations)
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
	clones, each := 4, 5
	switch {
	case thorough():
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

// TestStates are repositories in which nothing can be booked: each says why, and
// nothing is lost or half done.
func TestStates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T) *bookfile.Store
		want    string
	}{
		"no repository": {func(t *testing.T) *bookfile.Store { return at(t.TempDir()) }, "is in no git repository"},
		"rebase": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			conflict(t, dir)
			_ = exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "rebase", "-q", "side").Run() // it stops at the conflict
			return at(dir)
		}, "in the middle of a rebase"},
		"merge": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			conflict(t, dir)
			_ = exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "merge", "-q", "side").Run() // likewise
			return at(dir)
		}, "in the middle of a merge"},
		"detached": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			git(t, dir, "switch", "-q", "--detach")
			return at(dir)
		}, "no branch is checked out"},
		"dirty booking": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			write(t, filepath.Join(dir, "bookings/web/10.0.0.100.yml"), "mine\n")
			return at(dir)
		}, "bookings/web/10.0.0.100.yml was changed and is not committed"},
		"no upstream": {func(t *testing.T) *bookfile.Store {
			s := at(checkout(t))
			s.Push = true
			return s
		}, "branch main follows no branch of a remote"},
		"remote gone": {func(t *testing.T) *bookfile.Store {
			bare, clone := remote(t)
			s := at(clone())
			s.Push = true
			if err := os.RemoveAll(bare); err != nil {
				t.Fatal(err)
			}
			return s
		}, "the remote origin cannot be asked"},
		"not pushed": {func(t *testing.T) *bookfile.Store {
			_, clone := remote(t)
			s := at(clone())
			s.Push = true
			commitFile(t, s.Folder, "more.yml", "x")
			return s
		}, "branch main has commits that are not pushed yet"},
		"diverged": {func(t *testing.T) *bookfile.Store {
			_, clone := remote(t)
			other, s := clone(), at(clone())
			s.Push = true
			commitFile(t, other, "theirs.yml", "x")
			git(t, other, "push", "-q")
			commitFile(t, s.Folder, "mine.yml", "x")
			return s
		}, "have diverged"},
		"in the way": {func(t *testing.T) *bookfile.Store {
			_, clone := remote(t)
			other, s := clone(), at(clone())
			s.Push = true
			commitFile(t, other, "ipguard.yml", "changed")
			git(t, other, "push", "-q")
			write(t, filepath.Join(s.Folder, "ipguard.yml"), "mine")
			return s
		}, "the checkout cannot be brought up to date"},
		"protected": {func(t *testing.T) *bookfile.Store {
			bare, clone := remote(t)
			script(t, filepath.Join(bare, "hooks/pre-receive"), "echo main is protected >&2; exit 1")
			s := at(clone())
			s.Push = true
			return s
		}, "origin does not take a push to main"},
		"hook": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			script(t, filepath.Join(dir, ".git/hooks/pre-commit"), "echo not on fridays >&2; exit 1")
			return at(dir)
		}, "the hook pre-commit refuses the booking: not on fridays"},
		"hook adds": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			script(t, filepath.Join(dir, ".git/hooks/pre-commit"), "git update-index --add --cacheinfo 100644,$(git hash-object -w ipguard.yml),more.yml")
			git(t, dir, "hash-object", "-w", "ipguard.yml")
			return at(dir)
		}, "a hook of the repository puts more.yml into the commit"},
		"branch checked out": {func(t *testing.T) *bookfile.Store {
			s := at(checkout(t))
			s.Branch = "main"
			return s
		}, "branch main is checked out in "},
		"branch checked out elsewhere": {func(t *testing.T) *bookfile.Store {
			s := at(checkout(t))
			git(t, s.Folder, "worktree", "add", "-q", "-b", "theirs", filepath.Join(t.TempDir(), "theirs"))
			s.Branch = "theirs"
			return s
		}, "branch theirs is checked out in "},
		"broken booking": {func(t *testing.T) *bookfile.Store {
			dir := checkout(t)
			commitFile(t, dir, "bookings/web/10.0.0.150.yml", "- at: yesterday\n")
			return at(dir)
		}, `bookings/web/10.0.0.150.yml:1:7: "yesterday" is no time`},
	} {
		t.Run(name, func(t *testing.T) {
			sharedtest.Programs(t, "git")
			s := c.prepare(t)
			before := everything(t, s.Folder)
			_, err := take(s, "promo/web/api")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			var told *trouble.Trouble
			if !errors.As(err, &told) || told.Hint == "" {
				t.Errorf("no hint: %v", err)
			}
			if after := everything(t, s.Folder); after != before {
				t.Errorf("the checkout changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
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

// TestBelow keeps bookings beside a fleet file that is not at the top.
func TestBelow(t *testing.T) {
	dir := checkout(t)
	commitFile(t, dir, "net/ops/ipguard.yml", "x\n")
	s := at(filepath.Join(dir, "net/ops"))
	for range 2 {
		if _, err := take(s, "promo/web/api"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "net/ops/bookings/web/10.0.0.100.yml")); err != nil {
		t.Error(err)
	}
	if got := git(t, dir, "rev-list", "--count", "HEAD"); got != "3" {
		t.Errorf("%s commits, want 3: asking again writes nothing", got)
	}
}

// TestBranch books on a branch aside: the current one stays, and who asks again there
// gets the same.
func TestBranch(t *testing.T) {
	t.Parallel()
	bare, clone := remote(t)
	script(t, filepath.Join(bare, "hooks/update"), `test "$1" != refs/heads/main`)
	s := at(clone())
	s.Push, s.Branch = true, "book-web"
	head := git(t, s.Folder, "rev-parse", "HEAD")
	first, err := take(s, "promo/web/api")
	if err != nil {
		t.Fatal(err)
	}
	again, err := take(s, "promo/web/api")
	if err != nil || again != first {
		t.Errorf("again: %s, %v; want %s", again, err, first)
	}
	other := at(clone())
	other.Push, other.Branch = true, "book-web"
	if r, err := take(other, "promo/web/db"); err != nil || r == first {
		t.Errorf("another clone got %s, %v", r, err)
	}
	if got := git(t, s.Folder, "rev-parse", "HEAD"); got != head {
		t.Errorf("the current branch moved")
	}
	if got := git(t, bare, "ls-tree", "-r", "--name-only", "book-web", "--", "bookings"); got != "bookings/web/10.0.0.100.yml\nbookings/web/10.0.0.101.yml" {
		t.Errorf("the branch has %q", got)
	}
}

func TestNoBranchNames(t *testing.T) {
	s := at(checkout(t))
	for _, name := range []string{"HEAD", "-x", "a b", "refs/heads/x", "a..b", "@{-1}", "x.lock", "x\x1b[31m"} {
		s.Branch = name
		if _, err := take(s, "promo/web/api"); !errors.Is(err, bookfile.ErrNoBranchName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestHooksDecideOnly: what a hook does to the index of the commit takes nothing out of
// it, nor changes it.
func TestHooksDecideOnly(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]string{
		"adds what changed":  "git add -u",
		"adds all":           "git add -A",
		"adds what it finds": "git diff --cached --name-only | xargs git add",
		"resets":             "git reset -q",
		"empties":            "git rm -q -r --cached bookings",
		"books for another":  "git ls-files bookings | while read -r f; do git update-index --cacheinfo 100644,$(git hash-object -w ipguard.yml),$f; done",
	} {
		hooks := []string{"pre-commit", "commit-msg"}
		if sharedtest.Short() {
			hooks = hooks[:1]
		}
		for _, which := range hooks {
			t.Run(name+" in "+which, func(t *testing.T) {
				s := at(checkout(t))
				script(t, filepath.Join(s.Folder, ".git/hooks", which), hook)
				r, err := take(s, "promo/web/api")
				if err != nil {
					t.Fatal(err)
				}
				if got := git(t, s.Folder, "show", "--format=", "--name-status", "HEAD"); got != "A\t"+bookfile.PathOf("web", r) {
					t.Errorf("the commit has %q", got)
				}
				if got := git(t, s.Folder, "show", "HEAD:"+bookfile.PathOf("web", r)); !strings.Contains(got, "owner: promo/web/api") {
					t.Errorf("booked is\n%s", got)
				}
				if got := git(t, s.Folder, "status", "--porcelain"); got != "" {
					t.Errorf("the checkout is left as\n%s", got)
				}
				if err := os.Remove(filepath.Join(s.Folder, ".git/hooks", which)); err != nil {
					t.Fatal(err)
				}
				if next, err := take(s, "promo/web/other"); err != nil || next == r {
					t.Errorf("the next one gets %s, too: %v", next, err)
				}
			})
		}
	}
}

// TestSparse: bookings that git keeps out of the checkout are not overlooked.
func TestSparse(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]func(dir string) string{
		"sparse checkout": func(dir string) string {
			git(t, dir, "sparse-checkout", "set", "--cone", "manifests")
			return dir
		},
		"linked checkout": func(dir string) string {
			linked := filepath.Join(t.TempDir(), "linked")
			git(t, dir, "worktree", "add", "-q", linked)
			git(t, linked, "sparse-checkout", "set", "--cone", "manifests")
			return linked
		},
		"skip-worktree": func(dir string) string {
			git(t, dir, "update-index", "--skip-worktree", "bookings/web/10.0.0.100.yml")
			if err := os.Remove(filepath.Join(dir, "bookings/web/10.0.0.100.yml")); err != nil {
				t.Fatal(err)
			}
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := at(checkout(t))
			if _, err := take(s, "promo/web/api"); err != nil {
				t.Fatal(err)
			}
			if got := bookfile.Read(source.NewFiles(nil), s.Folder); len(got.Troubles) > 0 || len(got.Find("web")) != 1 {
				t.Fatalf("before: %+v", got)
			}
			got := bookfile.Read(source.NewFiles(nil), hide(s.Folder))
			if len(got.Troubles) != 1 || got.Troubles[0].Pool != "web" || got.Troubles[0].Range != netip.MustParsePrefix("10.0.0.100/32") || got.Troubles[0].Hint == "" {
				t.Errorf("got %+v", got)
			}
		})
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

// TestFirstCommit books in a repository that has no commit yet.
func TestFirstCommit(t *testing.T) {
	sharedtest.Programs(t, "git")
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "ipguard.yml"), "directors: []\n")
	first, err := take(at(dir), "promo/web/api")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := take(at(dir), "promo/web/api"); err != nil || again != first {
		t.Errorf("again: %s, %v, want %s", again, err, first)
	}
	if state := git(t, dir, "status", "--porcelain"); state != "?? ipguard.yml" {
		t.Errorf("the state is %q", state)
	}
}

// TestNoSecret: what stands before the host in a remote's URL is neither told nor
// given to git as an argument.
func TestNoSecret(t *testing.T) {
	_, clone := remote(t)
	s := at(clone())
	s.Push = true
	for _, url := range []string{
		"https://jane:verysecret@localhost:1/x.git", "https://verysecret@localhost:1/x.git", "https://localhost:1/x.git?private_token=verysecret",
		"https://localhost:1/x.git?a=b&token=verysecret#verysecret", "https://localhost:1/x.git#verysecret", "https://localhost:1?verysecret",
	} {
		git(t, s.Folder, "remote", "set-url", "origin", url)
		_, err := take(s, "promo/web/api")
		if err == nil || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
