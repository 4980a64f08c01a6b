package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Search says where the fleet file is.
type Search struct {
	// Named is the path that the command line gives, Variable that of IPGUARD_FLEET;
	// empty where there is none.
	Named, Variable string
	// Flag is the command's option that names it, for hints.
	Flag string
	// For are the files that the command is about. Where nothing names the fleet
	// file, it is looked for from the first one's folder upward, then from the
	// working directory.
	For []string
}

// Found is a fleet file, by its path as it is shown.
type Found struct {
	Path string
	// Others are fleet files further up, of other files and directors, which do not count.
	Others []string
}

// Find returns the fleet file; ok is false if there is none. A named one need not exist.
// Where several are found the nearest one counts, unless another one is about the same
// files, or the same director: which of the two fleets counts then, only the user can say.
// The error is a *trouble.Trouble.
func (s Search) Find() (found Found, ok bool, err error) {
	for _, named := range []string{s.Named, s.Variable} {
		if named != "" {
			return Found{Path: fleet.Shown(named)}, true, nil
		}
	}
	var paths []string
	for _, start := range s.starts() {
		above, err := fleet.FindAll(start)
		if err != nil && len(paths)+len(above) == 0 {
			return Found{}, false, &trouble.Trouble{Message: fmt.Sprintf("cannot look for %s: %s", fleet.FileName, err)}
		}
		for _, path := range above {
			if !slices.ContainsFunc(paths, fileAt(path).is) {
				paths = append(paths, path)
			}
		}
	}
	if len(paths) == 0 {
		return Found{}, false, nil
	}
	found = Found{Path: paths[0], Others: paths[1:]}
	return found, true, s.askWhich(found)
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

// askWhich fails if a fleet file further up is about what the nearest one is about, or may
// be: what it knows of others would be hidden.
func (s Search) askWhich(found Found) error {
	if len(found.Others) == 0 {
		return nil
	}
	nearest, _ := aboutOf(found.Path) // what is wrong with it is said when it is read
	for _, path := range s.For {
		if _, named := nearest[identity(path)]; !named {
			nearest[identity(path)] = fleet.Shown(path)
		}
	}
	for _, other := range found.Others {
		about, whole := aboutOf(other)
		hint := fmt.Sprintf("name the one that counts: %s %s, or IPGUARD_FLEET", s.Flag, other)
		var common []string
		for what, shown := range nearest {
			if _, both := about[what]; both {
				common = append(common, shown)
			}
		}
		switch {
		case len(common) > 0:
			return &trouble.Trouble{At: place.Place{File: found.Path}, Hint: hint,
				Message: fmt.Sprintf("%s names %s, too: which of the two fleet files counts is unknown", other, slices.Min(common))}
		case !whole:
			return &trouble.Trouble{At: place.Place{File: found.Path}, Hint: hint,
				Message: fmt.Sprintf("%s, further up, cannot be read as a whole: whether it names the same files is unknown", other)}
		}
	}
	return nil
}

// aboutOf is what a fleet file is about, with what is shown of it: files and environments.
// whole is false where some of the fleet file cannot be read.
func aboutOf(path string) (about map[string]string, whole bool) {
	about = map[string]string{}
	file, errs := fleet.Load(source.NewFiles(strings.NewReader("")), path)
	if file == nil {
		return about, false
	}
	directors, _ := file.Resolve()
	for i := range directors {
		d := &directors[i]
		for _, kind := range fleet.Kinds() {
			for _, e := range *d.Files(kind) {
				about[identity(e.Path)] = e.Path
			}
		}
		if d.Snapshot != nil {
			about[identity(d.Snapshot.Path)] = d.Snapshot.Path
		}
	}
	for i := range file.Directors {
		e := &file.Directors[i].Environment
		if strings.Contains(e.Target.Value, "://") { // an alias means something else to everybody
			about[strings.TrimSuffix(e.Target.Value, "/")+" "+e.Proxy.Value] = "the environment of director " + file.Directors[i].Name.Value
		}
	}
	return about, len(errs) == 0
}

// identity is the same for all paths of a file.
func identity(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return path
}
