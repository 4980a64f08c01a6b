//go:build !race

package gitcommand

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestPlantedRepository has a checkout with a folder that git takes for a repository,
// whose configuration runs a program: git itself runs it, New never does.
func TestPlantedRepository(t *testing.T) {
	sharedtest.Programs(t, "git")
	top := t.TempDir()
	ran := filepath.Join(t.TempDir(), "ran")
	run := func(dir string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run(top, "init", "-q")
	planted := filepath.Join(top, "fleet")
	below := filepath.Join(planted, "promo")
	for name, text := range map[string]string{
		"HEAD": "ref: refs/heads/main\n", "objects/.keep": "", "refs/.keep": "", "promo/manifest.yml": "name: x\n",
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = \".\"\n\tfsmonitor = \"touch " + ran + "; false\"\n",
	} {
		path := filepath.Join(planted, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	unsafe := exec.Command("git", "status")
	unsafe.Dir = planted
	_ = unsafe.Run()
	if err := os.Remove(ran); err != nil {
		t.Fatalf("git did not run what was planted, so the test shows nothing: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(below, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{planted, below, link} {
		if err := New(t.Context(), dir, "status").Run(); !errors.Is(err, ErrPlanted) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	for _, dir := range []string{top, t.TempDir()} {
		if err := New(t.Context(), dir, "status").Run(); (err == nil) != (dir == top) {
			t.Errorf("git status in %s: %v", dir, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("what was planted ran")
	}
}

// TestRemoteThatIsAProgram has a partial clone whose remote is a program: git itself runs it
// for an object that is missing, New never does.
func TestRemoteThatIsAProgram(t *testing.T) {
	sharedtest.Programs(t, "git")
	top := t.TempDir()
	program, ran := filepath.Join(t.TempDir(), "remote"), filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"config", "core.repositoryFormatVersion", "1"}, {"config", "extensions.partialClone", "origin"},
		{"config", "remote.origin.promisor", "true"}, {"config", "remote.origin.url", "ext::" + program},
		{"config", "protocol.ext.allow", "always"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	missing := []string{"cat-file", "-p", "0123456789012345678901234567890123456789"}
	unsafe := exec.Command("git", missing...)
	unsafe.Dir = top
	_ = unsafe.Run()
	if err := os.Remove(ran); err != nil {
		t.Fatalf("git did not run the remote, so the test shows nothing: %v", err)
	}
	if err := New(t.Context(), top, missing...).Run(); err == nil {
		t.Error("a missing object was found")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the remote ran")
	}
}
