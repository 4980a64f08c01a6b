package bookfile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// commit makes a commit of base and some files. Nothing points to it yet, and
// neither the checkout nor its index has changed. The hooks pre-commit and
// commit-msg see it as git commit shows it to them, by an index of its own, and
// decide whether it may be; what it holds is decided here.
func (c *checkout) commit(ctx context.Context, base string, files map[string][]byte, message string) (string, error) {
	dir, err := os.MkdirTemp(c.private, workFolder)
	if err != nil {
		return "", fmt.Errorf("cannot write into the repository: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a rest of it disturbs nobody
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if base != "" {
		if _, err := c.feed(ctx, index, nil, "read-tree", base); err != nil {
			return "", err
		}
	}
	if err := c.stage(ctx, index, files); err != nil {
		return "", err
	}
	messageFile := filepath.Join(dir, "COMMIT_EDITMSG")
	if err := os.WriteFile(messageFile, []byte(message), 0o600); err != nil {
		return "", err
	}
	id, err := c.feed(ctx, index, nil, "write-tree")
	if err != nil {
		return "", err
	}
	tree := strings.TrimSpace(string(id))
	for _, hook := range [][]string{{"pre-commit"}, {"commit-msg", "--", messageFile}} {
		if err := c.hook(ctx, index, hook); err != nil {
			return "", err
		}
	}
	if err := c.checkHooked(ctx, index, tree, files); err != nil {
		return "", err
	}
	args := []string{"commit-tree", tree, "-F", messageFile}
	if base != "" {
		args = append(args, "-p", base)
	}
	if sign, err := c.run(ctx, "config", "--type=bool", "--get", "commit.gpgSign"); err == nil && sign == "true" {
		args = append(args, "-S")
	}
	return c.run(ctx, args...)
}

// checkHooked refuses what hooks put into the commit beside the booking. That they took
// the booking out of it changes nothing: its files are not in the checkout yet, so that
// git add, which many of them end with, takes them for deleted.
func (c *checkout) checkHooked(ctx context.Context, index []string, tree string, files map[string][]byte) error {
	if err := c.stage(ctx, index, files); err != nil {
		return err
	}
	id, err := c.feed(ctx, index, nil, "write-tree")
	if err != nil {
		return err
	}
	changed, err := c.feed(ctx, nil, nil, "diff-tree", "-r", "-z", "--name-only", tree, strings.TrimSpace(string(id)))
	if first, _, _ := strings.Cut(string(changed), "\x00"); err == nil && first != "" {
		return stop("commit or stash what you are working on, and keep the hook from adding it: a booking is committed alone",
			"a hook of the repository puts %s into the commit of the booking: nothing was booked", first)
	}
	return err
}

// workFolder is the pattern of folders in which commits are made.
const workFolder = "ipguard-booking-*"

// clean takes away what killed processes left. Whoever calls it has the lock, so that
// nobody uses one.
func (c *checkout) clean() {
	left, _ := filepath.Glob(filepath.Join(c.private, workFolder)) // the pattern is a good one
	for _, dir := range left {
		_ = os.RemoveAll(dir) // a rest of it disturbs nobody
	}
}

// stage puts texts into the index.
func (c *checkout) stage(ctx context.Context, index []string, files map[string][]byte) error {
	var input bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		id, err := c.feed(ctx, nil, files[name], "hash-object", "-w", "--stdin")
		if err != nil {
			return err
		}
		fmt.Fprintf(&input, "100644 %s\t%s\x00", strings.TrimSpace(string(id)), name)
	}
	_, err := c.feed(ctx, index, input.Bytes(), "update-index", "-z", "--add", "--index-info")
	return err
}

// hook runs one of the repository's hooks, if it has it.
func (c *checkout) hook(ctx context.Context, index, args []string) error {
	defer c.notice("the hook " + args[0] + " of the repository")()
	_, err := c.feed(ctx, index, nil, append([]string{"hook", "run", "--ignore-missing"}, args...)...)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "is not a git command"):
		return stop("use git 2.36 or newer", "this git cannot run the hook %s", args[0])
	}
	return stop("do what the hook wants, and book again", "the hook %s refuses the booking: %s", args[0], strings.TrimPrefix(err.Error(), "git hook: "))
}
