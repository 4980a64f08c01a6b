//go:build !race

package bookfile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/source"
)

// asker books as the program does: on a picture of all bookings that is read once, and
// again when the store says that it is old.
type asker struct {
	*bookfile.Store
	picture *bookfile.Bookings
	beside  []bookfile.PoolBookings
	old     bool
}

func newAsker(t testing.TB, folder string) *asker {
	a := &asker{Store: at(folder)}
	a.Store.Moved = func(bool) { a.old = true }
	a.Store.Beside = func(b *bookfile.Bookings) { a.beside = b.Pools }
	a.begin(t)
	return a
}

// begin is a new run of the program.
func (a *asker) begin(t testing.TB) {
	a.Seen, a.beside, a.old = bookfile.Head(context.Background(), a.Folder, environ()), nil, false
	a.picture = bookfile.Read(source.NewFiles(nil), a.Folder)
	if _, err := a.Author(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// take books in one of some pools that delegate the same addresses.
func (a *asker) take(pool, owner string) (netip.Prefix, error) {
	p := &ledger.Pool{Name: pool, Teams: []string{"blue"}}
	p.Ranges = []netipx.IPRange{netipx.MustParseIPRange("10.0.0.100-10.0.0.160")}
	var answer ledger.Answer
	err := a.Update(context.Background(), pool, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if a.old {
			a.picture, a.old = bookfile.Read(source.NewFiles(nil), a.Folder), false
		}
		var free netipx.IPSetBuilder
		free.AddRange(p.Ranges[0])
		for _, other := range append(a.picture.Pools, a.beside...) {
			for _, r := range other.Records {
				if other.Pool != pool {
					free.RemovePrefix(r.Range)
				}
			}
		}
		set, _ := free.IPSet()
		answer, entries, err = ledger.Book(p, rs, &ledger.World{Now: start, Free: []*netipx.IPSet{set}}, ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: 1, By: "x"})
		return entries, err
	})
	if err != nil {
		return netip.Prefix{}, err
	}
	return answer.Bookings[0].Range, nil
}

// TestPoolsThatOverlap books from clones that are behind, in one checkout side by side,
// and on branches aside, in pools that delegate the same addresses: no address is given
// twice, whichever pool it is of.
func TestPoolsThatOverlap(t *testing.T) {
	_, clone := remote(t)
	rng := rand.New(rand.NewPCG(3, 1))
	var askers []*asker
	for range 2 {
		a := newAsker(t, clone())
		a.Push = true
		b := newAsker(t, a.Folder) // another run in the same checkout
		b.Push = true
		askers = append(askers, a, b)
	}
	given := map[netip.Prefix]string{}
	pools := []string{"web", "up", "blocks"}
	aside := 0
	for n := range operations(12) {
		a := askers[rng.IntN(len(askers))]
		if rng.IntN(3) == 0 {
			a.begin(t)
		}
		a.Branch = ""
		if rng.IntN(3) == 0 {
			a.Branch, aside = fmt.Sprintf("aside-%d", n), aside+1
		}
		owner := fmt.Sprintf("lb/%d", n)
		r, err := a.take(pools[rng.IntN(len(pools))], owner)
		if err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		if other, twice := given[r]; twice {
			t.Fatalf("operation %d: %s is given to %s and %s", n, r, other, owner)
		}
		given[r] = owner
		if a.Branch == "" {
			continue
		}
		// A second one on the same branch does not see the first in the checkout.
		owner += "-again"
		if r, err = a.take(pools[rng.IntN(len(pools))], owner); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		if other, twice := given[r]; twice {
			t.Fatalf("operation %d, on the branch: %s is given to %s and %s", n, r, other, owner)
		}
		given[r] = owner
		git(t, a.Folder, "pull", "-q", "--ff-only")
		git(t, a.Folder, "merge", "-q", "--no-edit", a.Branch) // the pull request
		git(t, a.Folder, "push", "-q")
	}
	if aside == 0 {
		t.Error("nothing was booked aside")
	}
}

