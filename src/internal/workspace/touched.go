package workspace

import (
	"path/filepath"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
)

// Touched is the workspace with those files as what the run judges that a change
// touches: manifests, and environments of create-env, of which the file itself, an ops
// file or a vars file changed; cloud-configs; and all deployments of a director of which
// a runtime config did. files are those that changed and that the fleet uses. whole says
// that all is to be judged, since the fleet file, a snapshot or a booking changed, each
// of which may change any verdict.
func (w *Workspace) Touched(changed func(path string) bool, others []string) (touched *Workspace, files []string, whole bool) {
	t := touching{changed: changed, known: map[string]bool{}}
	own := w.clone()
	whole = t.has(w.Path)
	for i := range own.Fleet.Directors {
		d := &own.Fleet.Directors[i]
		if d.Snapshot != nil && t.has(d.Snapshot.Path) {
			whole = true
		}
		all := false
		for _, kind := range fleet.Kinds() {
			list := *d.Files(kind)
			for j := range list {
				list[j].Target = t.touches(&list[j])
				all = all || list[j].Target && kind == fleet.RuntimeConfigs
			}
		}
		for j := range d.Deployments {
			d.Deployments[j].Target = d.Deployments[j].Target || all
		}
	}
	if len(w.Fleet.File.Pools) > 0 {
		for _, path := range others {
			whole = whole || w.isBooking(path)
		}
	}
	slices.Sort(t.files)
	return own, slices.Compact(t.files), whole
}

// isBooking reports whether a path has the form of a booking's.
func (w *Workspace) isBooking(path string) bool {
	base, err := filepath.EvalSymlinks(filepath.Dir(w.Path))
	if err == nil {
		base, err = filepath.Abs(base)
	}
	if err != nil {
		return true
	}
	below, err := filepath.Rel(base, path)
	return err == nil && bookfile.IsBooking(filepath.ToSlash(below))
}

// touching asks of each file once.
type touching struct {
	changed func(path string) bool
	known   map[string]bool
	files   []string
}

func (t *touching) has(path string) bool {
	has, known := t.known[path]
	if !known {
		has = t.changed(path)
		t.known[path] = has
		if has {
			t.files = append(t.files, path)
		}
	}
	return has
}

// touches reports whether a file changed, or one of those that change it.
func (t *touching) touches(e *fleet.SourceFile) bool {
	touched := e.Lacking != nil // what is missing may have been there
	for _, path := range pathsOf(e.Path, &e.Inputs) {
		touched = t.has(path) || touched
	}
	return touched
}

// pathsOf are the files that make a document.
func pathsOf(path string, in *interpolate.Inputs) []string {
	paths := slices.Concat([]string{path}, in.OpsFiles, in.VarsFiles)
	for _, kv := range in.VarFiles {
		paths = append(paths, kv.Value)
	}
	if in.VarsStore != "" {
		paths = append(paths, in.VarsStore)
	}
	return paths
}

// HasTarget reports whether the run judges some files and not the whole fleet.
func (w *Workspace) HasTarget() bool {
	for i := range w.Fleet.Directors {
		for _, kind := range fleet.Kinds() {
			if slices.ContainsFunc(*w.Fleet.Directors[i].Files(kind), func(e fleet.SourceFile) bool { return e.Target }) {
				return true
			}
		}
	}
	return false
}
