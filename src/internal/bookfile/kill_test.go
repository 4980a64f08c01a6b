//go:build !race

package bookfile_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestKill kills processes that book, and with them all of their group, at any
// moment. Every booking is there whole or not at all, none that was answered is
// lost, no address has two owners, and the repository takes the next booking.
func TestKill(t *testing.T) {
	sharedtest.Programs(t, "setsid")
	t.Parallel()
	kills := 20 // each; scripts/test whole asks for 100
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_KILLS")); err == nil {
		kills = wanted
	}
	for _, push := range []string{"push", "alone"} {
		t.Run(push, func(t *testing.T) {
			bare, clone := remote(t)
			dir := clone()
			// A remote is another machine, which no kill reaches.
			git(t, dir, "remote", "set-url", "origin", "ext::setsid git %s "+bare)
			rng := rand.New(rand.NewPCG(7, 0))
			answered, killed := map[string]string{}, 0
			typical := 200 * time.Millisecond
			for n := 0; killed < kills; n++ {
				owner := fmt.Sprintf("promo/web/run-%d", n%60)
				began := time.Now()
				out, wasKilled := bookAndKill(t, dir, owner, push, time.Duration(rng.Int64N(int64(typical*5/4))))
				if wasKilled {
					killed++
					typical += typical / 20 // or a slow machine would never come to an end
					continue
				}
				if before, again := answered[owner]; !again || before == "" {
					typical = time.Since(began)
				}
				if before := answered[owner]; before != "" && before != out {
					t.Errorf("%s has %s, and was told %s before", owner, out, before)
				}
				answered[owner] = out
			}
			t.Logf("%d kills, %d bookings answered", killed, len(answered))
			if _, err := take(&bookfile.Store{Folder: dir, Environ: append(environ(), extAllowed), Push: push == "push"}, "promo/web/last"); err != nil {
				t.Fatalf("after all, nothing can be booked: %v", err)
			}
			if push == "alone" {
				git(t, dir, "-c", "protocol.ext.allow=always", "push", "-q")
			}
			checkWhole(t, bare, answered)
			if state := git(t, dir, "status", "--porcelain"); state != "" {
				t.Errorf("the checkout is left as\n%s", state)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".git/ipguard-booking-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// extAllowed lets git run a program as a remote.
const extAllowed = "GIT_ALLOW_PROTOCOL=file:ext"

// bookAndKill runs a booking and kills it after a while, if it still runs.
func bookAndKill(t *testing.T, dir, owner, push string, after time.Duration) (address string, killed bool) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), extAllowed, bookVariable+"="+dir+" "+owner+" "+push)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) // it may be over
	err := cmd.Wait()
	timer.Stop()
	switch {
	case err == nil:
		return strings.TrimSpace(stdout.String()), false
	case cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled():
		return "", true
	}
	t.Fatalf("a booking after a kill fails: %v\n%s", err, stderr.String())
	return "", false
}

func checkWhole(t *testing.T, bare string, answered map[string]string) {
	t.Helper()
	check := filepath.Join(t.TempDir(), "check")
	git(t, "/", "clone", "-q", bare, check)
	git(t, check, "fsck", "--strict")
	got := bookfile.Read(source.NewFiles(nil), check)
	if len(got.Troubles) > 0 {
		t.Errorf("half-written: %v", got.Troubles)
	}
	owners := map[string]netip.Prefix{}
	for _, r := range got.Find("web") {
		b, err := r.Booking()
		if err != nil || len(r.Events) != 1 {
			t.Errorf("%s: %d events, %v", r.Range, len(r.Events), err)
		}
		if other, twice := owners[b.Owner]; twice {
			t.Errorf("%s has %s and %s", b.Owner, other, r.Range)
		}
		owners[b.Owner] = r.Range
	}
	for owner, address := range answered {
		if owners[owner].Addr().String() != address {
			t.Errorf("%s was told %s, and has %s", owner, address, owners[owner])
		}
	}
}
