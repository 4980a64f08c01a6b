//go:build !race

package changed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path) // it may be a link
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func repository(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		sharedtest.Unavailable(t, "git is not installed")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Chdir(t.TempDir())
	run(t, "init", "-q", "-b", "main", ".")
	run(t, "config", "user.email", "a@example.com")
	run(t, "config", "user.name", "a")
}

// TestNothingIsPassedOver changes random files in random ways, on a branch, in the index
// and in the working tree, and wants each of them called changed whose text is not what
// it was, whatever git was told about it.
func TestNothingIsPassedOver(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for round := range 6 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			repository(t)
			var paths []string
			before := map[string]string{}
			for i := range 30 {
				path := fmt.Sprintf("d%d/ü %d.yml", i%4, i)
				paths = append(paths, path)
				before[path] = fmt.Sprintf("a: %d\n", i)
				write(t, path, before[path])
			}
			write(t, ".gitignore", "/d0/ignored.yml\n")
			write(t, "d0/ignored.yml", "a: 1\n")
			if err := os.Symlink("../d1", "d2/link"); err != nil {
				t.Fatal(err)
			}
			run(t, "add", "-A")
			run(t, "commit", "-qm", "first")
			run(t, "checkout", "-qb", "topic")
			for range random.IntN(12) {
				path := paths[random.IntN(len(paths))]
				switch random.IntN(6) {
				case 0:
					_ = os.Remove(path)
				case 1:
					write(t, path, "b: 1\n")
					run(t, "add", "-A")
				case 2:
					write(t, path, "c: 1\n")
					run(t, "add", "-A")
					run(t, "commit", "-q", "--allow-empty", "-m", "next")
				case 3:
					run(t, "add", "-A")
					if _, err := os.Stat(path); err == nil {
						run(t, "update-index", "--assume-unchanged", path)
					}
					write(t, path, "d: 1\n")
				case 4:
					write(t, path, "e: 1\n")
				case 5:
					write(t, path+".new.yml", "f: 1\n")
				}
			}
			files, err := Since(context.Background(), "d3", "")
			if err != nil {
				t.Fatal(err)
			}
			called := 0
			for _, path := range paths {
				text, err := os.ReadFile(path)
				differs := err != nil || string(text) != before[path]
				if differs && !files.Has(path) {
					t.Errorf("%s changed and is passed over", path)
				}
				if linked, ok := strings.CutPrefix(path, "d1/"); ok && differs && !files.Has("d2/link/"+linked) {
					t.Errorf("%s changed and is passed over through a link", path)
				}
				if !differs && files.Has(path) {
					called++
				}
			}
			if called > 12 {
				t.Errorf("%d files are called changed that are as they were", called)
			}
			for _, path := range []string{"d0/ignored.yml", "/etc/hostname", "nowhere.yml"} {
				if !files.Has(path) {
					t.Errorf("nobody knows whether %s changed, and it is passed over", path)
				}
			}
		})
	}
}

func TestNoGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Since(context.Background(), ".", ""); err == nil || !strings.Contains(err.Error(), "there is no program git") {
		t.Error(err)
	}
}
