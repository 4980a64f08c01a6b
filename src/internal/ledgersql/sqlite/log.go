package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// SQLite plays whatever lies beside a file as its write-ahead log into it. Where a file was
// replaced under a server, or after it was killed, that is the log of the file before.

// header is what the file of a database begins with.
type header [20]byte

// headerOf reads it. The error is io.EOF or io.ErrUnexpectedEOF if the file is too short for it.
func headerOf(file io.ReaderAt) (h header, err error) {
	_, err = io.ReadFull(io.NewSectionReader(file, 0, int64(len(h))), h[:])
	return h, err
}

// logs reports whether the database has a write-ahead log (file format versions in bytes 18
// and 19: https://www.sqlite.org/fileformat.html, section 1.3.3), which no backup has.
func (h header) logs() bool { return h[18] != 1 || h[19] != 1 }

// withoutForeignLog moves away a log beside a file whose header says that it has none.
func withoutForeignLog(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := headerOf(file)
	if err := errors.Join(file.Close(), unlessShort(err)); err != nil {
		return err
	}
	if h.logs() {
		return nil
	}
	log := path + "-wal"
	if info, err := os.Stat(log); err != nil || info.Size() == 0 {
		return nil
	}
	aside := log + ".of-another"
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.of-another-%d", log, n)
	}
	return errors.Join(os.Rename(log, aside), removed(path+"-shm"))
}

// unlessShort is no error where a file is too short for a header: it is a new one.
func unlessShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// damaged says of a damaged file what to do, and what may be why, where a log lay beside it:
// SQLite may have removed that one. The driver tells the two errors by their texts alone, where its
// first statement finds them.
func damaged(path string, hadLog bool, err error) error {
	text := err.Error()
	switch {
	case !strings.Contains(text, "database disk image is malformed") && !strings.Contains(text, "file is not a database"):
		return err
	case hadLog:
		return fmt.Errorf("%w; if this file was put in the place of another one, %s-wal is the log of that one: put a backup back with ipguard-server restore, which keeps both", err, path)
	}
	return fmt.Errorf("%w; put a backup back with ipguard-server restore, which keeps this file", err)
}
