// Package regularfile opens files and never waits for anybody: a named pipe, a terminal
// or another device in the place of a file would hold a command for ever. Pipes are
// opened where they are meant: standard input and the numbers of open files, which is
// what a shell's <(COMMAND) gives.
package regularfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// ErrFolder is the error of a folder in the place of a file.
var ErrFolder = errors.New("it is a folder")

// errNoFile is the error of what is neither file nor folder.
var errNoFile = errors.New("it is a pipe or a device, and no regular file")

// Open opens a file for reading. The caller closes it.
func Open(path string) (*os.File, fs.FileInfo, error) { return open(path, isMeant(path)) }

// OpenNamed opens what a person named, which may be a pipe: it waits for who writes it.
func OpenNamed(path string) (*os.File, fs.FileInfo, error) { return open(path, true) }

func open(path string, mayWait bool) (*os.File, fs.FileInfo, error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK // opening a pipe waits for its other end
	if mayWait {
		flags = os.O_RDONLY
	}
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = ErrFolder
	case !info.Mode().IsRegular() && !mayWait:
		err = errNoFile
	default:
		return file, info, nil
	}
	file.Close()
	return nil, nil, err
}

// Read returns the whole text of a file.
func Read(path string) ([]byte, error) {
	file, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text := make([]byte, 0, info.Size()+1)
	for {
		n, err := file.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, err
		case len(text) == cap(text):
			text = append(text, 0)[:len(text)]
		}
	}
}

// descriptor is the path of an open file of this program.
var descriptor = lazyregexp.New(`^/(dev|proc/(self|thread-self|\d+))/fd/\d+$`)

// isMeant reports whether who names a path means a pipe, or nothing at all.
func isMeant(path string) bool {
	path = filepath.Clean(path)
	return path == "/dev/stdin" || path == os.DevNull || descriptor().MatchString(path)
}
