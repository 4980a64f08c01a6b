//go:build !race

package bookfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookfile"
)

// TestInterrupted books where git itself was killed in the middle of a fast-forward, as
// a machine that loses power does: whatever part of a booking's file was written, the
// next booking takes it back, and the checkout is clean.
func TestInterrupted(t *testing.T) {
	for _, old := range []bool{false, true} { // the file is new, or has a booking already
		for _, part := range []string{"nothing", "empty", "half", "whole", "staged"} {
			t.Run(fmt.Sprintf("%s, file there: %t", part, old), func(t *testing.T) {
				t.Parallel() // each waits for the end of a fast-forward that nobody ends
				dir := checkout(t)
				file := filepath.Join(dir, "bookings/web/10.0.0.0.yml")
				if old {
					write(t, file, "- {at: 2026-01-02T03:04:05Z, what: booked, owner: promo/web/old}\n")
					git(t, dir, "add", ".")
					git(t, dir, "commit", "-qm", "Book")
				}
				from := git(t, dir, "rev-parse", "HEAD")
				before, _ := os.ReadFile(file) // there may be none
				after := string(before) + "- {at: 2026-01-03T03:04:05Z, what: renewed, owner: promo/web/old}\n"
				if !old {
					after = "- {at: 2026-01-03T03:04:05Z, what: booked, owner: promo/web/new}\n"
				}
				write(t, file, after)
				git(t, dir, "add", ".")
				git(t, dir, "commit", "-qm", "Book more")
				to := git(t, dir, "rev-parse", "HEAD")
				git(t, dir, "reset", "-q", "--hard", from)
				switch part {
				case "empty":
					write(t, file, "")
				case "half":
					write(t, file, after[:len(after)-9])
				case "whole", "staged":
					write(t, file, after)
				}
				if part == "staged" {
					git(t, dir, "add", ".")
				}
				write(t, filepath.Join(dir, ".git/ipguard-forward"), from+" "+to+"\n")
				if _, err := take(&bookfile.Store{Folder: dir, Environ: environ()}, "promo/web/next"); err != nil {
					t.Fatal(err)
				}
				if state := git(t, dir, "status", "--porcelain"); state != "" {
					t.Errorf("the checkout is left as\n%s", state)
				}
				if old && !strings.Contains(git(t, dir, "show", "HEAD:bookings/web/10.0.0.0.yml"), "promo/web/old") {
					t.Error("the booking that was there is gone")
				}
			})
		}
	}
}

// TestInterruptedByOthers leaves alone what somebody else wrote since.
func TestInterruptedByOthers(t *testing.T) {
	dir := checkout(t)
	from := git(t, dir, "rev-parse", "HEAD")
	file := filepath.Join(dir, "bookings/web/10.0.0.0.yml")
	write(t, file, "- {at: 2026-01-03T03:04:05Z, what: booked, owner: promo/web/new}\n")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "Book")
	to := git(t, dir, "rev-parse", "HEAD")
	git(t, dir, "reset", "-q", "--hard", from)
	const mine = "- {at: 2026-01-03T03:04:05Z, what: booked, owner: written/by/hand}\n"
	write(t, file, mine)
	write(t, filepath.Join(dir, ".git/ipguard-forward"), from+" "+to+"\n")
	_, err := take(&bookfile.Store{Folder: dir, Environ: environ()}, "promo/web/next")
	if err == nil || !strings.Contains(err.Error(), "was changed and is not committed") {
		t.Errorf("it was booked beside a file that somebody changed: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != mine {
		t.Errorf("what somebody wrote is now %q (%v)", text, err)
	}
}

// TestLockedIndex says what to do about a lock that a killed git left.
func TestLockedIndex(t *testing.T) {
	dir := checkout(t)
	write(t, filepath.Join(dir, ".git/index.lock"), "")
	_, err := take(&bookfile.Store{Folder: dir, Environ: environ(), Sleep: func(time.Duration) {}}, "promo/web/next")
	if err == nil || !strings.Contains(err.Error(), "has locked the checkout's index") {
		t.Errorf("with git's index locked: %v", err)
	}
}
