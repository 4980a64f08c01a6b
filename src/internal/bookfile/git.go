package bookfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/ipguard/ipguard/src/internal/gitcommand"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// repository runs git in one folder.
type repository struct {
	// dir is a folder of the checkout.
	dir string
	env []string
}

// gitError is a git that did not end well.
type gitError struct {
	args   []string
	stderr string
	err    error
}

func (e *gitError) Error() string {
	said := lastLines(e.stderr)
	if said == "" {
		said = e.err.Error()
	}
	return "git " + e.args[0] + ": " + said
}

func (e *gitError) Unwrap() error { return e.err }

// credentials are what stands before the host of a URL, and query what stands behind its
// path: tokens are kept in both.
var (
	credentials = lazyregexp.New(`://[^/@\s]+@`)
	query       = lazyregexp.New(`(://[^\s?#'"]*)[?#][^\s'"]*`)
)

// withoutSecrets is a text without what only some may know of the URLs in it.
func withoutSecrets(text string) string {
	return query().ReplaceAllString(credentials().ReplaceAllString(text, "://…@"), "$1?…")
}

// lastLines are the last words of git, on one line, without hints for people at a
// terminal.
func lastLines(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		line = withoutSecrets(strings.TrimSpace(line))
		if line != "" && !strings.HasPrefix(line, "hint:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-4):], "; ")
}

// run runs git and returns what it printed, without the last line end.
func (r *repository) run(ctx context.Context, args ...string) (string, error) {
	out, err := r.feed(ctx, nil, nil, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// feed runs git with an input and more of an environment.
func (r *repository) feed(ctx context.Context, env []string, input []byte, args ...string) ([]byte, error) {
	return output(r.command(ctx, env, input, args...), args)
}

// command is a git that is ready to run. Its messages are in English, since some
// of them are read.
func (r *repository) command(ctx context.Context, env []string, input []byte, args ...string) *exec.Cmd {
	cmd := gitcommand.New(ctx, r.dir, args...)
	cmd.Env = append(append(withoutRepository(r.env), "LC_ALL=C"), env...)
	cmd.Stdin = bytes.NewReader(input)
	return cmd
}

// withoutRepository leaves out what would make git work in another repository, or on
// the index of the commit in whose hook it runs.
func withoutRepository(env []string) []string {
	var kept []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "LC_ALL", "LANGUAGE":
		default:
			kept = append(kept, e)
		}
	}
	return kept
}

func output(cmd *exec.Cmd, args []string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, &trouble.Trouble{Message: "git is not on the PATH", Hint: "bookings of this fleet are kept in git: install it"}
		}
		if errors.Is(err, gitcommand.ErrPlanted) {
			return nil, &trouble.Trouble{Message: err.Error(), Hint: "take HEAD, objects and refs out of the folders of the checkout, and ask who put them there"}
		}
		return stdout.Bytes(), &gitError{args: args, stderr: stderr.String(), err: err}
	}
	return stdout.Bytes(), nil
}

// exitedWith reports whether git ended with just that exit code.
func exitedWith(err error, code int) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == code
}

// has reports whether git knows a revision, and which commit it is.
func (r *repository) has(ctx context.Context, revision string) (string, bool, error) {
	commit, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	switch {
	case exitedWith(err, 1):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return commit, true, nil
}

// stop is a state of the repository in which nothing can be booked.
func stop(hint, format string, args ...any) error {
	return &trouble.Trouble{Message: fmt.Sprintf(format, args...), Hint: hint}
}
