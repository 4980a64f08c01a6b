package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrLeadsOut says that a path goes through a symbolic link of a checkout that leads out
// of it. Whoever may propose a change can put such a link into a repository, and would
// choose what the file of whoever runs the program is overwritten.
var ErrLeadsOut = errors.New("a symbolic link in the checkout leads out of it; name the file that it leads to")

// Inside returns ErrLeadsOut if a symbolic link that lies in the checkout of a version
// control leads out of it, or to what the version control itself keeps. Links that lie
// elsewhere were made by people who may write there, and are followed, as those are that
// stay within.
func Inside(path string) error {
	final, holders := resolve(path)
	for _, checkout := range holders {
		below, err := filepath.Rel(checkout, final)
		if err != nil || !filepath.IsLocal(below) || slices.ContainsFunc(strings.Split(below, string(filepath.Separator)), isVersionControl) {
			return ErrLeadsOut
		}
	}
	return nil
}

// resolve follows a path, whether its end exists or not, and returns the checkouts in
// which links on the way lie.
func resolve(path string) (final string, checkouts []string) {
	if !filepath.IsAbs(path) {
		if folder, err := os.Getwd(); err == nil {
			path = folder + string(filepath.Separator) + path // not cleaned: a .. behind a link is not the link's folder
		}
	}
	volume := filepath.VolumeName(path)
	root := volume + string(filepath.Separator)
	final, rest := root, strings.Split(path[len(volume):], string(filepath.Separator))
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		next := filepath.Join(final, name) // final has no link in it
		info, err := os.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 || links == 40 { // as many as Linux follows
			final = next
			continue
		}
		links++
		to, err := os.Readlink(next)
		if err != nil {
			final = next
			continue
		}
		if checkout, ok := checkoutOf(final); ok {
			checkouts = append(checkouts, checkout)
		}
		if filepath.IsAbs(to) {
			final, to = root, to[len(filepath.VolumeName(to)):]
		}
		rest = append(strings.Split(to, string(filepath.Separator)), rest...)
	}
	return final, checkouts
}

// checkoutOf is the nearest folder from this one upwards that is a checkout.
func checkoutOf(folder string) (string, bool) {
	for {
		for _, name := range versionControls {
			if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
				return folder, true
			}
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", false
		}
		folder = parent
	}
}

// versionControls are what marks a folder as a checkout.
var versionControls = []string{".git", ".hg", ".svn", ".jj"}

func isVersionControl(name string) bool {
	return slices.Contains(versionControls, strings.ToLower(name))
}
