package workspace

import (
	"os"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// Search says where the fleet file is.
type Search struct {
	// Named is the path that the command line gives, Variable that of IPGUARD_FLEET;
	// empty where there is none.
	Named, Variable string
	// For are the files that the command is about. Where nothing names the fleet
	// file, it is looked for from the first one's folder upward, then from the
	// working directory.
	For []string
}

// Find returns the path of the fleet file as it is shown; ok is false if there is
// none. A named one need not exist.
func (s Search) Find() (path string, ok bool, err error) {
	for _, named := range []string{s.Named, s.Variable} {
		if named != "" {
			return fleet.Shown(named), true, nil
		}
	}
	for _, start := range s.starts() {
		if path, ok, err = fleet.Find(start); ok || err != nil {
			return path, ok, err
		}
	}
	return "", false, nil
}

// starts are where the search begins. Pipes and the like have no folder that says
// anything.
func (s Search) starts() []string {
	if len(s.For) > 0 && s.For[0] != "-" {
		if info, err := os.Stat(s.For[0]); err != nil || info.Mode().IsRegular() {
			return []string{s.For[0], "."}
		}
	}
	return []string{"."}
}