// TestBranchBehind: a branch that lacks what counts already takes no booking.
func TestBranchBehind(t *testing.T) {
	for _, push := range []bool{false, true} {
		_, clone := remote(t)
		s := at(clone())
		s.Push, s.Branch = push, "aside"
		if _, err := take(s, "promo/web/first"); err != nil {
			t.Fatal(err)
		}
		main := at(s.Folder)
		if push { // another clone, of which this one knows nothing
			main = at(clone())
			main.Push = true
		}
		if _, err := take(main, "promo/web/other"); err != nil {
			t.Fatal(err)
		}
		if r, err := take(s, "promo/web/second"); err == nil || !strings.Contains(err.Error(), "branch aside lacks bookings that main has") {
			t.Errorf("push %t: got %s, %v", push, r, err)
		}
		s.Branch = "new"
		if r, err := take(s, "promo/web/second"); err != nil || r.Addr().String() != "10.0.0.101" {
			t.Errorf("push %t: on a new branch: %s, %v", push, r, err)
		}
	}
}

// TestConsent: what needs somebody's consent goes to no branch that counts already.
func TestConsent(t *testing.T) {
	_, clone := remote(t)
	s := at(clone())
	git(t, s.Folder, "switch", "-q", "-c", "mine", "--track", "origin/main")
	s.Branch, s.Consent = "main", true
	for _, push := range []bool{false, true} {
		s.Push = push
		if r, err := take(s, "promo/web/api"); !errors.Is(err, bookfile.ErrCounts) {
			t.Errorf("push %t: got %s, %v", push, r, err)
		}
	}
	git(t, s.Folder, "remote", "set-head", "origin", "-d")
	git(t, s.Folder, "branch", "-q", "--unset-upstream")
	git(t, s.Folder, "branch", "-q", "-D", "main")
	s.Push = true // the remote alone knows
	if r, err := take(s, "promo/web/api"); !errors.Is(err, bookfile.ErrCounts) {
		t.Errorf("told by the remote: got %s, %v", r, err)
	}
	s.Branch = "please"
	if _, err := take(s, "promo/web/api"); err != nil {
		t.Error(err)
	}
}

// TestSilence: a remote that takes the connection and says nothing, and another process
// that keeps the lock, are waited for with a word, and not for ever.
func TestSilence(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, clone := remote(t)
	s := at(clone())
	s.Push, s.Patience = true, 400*time.Millisecond
	said := make(chan string, 9)
	s.Waiting = func(what string) { said <- what }
	git(t, s.Folder, "remote", "set-url", "origin", "git://"+silent.Addr().String()+"/x.git")
	if _, err := take(s, "promo/web/api"); err == nil || !strings.Contains(err.Error(), "the remote origin cannot be asked: it does not answer for 400ms") {
		t.Errorf("got %v", err)
	}
	if what := <-said; what != "the remote origin" {
		t.Errorf("said %q", what)
	}
	holder := at(s.Folder)
	holding, done := make(chan bool), make(chan bool)
	go func() {
		_ = holder.Update(context.Background(), "web", func(*ledger.Records) ([]ledger.Entry, error) {
			close(holding)
			<-done
			return nil, nil
		})
	}()
	<-holding
	defer close(done)
	if _, err := take(s, "promo/web/api"); err == nil || !strings.Contains(err.Error(), "another process books in this repository and does not end") {
		t.Errorf("got %v", err)
	}
	if what := <-said; what != "another process that books in this repository" {
		t.Errorf("said %q", what)
	}
}

// TestOddRemotes: a tag with the branch's name does not confuse; several places to push
// to do.
func TestOddRemotes(t *testing.T) {
	bare, clone := remote(t)
	s := at(clone())
	s.Push = true
	git(t, s.Folder, "tag", "main")
	if _, err := take(s, "promo/web/api"); err != nil {
		t.Error(err)
	}
	git(t, s.Folder, "remote", "set-url", "--add", "--push", "origin", bare)
	empty := filepath.Join(t.TempDir(), "empty.git")
	git(t, s.Folder, "init", "-q", "--bare", empty)
	git(t, s.Folder, "remote", "set-url", "--add", "--push", "origin", empty)
	if _, err := take(s, "promo/web/db"); err == nil || !strings.Contains(err.Error(), "pushes to origin go to 2 places") {
		t.Errorf("got %v", err)
	}
	git(t, s.Folder, "remote", "set-url", "--delete", "--push", "origin", bare)
	if _, err := take(s, "promo/web/db"); err == nil || !strings.Contains(err.Error(), "shows nothing newer") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.Folder, "bookings/web/10.0.0.101.yml")); err == nil {
		t.Error("it is booked nevertheless")
	}
}
