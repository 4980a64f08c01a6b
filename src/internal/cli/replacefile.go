package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// replaceFile writes a file that is to be before and shall be after: all of it
// or nothing, with the same rights; through a symbolic link, not in its place.
func replaceFile(path string, before, after []byte) (err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close() // closed already where that was the error
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if _, err = temporary.Write(after); err != nil {
		return err
	}
	if err = temporary.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err = temporary.Sync(); err != nil {
		return err
	}
	if err = temporary.Close(); err != nil {
		return err
	}
	current, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(current, before) {
		err = errors.New("it was changed meanwhile")
		return err
	}
	err = os.Rename(temporary.Name(), path)
	return err
}

// count is a number and its noun: "1 file", "2 addresses".
func count(n int, noun string) string {
	if n != 1 {
		if noun[len(noun)-1] == 's' {
			noun += "e"
		}
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
