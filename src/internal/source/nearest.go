package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/spelling"
)

// mostNames is how many names of a folder are compared with one that is not there.
const mostNames = 10_000

// Missing says that there is no file at a path, and which one was probably meant: of
// the first folder on the way that is there, the entry with the nearest name.
func Missing(path string) string {
	if near := nearest(path); near != "" {
		return "no such file: did you mean " + near + "?"
	}
	return "no such file"
}

// nearest is the path that was probably meant; empty if there is none.
func nearest(path string) string {
	folder, name := filepath.Split(filepath.Clean(path))
	if name == "" || name == ".." || name == "." {
		return ""
	}
	names, err := namesIn(folder)
	if err != nil {
		above := strings.TrimSuffix(folder, string(filepath.Separator))
		if above == "" {
			return ""
		}
		meant := nearest(above)
		if meant == "" {
			return ""
		}
		whole := filepath.Join(meant, name)
		if _, err := os.Stat(whole); err == nil {
			return whole
		}
		return nearest(whole)
	}
	if other, ok := otherEnding(name, names); ok {
		return folder + other
	}
	if near, ok := spelling.Nearest(name, names); ok {
		return folder + near
	}
	return ""
}

// otherEnding is the name with the other ending that YAML has, or with one where none
// was written.
func otherEnding(name string, names []string) (string, bool) {
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".yml"), ".yaml")
	for _, ending := range []string{".yml", ".yaml"} {
		for _, n := range names {
			if n != name && n == stem+ending {
				return n, true
			}
		}
	}
	return "", false
}

func namesIn(folder string) ([]string, error) {
	if folder == "" {
		folder = "."
	}
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(mostNames)
	if len(names) > 0 {
		slices.Sort(names)
		return names, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, nil // it is empty
	}
	return nil, err
}
