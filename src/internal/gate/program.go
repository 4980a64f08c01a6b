package gate

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Program is the real bosh.
type Program struct {
	// Path is where it is; Name is its own name for itself (argv[0]).
	Path, Name string
}

// Find looks for bosh as a shell does, in the folders of searchPath, but passes
// over this program and over scripts that run it. named is a path that is taken
// in place of that, unless it is empty. Beside the program, it returns what was
// passed over.
func Find(named, searchPath string) (found *Program, passed []string) {
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
		case isThis(info) || runsThis(c.Path):
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

// runsThis reports whether a file is a script that speaks of ipguard: an alias as
// a file. To run it would never end.
func runsThis(path string) bool {
	const most = 16 << 10 // bytes; scripts that stand for a program are short
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most))
	return err == nil && strings.HasPrefix(string(text), "#!") && bytes.Contains(text, []byte("ipguard"))
}
