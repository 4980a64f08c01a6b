//go:build unix

package environment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	boshuaa "github.com/cloudfoundry/bosh-cli/v7/uaa"
)

// TestTokenOfALink refreshes tokens at once, in a file that a link leads to. The old
// file, which another name keeps, is never written to: whatever stops the program, one of
// both is whole.
func TestTokenOfALink(t *testing.T) {
	dir := t.TempDir()
	file, link, old := filepath.Join(dir, "real"), filepath.Join(dir, "config"), filepath.Join(dir, "old")
	const before = "environments:\n- url: one\n  refresh_token: first\n- url: two\n  refresh_token: second\n"
	if err := errors.Join(os.WriteFile(file, []byte(before), 0o600), os.Symlink("real", link), os.Link(file, old)); err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	if root {
		if err := os.Chown(file, 12345, 54321); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(link)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, url := range []string{"one", "two"} {
		both.Go(func() {
			if err := c.UpdateConfigWithToken(url, boshuaa.NewRefreshableAccessToken("bearer", "fresh", "new-"+url)); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	now, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(now), "new-one") || !strings.Contains(string(now), "new-two") {
		t.Errorf("%v: %s", err, now)
	}
	if kept, err := os.ReadFile(old); err != nil || string(kept) != before {
		t.Errorf("the old file was written to: %v: %s", err, kept)
	}
	if to, err := os.Readlink(link); err != nil || to != "real" {
		t.Errorf("the link leads to %q: %v", to, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && root && (owner.Uid != 12345 || owner.Gid != 54321) {
		t.Errorf("the owner is %d:%d", owner.Uid, owner.Gid)
	}
}
