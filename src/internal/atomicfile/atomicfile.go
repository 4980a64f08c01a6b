// Package atomicfile writes files so that a full disk, a crash or a kill leaves the
// old file or the new one, each whole: the text goes into a file beside, to the disk,
// and then takes the name. All files of the program are written here, but for the log
// of overrides, to which lines are added.
//
// What a kill leaves beside has a name that begins with a dot and ends with digits,
// so that no pattern like *.yml takes it for a file.
package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Rights say who may read the file.
type Rights int

// Shared leaves a file's mode as it is; a new one is for all to read, less the
// umask. Private makes it 0600.
const (
	Shared Rights = iota
	Private
)

// ErrChanged says that a file is no longer what it was when it was read.
var ErrChanged = errors.New("it was changed meanwhile")

// Write replaces the file at path, or makes it. The new one has the owner of the old one
// where that may be given to it. Of a symbolic link the file that it
// leads to is replaced, unless it leads out of a checkout (Inside). What is no file on a disk (a pipe, a terminal, /dev/stdout) is
// written to as it is. Errors do not name the file.
func Write(path string, rights Rights, text []byte) error {
	if err := Inside(path); err != nil {
		return err
	}
	target := follow(path)
	if isStream(target) {
		return stream(target, text)
	}
	return replace(target, rights, text, rename)
}

// Create is Write for a file that must not exist; if it does, the error is fs.ErrExist.
func Create(path string, rights Rights, text []byte) error {
	if err := Inside(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return replace(path, rights, text, func(next *renameio.PendingFile) error {
		// Unlike a rename, a link spares a file that came meanwhile.
		return errors.Join(next.Sync(), os.Link(next.Name(), path))
	})
}

// Exchange is Write for a file that has to hold before, and keeps its mode.
func Exchange(path string, before, after []byte) error {
	if err := Inside(path); err != nil {
		return err
	}
	target := follow(path)
	if _, err := os.Stat(target); err != nil {
		return cause(err)
	}
	return replace(target, Shared, after, func(next *renameio.PendingFile) error {
		current, err := os.ReadFile(target)
		if err != nil {
			return err
		}
		if !bytes.Equal(current, before) {
			return ErrChanged
		}
		return rename(next)
	})
}

func rename(next *renameio.PendingFile) error { return next.CloseAtomicallyReplace() }

// replace writes beside target and lets finish give the text its name.
func replace(target string, rights Rights, text []byte, finish func(*renameio.PendingFile) error) (err error) {
	folder := filepath.Dir(target)
	mode := []renameio.Option{renameio.WithTempDir(folder), renameio.WithPermissions(0o644), renameio.WithExistingPermissions()}
	if rights == Private {
		mode = []renameio.Option{renameio.WithTempDir(folder), renameio.WithPermissions(0o600), renameio.IgnoreUmask()}
	}
	next, err := renameio.NewPendingFile(target, mode...)
	if err != nil {
		return cause(err)
	}
	defer func() { err = errors.Join(err, cause(next.Cleanup())) }()
	keepOwner(target, next.File)
	if _, err := next.Write(text); err != nil {
		return cause(err)
	}
	if err := finish(next); err != nil {
		return cause(err)
	}
	syncFolder(folder)
	return nil
}

// syncFolder brings the new name to the disk as well. Not every file system can;
// those that cannot do it in their own time.
func syncFolder(folder string) {
	if dir, err := os.Open(folder); err == nil {
		_ = dir.Sync()
		dir.Close()
	}
}

// follow is the path that a path leads to by symbolic links, whether that file exists
// or not. Links without end are left to whoever opens them.
func follow(path string) string {
	for range 40 { // as many as Linux follows
		link, err := os.Readlink(path)
		if err != nil || isStream(path) {
			break
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return path
}

// isStream reports whether a path names something open rather than a file on a disk.
func isStream(path string) bool {
	path = filepath.Clean(path)
	for _, start := range []string{"/proc/", "/dev/fd/", "/dev/stdout", "/dev/stderr"} {
		if strings.HasPrefix(path, start) {
			return true
		}
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

func stream(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return cause(err)
	}
	_, err = file.Write(text)
	return cause(errors.Join(err, file.Close()))
}

// cause takes away the names of files: that of the one beside tells nobody anything.
func cause(err error) error {
	var linkErr *os.LinkError
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &linkErr):
		return linkErr.Err
	case errors.As(err, &pathErr):
		return pathErr.Err
	}
	return err
}
