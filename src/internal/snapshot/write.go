package snapshot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Result says what Write did to the file.
type Result int

// The results. Refreshed: only the time has changed. Left: not even that.
const (
	Written Result = iota + 1
	Refreshed
	Left
)

// ErrNoSnapshot says that a file has something else in it than a snapshot, whole or damaged.
var ErrNoSnapshot = errors.New("the file there is no snapshot, and stays")

// mark is the key that each snapshot begins with.
const mark = `"ipguard_snapshot"`

// Write puts the snapshot into the file at path, with mode 0600. Whatever happens
// on the way, the file is the old one or the new one, whole. Folders on the way
// to it are made.
//
// What is no snapshot stays, be it broken: then the error is ErrNoSnapshot.
//
// If the file says the same already, and its time is younger than refresh, it is
// left as it is: a commit of snapshots then shows changes and little else. Its
// time is then older than it could be, never younger than it is.
func (s *Snapshot) Write(path string, refresh time.Duration) (Result, error) {
	if err := atomicfile.Inside(path); err != nil {
		return 0, err // before folders are made on the way
	}
	data := s.Encode()
	result := Written
	old, err := regularfile.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, withoutPath(err)
	}
	if len(bytes.TrimSpace(old)) > 0 && !bytes.Contains(old, []byte(mark)) {
		return 0, ErrNoSnapshot
	}
	if since, same := s.sameBut(old); same {
		if age := s.Collected.Sub(since); 0 <= age && age < refresh {
			return Left, withoutPath(os.Chmod(path, mode))
		}
		result = Refreshed
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, withoutPath(err)
	}
	return result, atomicfile.Write(path, atomicfile.Private, data)
}

// mode is that of the file (atomicfile.Private): who may log in to a director is
// known to few, and what it told should be too.
const mode = 0o600

// SameBut reports whether two snapshots say the same, but for when they were collected.
func SameBut(one, other []byte) bool {
	s, err := Read("", one)
	if err != nil {
		return false
	}
	_, same := s.sameBut(other)
	return same
}

// sameBut reports whether an old file says the same, collected at another time.
func (s *Snapshot) sameBut(old []byte) (since time.Time, same bool) {
	head, err := readHead("", old)
	if err != nil {
		return time.Time{}, false
	}
	then := *s
	then.Collected = head.Collected
	return head.Collected, bytes.Equal(then.Encode(), old)
}

func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
