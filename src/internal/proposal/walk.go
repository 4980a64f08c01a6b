package proposal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// tree is what lies below a folder, links followed.
type tree struct {
	root string
	// yaml and scripts are paths of files, in their order.
	yaml, scripts []string
	// real maps each path to the file that it leads to.
	real map[string]string
	// documents are the YAML files that could be read.
	documents map[string]*document
	// modules are folders that hold somebody else's repository.
	modules []string
}

// largestScript is the size in bytes of the largest file that is looked at as a
// script.
const largestScript = 1 << 20

// walk lists the files below root. It follows links; a folder that lies in itself is
// entered once.
func walk(root string, note func(string, ...any)) (*tree, error) {
	t := &tree{root: root, real: map[string]string{}}
	w := walker{tree: t, note: note, submodules: submodules(root)}
	list, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("cannot read the folder %s: %w", root, withoutPath(err))
	}
	w.entries(".", list, []string{realPath(root)})
	t.preferLinks(w.linked)
	return t, nil
}

type walker struct {
	*tree
	note       func(string, ...any)
	submodules []string
	// linked are the real paths of files that a link leads to.
	linked map[string]bool
}

func (w *walker) entries(folder string, list []fs.DirEntry, inside []string) {
	for _, e := range list {
		name := path.Join(folder, filepath.ToSlash(e.Name()))
		if strings.HasPrefix(e.Name(), ".") || e.Name() == fleet.FileName {
			continue
		}
		full := filepath.Join(w.root, filepath.FromSlash(name))
		info, err := os.Stat(full)
		switch {
		case err != nil:
			w.note("%s: %v", name, withoutPath(err))
		case info.IsDir():
			w.folder(name, full, inside)
		case info.Mode().IsRegular():
			w.file(name, full, info.Size(), e.Type()&fs.ModeSymlink != 0)
		case isYAML(name):
			w.note("%s: not a regular file", name)
		}
	}
}

func (w *walker) folder(name, full string, inside []string) {
	actual := realPath(full)
	if slices.Contains(inside, actual) {
		w.note("%s: this link leads to a folder that it lies in", name)
		return
	}
	list, err := os.ReadDir(full)
	if err != nil {
		w.note("%s: %v", name, withoutPath(err))
		return
	}
	isGit := slices.ContainsFunc(list, func(e fs.DirEntry) bool { return e.Name() == ".git" })
	if isGit || slices.Contains(w.submodules, name) || isModuleName(path.Base(name)) {
		w.modules = append(w.modules, name)
	}
	w.entries(name, list, append(slices.Clip(inside), actual))
}

func (w *walker) file(name, full string, size int64, isLink bool) {
	if !utf8.ValidString(name) {
		if isYAML(name) {
			w.note("%q: YAML cannot hold this name, which is not UTF-8", name)
		}
		return
	}
	actual := realPath(full)
	switch {
	case isYAML(name):
		w.yaml = append(w.yaml, name)
	case size < largestScript && isScript(name, full):
		w.scripts = append(w.scripts, name)
	default:
		return
	}
	w.real[name] = actual
	if isLink || actual != filepath.Join(realPath(filepath.Dir(full)), filepath.Base(full)) {
		if w.linked == nil {
			w.linked = map[string]bool{}
		}
		w.linked[actual] = true
	}
}

// preferLinks leaves out a file that links lead to: it belongs to where they are.
func (t *tree) preferLinks(linked map[string]bool) {
	t.yaml = slices.DeleteFunc(t.yaml, func(name string) bool {
		return linked[t.real[name]] && t.real[name] == filepath.Join(realPath(t.root), filepath.FromSlash(name))
	})
}

// foreign reports whether a path lies in somebody else's repository.
func (t *tree) foreign(file string) bool {
	return slices.ContainsFunc(t.modules, func(m string) bool { return isBelow(file, m) })
}

// module is the outermost folder of somebody else that a path lies in.
func (t *tree) module(file string) string {
	i := slices.IndexFunc(t.modules, func(m string) bool { return isBelow(file, m) })
	return t.modules[i]
}

func (t *tree) exists(file string) bool {
	info, err := os.Stat(filepath.Join(t.root, filepath.FromSlash(file)))
	return err == nil && info.Mode().IsRegular()
}

// isModuleName reports whether folders of that name hold, as a rule, a checkout of a
// public repository.
func isModuleName(name string) bool {
	return name == "vendor" || name == "node_modules" || strings.HasSuffix(name, "-deployment") ||
		strings.HasSuffix(name, "-boshrelease") || strings.HasSuffix(name, "-bosh-release")
}

// submodules are the folders that .gitmodules names.
func submodules(root string) []string {
	text, err := regularfile.Read(filepath.Join(root, ".gitmodules"))
	if err != nil {
		return nil // there are none
	}
	var folders []string
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "path" {
			folders = append(folders, strings.TrimSpace(value))
		}
	}
	return folders
}

func isYAML(name string) bool {
	return slices.Contains([]string{".yml", ".yaml"}, strings.ToLower(path.Ext(name)))
}

// isScript reports whether a file is a shell script, by its name or first line.
func isScript(name, full string) bool {
	if path.Ext(name) == ".sh" || path.Ext(name) == ".bash" {
		return true
	}
	if path.Ext(name) != "" {
		return false
	}
	f, _, err := regularfile.Open(full)
	if err != nil {
		return false
	}
	defer f.Close()
	line := make([]byte, 64)
	n, _ := f.Read(line) // what cannot be read is no script
	first, _, _ := bytes.Cut(line[:n], []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && bytes.Contains(first, []byte("sh"))
}

func realPath(p string) string {
	absolute, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	if actual, err := filepath.EvalSymlinks(absolute); err == nil {
		return actual
	}
	return absolute
}

func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func isBelow(file, folder string) bool {
	return folder == "." || file == folder || strings.HasPrefix(file, folder+"/")
}
