//go:build !race

package atomicfile

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinksOfACheckout writes through links as a checkout may hold them, and as people
// make them beside it.
func TestLinksOfACheckout(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"repo/.git/hooks", "repo/reports", "home/.ssh", "srv"} {
		if err := os.MkdirAll(in(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, in("home/.bashrc"), "mine", 0o644)
	put(t, in("repo/file"), "tracked", 0o644)
	for link, to := range map[string]string{
		"repo/out": "../home/.bashrc", "repo/absolute": in("home/.bashrc"), "repo/new": "../home/new", "repo/two": "out",
		"repo/folder": "../home/.ssh", "repo/round": "../repo/file", "repo/hook": ".git/hooks/pre-commit", "repo/beside": "file",
		"repo/reports/up": "../file", "repo/reports/far": "../../home/.bashrc", "repo/device": "/dev/null",
		"mine": "home/.bashrc", "way": "repo", "srv/reports": "../repo/reports",
	} {
		if err := os.Symlink(to, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, refused := range map[string]bool{
		"repo/out": true, "repo/absolute": true, "repo/new": true, "repo/two": true, "repo/folder/authorized_keys": true, "repo/folder/../.bashrc": true,
		"repo/hook": true, "repo/reports/far": true, "way/out": true, "srv/reports/far": true, "repo/device": true,
		"repo/file": false, "repo/other": false, "repo/round": false, "repo/beside": false, "repo/reports/up": false,
		"mine": false, "way/file": false, "srv/reports/x": false, "home/.bashrc": false,
	} {
		path = dir + "/" + path
		before, _ := os.ReadFile(in("home/.bashrc"))
		err := Write(path, Shared, []byte("text"))
		if errors.Is(err, ErrLeadsOut) != refused || !refused && err != nil {
			t.Errorf("%s: %v", path, err)
		}
		after, _ := os.ReadFile(in("home/.bashrc"))
		if refused && string(after) != string(before) {
			t.Errorf("%s: it was written through", path)
		}
		if refused {
			if err := Exchange(path, before, []byte("text")); !errors.Is(err, ErrLeadsOut) {
				t.Errorf("%s: exchanged: %v", path, err)
			}
		}
	}
	if err := Create(in("repo/folder/new"), Private, nil); !errors.Is(err, ErrLeadsOut) {
		t.Errorf("created: %v", err)
	}
	onlyFiles(t, in("home/.ssh"))
	onlyFiles(t, in("repo/.git/hooks"))
}

// TestRandomLinks makes links at random in a checkout and beside it, and asks where paths
// may be written: no path within the checkout that the system leads out of it, and every
// one that it leads into it.
func TestRandomLinks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	within, refused := 0, 0
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folders := []string{"repo", "repo/a", "repo/a/b", "home", "home/c"}
	if err := errors.Join(os.MkdirAll(dir+"/repo/a/b", 0o755), os.MkdirAll(dir+"/home/c", 0o755), os.Mkdir(dir+"/repo/.git", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		put(t, dir+"/"+folder+"/file", "text", 0o644)
	}
	targets := []string{"..", "../..", "../../home", "../home/c", "../repo", "a", "file", "c/file", "a/file", "p", "q", "r", "../q", dir + "/home/c/file", dir + "/repo/a"}
	for range 150 {
		var links []string
		for range 5 {
			link := dir + "/" + folders[r.IntN(len(folders))] + "/" + string(rune('p'+r.IntN(4)))
			if os.Symlink(targets[r.IntN(len(targets))], link) == nil {
				links = append(links, link)
			}
		}
		for range 20 {
			path := links[r.IntN(len(links))]
			for r.IntN(2) == 0 {
				path += "/" + []string{"p", "q", "c", "file", "..", "a"}[r.IntN(6)]
			}
			real, err := filepath.EvalSymlinks(path)
			if err != nil {
				continue
			}
			stays := strings.HasPrefix(real+"/", dir+"/repo/")
			switch err := Inside(path); {
			case err == nil:
				within++
				if strings.HasPrefix(path, dir+"/repo/") && !strings.Contains(path, "..") && !stays {
					t.Errorf("%s leads to %s, and may be written", path, real)
				}
			case !errors.Is(err, ErrLeadsOut):
				t.Errorf("%s: %v", path, err)
			default:
				refused++
				if stays {
					t.Errorf("%s leads to %s, and is refused", path, real)
				}
			}
		}
		for _, link := range links {
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
		}
	}
	if within < 100 || refused < 100 {
		t.Errorf("only %d stay, and %d are refused", within, refused)
	}
}
