// Package gitcommand starts git in folders that somebody else may have written.
//
// Who sends a pull request decides about every file of the checkout that lints it, but
// not about its .git folder. Git takes a plain folder with a HEAD, objects and refs for
// a repository as well (a bare one), and does what the config in it says: run a file
// system monitor, a filter, a pager. So a folder that looks like one, below the folder
// that has the .git, is not a place to ask git from: ErrPlanted.
package gitcommand

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrPlanted is what becomes of a question in a folder that looks like a repository
// of its own, and lies in a checkout.
var ErrPlanted = errors.New("a folder of the checkout looks like a bare git repository (HEAD, objects, refs), whose configuration could run any program: git is not asked")

// New is a git that is ready to run in a folder, without a pager, without a monitor of
// the file system and without remotes that are programs (gitremote-helpers(7), ext), of which
// a partial clone would fetch what it has not. In a folder that only looks like a repository it does not start, with
// ErrPlanted.
func New(ctx context.Context, folder string, args ...string) *exec.Cmd {
	// safe.bareRepository is known from git 2.38 on; planted knows it for those before.
	options := []string{"--no-pager", "-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"}
	cmd := exec.CommandContext(ctx, "git", append(options, args...)...)
	cmd.Dir = folder
	if planted(folder) {
		cmd.Err = ErrPlanted
	}
	return cmd
}

// planted reports whether git would find a bare repository in the folder or above it
// before it finds a .git, as git looks for them (gitrepository-layout(5)).
func planted(folder string) bool {
	dir, err := filepath.Abs(folder)
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // git goes up from where it really is
	}
	for {
		if exists(dir, ".git") {
			return false
		}
		if exists(dir, "HEAD") && exists(dir, "objects") && exists(dir, "refs") {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
