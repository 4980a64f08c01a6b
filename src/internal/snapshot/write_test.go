//go:build !race

package snapshot

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWrite writes over a file of another mode, and leaves no other file behind.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshots", "promo.json")
	s := example(t)
	write := func(after, refresh time.Duration, want Result) {
		t.Helper()
		s.Collected = example(t).Collected.Add(after)
		if got, err := s.Write(path, refresh); err != nil || got != want {
			t.Errorf("after %s: got %d and error %v, want %d", after, got, err, want)
		}
	}
	write(0, 0, Written)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	write(time.Minute, time.Hour, Left)
	if again, _ := os.ReadFile(path); !bytes.Equal(first, again) {
		t.Error("the file has changed though nothing else has")
	}
	write(-time.Minute, time.Hour, Refreshed) // the clock went back
	write(time.Hour, time.Hour, Refreshed)
	s.Deployments[1].VMs[0].AZ = "z3"
	write(time.Hour+time.Second, time.Hour, Written)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, error %v", len(entries), err)
	}
}

// TestWriteThroughLink replaces what a link leads to, not the link.
// TestWriteLeavesOthers: a slip in the fleet file costs nobody a file.
func TestWriteLeavesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	whole := example(t).Encode()
	for old, want := range map[string]error{
		"":                                nil, // as of touch, or of a disk that was full
		"\n":                              nil,
		string(whole):                     nil,
		string(whole[:len(whole)/2]):      nil,
		"<<<<<<< HEAD\n" + string(whole):  nil,
		"export A=1\n":                    ErrNoSnapshot,
		"networks: []\n":                  ErrNoSnapshot,
		`{"snapshot": "ipguard_snapshot"`: nil, // may be a damaged one
		`{"a": 1}`:                        ErrNoSnapshot,
	} {
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := example(t).Write(path, 0)
		if now, _ := os.ReadFile(path); !errors.Is(err, want) || want == nil && err != nil || want != nil && string(now) != old {
			t.Errorf("over %.30q: error %v, want %v, and %.30q is there", old, err, want, now)
		}
	}
}

func TestWriteThroughLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte(`{"ipguard_snapshot": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	if _, err := example(t).Write(link, 0); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(target)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || len(data) < 100 {
		t.Errorf("the link became %v (error %v), its target has %d bytes", info.Mode(), err, len(data))
	}
}
