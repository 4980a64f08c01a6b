package gate

import (
	"os"
	"path/filepath"
	"slices"
)

// Program is the real bosh.
type Program struct {
	// Path is where it is; Name is its own name for itself (argv[0]).
	Path, Name string
}

// Find looks for bosh as a shell does, in the folders of searchPath, but passes
// over this program, and over scripts of which an earlier gate found out that they
// run it. named is a path that is taken in place of that, unless it is empty. Beside
// the program, it returns what was passed over.
func Find(named, searchPath string, earlier Earlier) (found *Program, passed []string) {
	candidates := []Program{{Path: named, Name: named}}
	if named == "" {
		candidates = nil
		for _, folder := range filepath.SplitList(searchPath) {
			candidates = append(candidates, Program{Path: filepath.Join(folder, "bosh"), Name: "bosh"})
		}
	}
	for _, c := range candidates {
		info, err := os.Stat(c.Path)
		switch {
		case err != nil || info.IsDir() || info.Mode()&0o111 == 0:
		case isThis(info) || earlier.ran(info):
			passed = append(passed, c.Path)
		default:
			return &c, passed
		}
	}
	return nil, passed
}

// isThis reports whether a file is the running program.
func isThis(info os.FileInfo) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	own, err := os.Stat(self)
	return err == nil && os.SameFile(own, info)
}

// ran reports whether a file is one of the scripts that led back here.
func (e Earlier) ran(info os.FileInfo) bool {
	return slices.ContainsFunc(e.Scripts, func(path string) bool {
		script, err := os.Stat(path)
		return err == nil && os.SameFile(script, info)
	})
}
