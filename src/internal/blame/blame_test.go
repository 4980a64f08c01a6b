package blame

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

func git(t *testing.T, dir string, environ []string, args ...string) {
	t.Helper()
	sharedtest.Programs(t, "git")
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org",
	}, environ...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func author(name, date string) []string {
	return []string{"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=" + date}
}

func TestLines(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "deep", "-er", "-manifest.yml")
	git(t, dir, nil, "init", "-q")
	write(t, file, "one", "two", "three")
	git(t, dir, nil, "add", ".")
	git(t, dir, author("Ann", "2017-06-01T10:00:00 +0200"), "commit", "-qm", "first")
	write(t, file, "one", "two by Bob", "three")
	git(t, dir, author("Bob", "2018-01-31T23:30:00 -0800"), "commit", "-qam", "second")
	write(t, file, "one", "two by Bob", "three, not committed")
	untracked := filepath.Join(dir, "untracked.yml")
	write(t, untracked, "one")

	changes, complete := Lines(context.Background(), []Line{
		{file, 1}, {file, 2}, {file, 3}, {untracked, 1}, {filepath.Join(dir, "missing", "m.yml"), 1}, {file, 0}, {"-v NAME", 1},
	})
	if !complete {
		t.Error("not complete")
	}
	got := map[int]string{}
	for line, change := range changes {
		if line.File != file {
			t.Errorf("an answer for %v", line)
		}
		got[line.Line] = change.Author.String() + " " + change.When.Format(time.RFC3339)
		if (change.Commit == "") != (line.Line == 3) || change.Commit != "" && len(change.Commit) != 40 {
			t.Errorf("line %d: commit %q", line.Line, change.Commit)
		}
	}
	delete(got, 3) // git says when it was asked
	want := map[int]string{1: "Ann 2017-06-01T10:00:00+02:00", 2: "Bob 2018-01-31T23:30:00-08:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, ok := changes[Line{file, 3}]; !ok {
		t.Error("no answer for the line that is not committed")
	}
}

func TestLineBehindTheEnd(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f.yml")
	git(t, dir, nil, "init", "-q")
	write(t, file, "one")
	git(t, dir, nil, "add", ".")
	git(t, dir, author("Ann", "2017-06-01T10:00:00 +0200"), "commit", "-qm", "first")
	if changes, complete := Lines(context.Background(), []Line{{file, 7}}); len(changes) != 0 || !complete {
		t.Errorf("%v, %t", changes, complete)
	}
}

// TestNoProgramOfTheConfiguration has a text converter, which git blame runs by itself.
func TestNoProgramOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file, ran := filepath.Join(dir, "f.yml"), filepath.Join(t.TempDir(), "ran")
	git(t, dir, nil, "init", "-q")
	git(t, dir, nil, "config", "diff.x.textconv", "touch "+ran+"; echo one line; cat")
	write(t, file, "one", "two")
	write(t, filepath.Join(dir, ".gitattributes"), "*.yml diff=x")
	git(t, dir, nil, "add", ".")
	git(t, dir, author("Ann", "2017-06-01T10:00:00 +0200"), "commit", "-qm", "first")
	git(t, dir, nil, "blame", "f.yml")
	if err := os.Remove(ran); err != nil {
		t.Fatalf("git did not run the converter, so the test shows nothing: %v", err)
	}
	if changes, complete := Lines(t.Context(), []Line{{file, 2}}); changes[Line{file, 2}].Author.String() != "Ann" || !complete {
		t.Errorf("%v, %t", changes, complete)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the converter ran")
	}
}

func TestOutsideOfACheckout(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f.yml")
	write(t, file, "one")
	if (&checkouts{}).hold(file) {
		sharedtest.Unavailable(t, "%s lies in a checkout", dir)
	}
	if changes, complete := Lines(context.Background(), []Line{{file, 1}}); len(changes) != 0 || !complete {
		t.Errorf("%v, %t", changes, complete)
	}
}

func TestEndedContextIsSaid(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f.yml")
	git(t, dir, nil, "init", "-q")
	write(t, file, "one")
	git(t, dir, nil, "add", ".")
	git(t, dir, author("Ann", "2017-06-01T10:00:00 +0200"), "commit", "-qm", "first")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if changes, complete := Lines(ctx, []Line{{file, 1}}); len(changes) != 0 || complete {
		t.Errorf("%v, %t", changes, complete)
	}
}

func FuzzParse(f *testing.F) {
	const sha = "0123456789012345678901234567890123456789"
	f.Add([]byte(sha + " 1 1 1\nauthor Ann\nauthor-mail <a@b>\nauthor-time 1496304000\nauthor-tz +0200\nsummary first\nfilename f.yml\n\tone\n"))
	f.Add([]byte(strings.Repeat("0", 40) + " 3 3 1\nauthor Not Committed Yet\nauthor-time 0\nauthor-tz +0000\n\tauthor x\n"))
	f.Add([]byte("author\n\t\n1 2 -3\n\tx"))
	f.Fuzz(func(t *testing.T, porcelain []byte) {
		for number, change := range parse(porcelain) {
			if number < 1 || change.When.Location() == nil || strings.Contains(string(change.Author), "\n") {
				t.Errorf("line %d: %+v", number, change)
			}
		}
	})
}
