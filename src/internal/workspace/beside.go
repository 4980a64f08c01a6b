package workspace

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Unlisted are the manifests and configs that lie beside those that the fleet file
// names, and that neither it nor another fleet file in its folder names: what they
// claim is in no plan. They are sorted by path. What is no YAML, or nothing that a
// director would take, is none, and neither is what is longer than any manifest: a dump
// or a log. No text is kept but those that a finding may show.
func (w *Workspace) Unlisted() []lint.Unlisted {
	folders, named := w.namedFiles()
	var list []lint.Unlisted
	for _, folder := range folders {
		entries, err := os.ReadDir(folder.path)
		if err != nil {
			continue // its files are there, and were read or not, which is said
		}
		for _, e := range entries {
			extension := filepath.Ext(e.Name())
			if strings.HasPrefix(e.Name(), ".") || extension != ".yml" && extension != ".yaml" {
				continue
			}
			path := filepath.Join(folder.path, e.Name())
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() || info.Size() > longestBeside || slices.ContainsFunc(named[info.Size()], func(o os.FileInfo) bool { return os.SameFile(info, o) }) {
				continue
			}
			if kind := kindOfText(path); kind != "" {
				p := placing{w: w, change: &Change{}}
				list = append(list, lint.Unlisted{Path: path, Key: string(kind), Director: folder.director, Line: p.fromFleet(path)})
			}
		}
	}
	if len(list) > 0 {
		others := w.namedByOthers()
		list = slices.DeleteFunc(list, func(u lint.Unlisted) bool { return slices.ContainsFunc(others, fileAt(u.Path).is) })
	}
	slices.SortFunc(list, func(a, b lint.Unlisted) int { return strings.Compare(a.Path, b.Path) })
	for _, u := range list[:min(lint.UnlistedShown, len(list))] {
		_, _ = w.Fleet.Snapshots.Files.Read(u.Path) // if it has gone, the finding has no excerpt
	}
	return list
}

// folder is one in which a director has manifests or configs.
type folder struct{ path, director string }

// namedFiles are the folders of manifests and configs, each once, and all files that
// the fleet file names in any role, by size.
func (w *Workspace) namedFiles() (folders []folder, named map[int64][]os.FileInfo) {
	named = map[int64][]os.FileInfo{}
	note := func(paths ...string) {
		for _, path := range paths {
			if info, err := os.Stat(path); path != "" && err == nil {
				named[info.Size()] = append(named[info.Size()], info)
			}
		}
	}
	note(w.Path)
	seen := map[string]bool{}
	for i := range w.Fleet.Directors {
		d := &w.Fleet.Directors[i]
		for _, kind := range fleet.Kinds() {
			for _, e := range *d.Files(kind) {
				note(e.Path)
				note(inputPaths(e.Inputs)...)
				if path := filepath.Dir(e.Path); !seen[path] {
					seen[path] = true
					folders = append(folders, folder{path, d.Name})
				}
			}
		}
	}
	return folders, named
}

func inputPaths(in interpolate.Inputs) []string {
	paths := slices.Concat(in.OpsFiles, in.VarsFiles, []string{in.VarsStore})
	for _, kv := range in.VarFiles {
		paths = append(paths, kv.Value)
	}
	return paths
}

// namedByOthers are the files of other fleet files in the folder of this one: one for a
// site, one for all, one of a trial.
func (w *Workspace) namedByOthers() []string {
	var paths []string
	siblings, err := filepath.Glob(filepath.Join(filepath.Dir(w.Path), "*.y*ml"))
	if err != nil {
		return nil
	}
	for _, path := range siblings {
		if text, err := readBeside(path); err != nil || sameFile(path, w.Path) ||
			!bytes.HasPrefix(text, []byte("directors:")) && !bytes.Contains(text, []byte("\ndirectors:")) {
			continue
		}
		file, _ := fleet.Load(w.Fleet.Snapshots.Files, path)
		if file == nil {
			continue
		}
		directors, _ := file.Resolve()
		for i := range directors {
			for _, kind := range fleet.Kinds() {
				for _, f := range *directors[i].Files(kind) {
					paths = append(paths, f.Path)
				}
			}
		}
	}
	return paths
}

// topKeys are those of which each manifest or config with addresses has one.
var topKeys = []string{"instance_groups:", "jobs:", "networks:", "addons:"}

// longestBeside is how long a manifest, a config or a fleet file may be, in bytes, that is
// found by looking around: the largest manifests have some 2 MB.
const longestBeside = 2 << 20

// errTooLong is the error of a longer one.
var errTooLong = errors.New("it is too long")

// readBeside reads a file that is no longer than that.
func readBeside(path string) ([]byte, error) {
	file, info, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info.Size() > longestBeside {
		return nil, errTooLong
	}
	return io.ReadAll(io.LimitReader(file, longestBeside))
}

// kindOfText says what a file is to a director; empty for everything that can have no
// address. Only texts that look like it are parsed.
func kindOfText(path string) fleet.Kind {
	text, err := readBeside(path)
	if err != nil || !slices.ContainsFunc(topKeys, func(key string) bool {
		return bytes.HasPrefix(text, []byte(key)) || bytes.Contains(text, []byte("\n"+key))
	}) {
		return ""
	}
	doc, err := source.Parse(path, text)
	if err != nil {
		return ""
	}
	kind := fleet.Recognise(doc.Root())
	if kind == fleet.CloudConfigs && !doc.Root().Field("networks").Present() {
		return ""
	}
	return kind
}
