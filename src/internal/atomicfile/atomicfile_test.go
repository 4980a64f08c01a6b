//go:build !race

package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// onlyFiles holds the names in a folder against what should be there: no file is
// left beside.
func onlyFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
}

func put(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	info, statErr := os.Lstat(path)
	if err := errors.Join(err, statErr); err != nil {
		t.Fatal(err)
	}
	if string(got) != text || info.Mode() != mode {
		t.Errorf("%s holds %q with mode %v, want %q with %v", path, got, info.Mode(), text, mode)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	for _, step := range []struct {
		text   string
		rights Rights
		mode   fs.FileMode
	}{{"one", Private, 0o600}, {"two", Shared, 0o600}, {"", Private, 0o600}} {
		if err := Write(file, step.rights, []byte(step.text)); err != nil {
			t.Fatal(err)
		}
		holds(t, file, step.text, step.mode)
	}
	put(t, file, "open", 0o664)
	if err := Write(file, Shared, []byte("three")); err != nil {
		t.Fatal(err)
	}
	holds(t, file, "three", 0o664)
	if err := Write(file, Private, []byte("four")); err != nil {
		t.Fatal(err)
	}
	holds(t, file, "four", 0o600)
	onlyFiles(t, dir, "file")
}

// TestLinks writes through links, also those that lead to no file yet.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	put(t, in("file"), "before", 0o640)
	for link, to := range map[string]string{"first": "second", "second": in("file"), "early": "late", "loop": "loop"} {
		if err := os.Symlink(to, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(in("first"), Shared, []byte("after")); err != nil {
		t.Fatal(err)
	}
	holds(t, in("file"), "after", 0o640)
	if err := Exchange(in("first"), []byte("after"), []byte("later")); err != nil {
		t.Fatal(err)
	}
	holds(t, in("file"), "later", 0o640)
	if err := Write(in("early"), Private, []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, in("late"), "new", 0o600)
	if err := Exchange(in("loop"), nil, nil); err == nil {
		t.Error("a link to itself was written to")
	}
	onlyFiles(t, dir, "early", "file", "first", "late", "loop", "second")
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := Create(file, Shared, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := Create(file, Shared, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
	if got, err := os.ReadFile(file); string(got) != "first" || err != nil {
		t.Errorf("the file holds %q, %v", got, err)
	}
	onlyFiles(t, dir, "file")
}

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	put(t, file, "other", 0o644)
	if err := Exchange(file, []byte("before"), []byte("after")); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that was changed: %v", err)
	}
	holds(t, file, "other", 0o644)
	if err := Exchange(filepath.Join(dir, "none"), nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	onlyFiles(t, dir, "file")
}

// TestErrors tell why and name no file that the user does not know.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "", 0o644)
	for name, path := range map[string]string{"no folder": "none/file", "a folder": ".", "below a file": "file/x"} {
		err := Write(filepath.Join(dir, path), Shared, []byte("x"))
		if err == nil || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	onlyFiles(t, dir, "file")
}

// TestStream writes to what is open already, and replaces none of it.
func TestStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(fmt.Sprintf("/dev/fd/%d", w.Fd()), Shared, []byte("text")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.String() != "text" {
		t.Errorf("the pipe held %q, %v", got.String(), err)
	}
	if err := Write(os.DevNull, Private, []byte("text")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&fs.ModeDevice == 0 {
		t.Errorf("%s is now %v", os.DevNull, info.Mode())
	}
}

const writerVariable = "IPGUARD_TEST_ATOMIC_FILE"

// size is more than one write to the disk.
const size = 3 << 20

// TestKill kills a process that writes two texts in turn: the file is always one of
// them, whole, and what is left beside has a name that patterns do not match.
func TestKill(t *testing.T) {
	texts := [][]byte{bytes.Repeat([]byte("0"), size), bytes.Repeat([]byte("1"), size+1)}
	if path := os.Getenv(writerVariable); path != "" {
		for i := 0; ; i++ {
			if err := Write(path, Shared, texts[i%2]); err != nil {
				t.Fatal(err)
			}
			fmt.Println("written")
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file.yml")
	for round := range 8 {
		writer := exec.Command(os.Args[0], "-test.run=^TestKill$")
		writer.Env = append(os.Environ(), writerVariable+"="+path)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		// It is killed after so many texts, while it writes the next.
		if _, err := io.ReadFull(out, make([]byte, (round+1)*len("written\n"))); err != nil {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = writer.Wait() // it was killed
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, texts[0]) && !bytes.Equal(got, texts[1]) {
			t.Fatalf("the file is torn: %d bytes", len(got))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	beside := regexp.MustCompile(`^\.file\.yml\d+$`)
	for _, e := range entries {
		if e.Name() != "file.yml" && !beside.MatchString(e.Name()) {
			t.Errorf("left over: %s", e.Name())
		}
	}
}
