package bookfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestLinks puts links in the place of bookings, of a pool's folder and of all of them:
// neither is a link followed nor is anything booked beside it.
func TestLinks(t *testing.T) {
	for _, link := range []string{"bookings", "bookings/web", "bookings/web/10.0.0.100.yml"} {
		t.Run(link, func(t *testing.T) {
			dir, elsewhere := checkout(t), t.TempDir()
			target := filepath.Join(elsewhere, "target")
			write(t, filepath.Join(dir, "bookings/web/10.0.0.100.yml"), "- {at: 2026-01-02T03:04:05Z, what: booked, owner: promo/web/old}\n")
			if err := os.Rename(filepath.Join(dir, link), target); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "add", ".")
			git(t, dir, "commit", "-qm", "Links")
			if got := bookfile.Read(source.NewFiles(nil), dir); len(got.Troubles) != 1 || len(got.Find("web")) > 0 {
				t.Errorf("read through a link: %+v", got)
			}
			before := git(t, dir, "rev-parse", "HEAD")
			_, err := take(&bookfile.Store{Folder: dir, Environ: environ()}, "promo/web/next")
			if err == nil || !strings.Contains(err.Error(), "is no f") {
				t.Errorf("booked beside a link: %v", err)
			}
			if git(t, dir, "rev-parse", "HEAD") != before {
				t.Error("a commit was made")
			}
		})
	}
}
