package fleet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// FindAll looks for fleet files that may cover start, a file or a folder: in its folder
// and then upward to the root of the git repository, which is the first folder with a .git
// in it, or to the root of the file system where there is none. The nearest one is first.
// The paths are as short as they can be from the working directory. An error ends the
// search; what was found before is returned with it.
func FindAll(start string) (paths []string, err error) {
	folder, err := filepath.Abs(start)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	for {
		candidate := filepath.Join(folder, FileName)
		ok, err := exists(candidate)
		if err != nil {
			return paths, err
		}
		if ok {
			paths = append(paths, shown(candidate))
		}
		isRoot, err := exists(filepath.Join(folder, ".git"))
		parent := filepath.Dir(folder)
		if isRoot || err != nil || parent == folder {
			return paths, err
		}
		folder = parent
	}
}

// repositoryOf is the root of the git repository that an absolute folder lies in, as Find
// takes it; empty if it lies in none.
func repositoryOf(folder string) string {
	for {
		if isRoot, err := exists(filepath.Join(folder, ".git")); isRoot || err != nil {
			return folder // what cannot be seen ends it
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}

// exists reports whether something is at path, be it a file or not.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Shown is how a path that the user gave is shown: as it was given, unless it is
// absolute and shorter from the working directory.
func Shown(path string) string {
	if !filepath.IsAbs(path) {
		return path
	}
	return shown(filepath.Clean(path))
}

// shown is how an absolute path is shown to the user: relative to the working
// directory, unless that is longer.
func shown(absolute string) string {
	wd, err := os.Getwd()
	if err != nil {
		return absolute
	}
	return shownFrom(wd, absolute)
}

// shownFrom is how an absolute path is shown to a user who is in the folder wd; if
// that is empty, as it is.
func shownFrom(wd, absolute string) string {
	relative, err := filepath.Rel(wd, absolute)
	if err != nil || len(relative) > len(absolute) {
		return absolute
	}
	return relative
}
