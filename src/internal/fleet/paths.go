package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

func (r *resolver) fail(at place.Place, hint, format string, args ...any) {
	r.errs = append(r.errs, &trouble.Trouble{At: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// absolute is the path that a text of the fleet file means, cleaned.
func (r *resolver) absolute(text string) string {
	native := filepath.FromSlash(text)
	if filepath.IsAbs(native) {
		return filepath.Clean(native)
	}
	return filepath.Join(r.base, native)
}

// follow returns the absolute paths of the files that a path or glob means,
// sorted; explicit says that it is a path.
func (r *resolver) follow(kind Kind, t Text) (paths []string, explicit bool) {
	if isGlob(t.Value) && !r.isFile(t.Value) {
		return r.glob(kind, t), false
	}
	path, ok := r.file(t)
	if !ok {
		return nil, true
	}
	return []string{path}, true
}

func isGlob(text string) bool { return strings.ContainsAny(text, "*?[{") }

// isFile reports whether a text that looks like a glob is the name of a file: one may
// really be called a[1].yml.
func (r *resolver) isFile(text string) bool {
	ok, err := exists(r.absolute(text))
	return ok && err == nil
}

// file returns the absolute path of an existing file, or complains.
func (r *resolver) file(t Text) (string, bool) {
	path := r.absolute(t.Value)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(t.At, r.relativeHint(), "%s: %s", shown(path), source.Missing(shown(path)))
	case err != nil:
		r.fail(t.At, "", "%s: %v", shown(path), withoutPath(err))
	case info.IsDir():
		r.fail(t.At, "write a glob, such as "+quoted(strings.TrimSuffix(t.Value, "/")+"/*.yml"), "%s is a folder", shown(path))
	default:
		return path, true
	}
	return "", false
}

func (r *resolver) relativeHint() string {
	hint := "paths are relative to the folder of the fleet file"
	if folder := shown(r.base); folder != "." {
		hint += ", " + folder
	}
	return hint
}

func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// glob returns the files that a glob matches and that nothing else claims.
func (r *resolver) glob(kind Kind, t Text) []string {
	matches := r.existing(t)
	if len(matches) == 0 {
		return nil
	}
	free := slices.DeleteFunc(matches, func(path string) bool {
		return path == r.fleetFile || r.isBooking(path) || r.namedOtherwise(path, kind)
	})
	if len(free) == 0 {
		r.fail(t.At, "", "%s matches only files that the fleet file names as something else", quoted(t.Value))
	}
	return free
}

// existing returns the files that a glob matches, sorted, or complains.
func (r *resolver) existing(t Text) []string {
	if alternatives(t.Value) > maxAlternatives {
		r.fail(t.At, "write several globs, or * for what differs", "the braces of this glob stand for more than %d globs", maxAlternatives)
		return nil
	}
	matches, err := r.matches(t.Value)
	switch {
	case errors.Is(err, doublestar.ErrBadPattern):
		r.fail(t.At, "* stands for any characters of a name, ** for any folders", "%s is no valid glob", quoted(t.Value))
	case err != nil:
		r.fail(t.At, "", "cannot follow the glob %s: %v", quoted(t.Value), err)
	case len(matches) == 0:
		r.fail(t.At, r.relativeHint(), "%s matches no file", quoted(t.Value))
	}
	return matches
}

// maxAlternatives is for how many globs the braces of one may stand. Each of them looks
// through the folders.
const maxAlternatives = 256

// alternatives counts the globs that the braces of one stand for: {a,b}{c,d,e} are six.
// Beyond maxAlternatives it may be any greater number.
func alternatives(glob string) int {
	type group struct{ before, sum int } // the product up to a brace, the sum of what is parted by commas
	var open []group
	product := 1
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
		case c == '{':
			open = append(open, group{before: product})
			product = 1
		case c == ',' && len(open) > 0:
			open[len(open)-1].sum += product
			product = 1
		case c == '}' && len(open) > 0:
			last := open[len(open)-1]
			open = open[:len(open)-1]
			product = last.before * (last.sum + product)
		}
		if product = min(product, maxAlternatives+1); len(open) > 0 {
			last := &open[len(open)-1]
			last.sum = min(last.sum, maxAlternatives+1)
		}
	}
	return product
}

// isBooking reports whether path is a booking of one of the file's pools.
func (r *resolver) isBooking(path string) bool {
	below, err := filepath.Rel(r.base, path)
	return err == nil && r.hasPools && bookfile.IsBooking(filepath.ToSlash(below))
}

// namedOtherwise reports whether the fleet file names path, and not as kind.
func (r *resolver) namedOtherwise(path string, kind Kind) bool {
	kinds := r.named[path]
	return len(kinds) > 0 && !slices.Contains(kinds, kind)
}

// matches returns the absolute paths of the files that a glob matches.
func (r *resolver) matches(glob string) ([]string, error) {
	folder, pattern := doublestar.SplitPattern(path.Clean(filepath.ToSlash(glob)))
	options := []doublestar.GlobOption{doublestar.WithFilesOnly(), doublestar.WithNoHidden(), doublestar.WithFailOnIOErrors()}
	if strings.Contains(pattern, "**") {
		// Links between folders can stand for endlessly many paths.
		options = append(options, doublestar.WithNoFollow())
	}
	root := r.absolute(folder)
	names, err := doublestar.Glob(os.DirFS(root), pattern, options...)
	if err != nil {
		return nil, withoutPath(err)
	}
	var files []string
	for _, name := range names {
		file := filepath.Join(root, filepath.FromSlash(name))
		info, err := os.Stat(file)
		switch {
		case err == nil && info.IsDir():
		case err == nil && !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is no regular file: a pipe or a device is read only where it is named", shown(file))
		default:
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// inputs returns an entry's inputs with their paths resolved. A vars store may
// be missing: for bosh it is then empty.
func (r *resolver) inputs(in *Inputs) interpolate.Inputs {
	resolved := interpolate.Inputs{
		OpsFiles:  r.inputGlobs(in.OpsFiles),
		VarsFiles: r.inputGlobs(in.VarsFiles),
	}
	resolved.Withheld = r.tracked.withheld(resolved.VarsFiles)
	for _, prefix := range in.VarsEnv {
		resolved.VarsEnv = append(resolved.VarsEnv, prefix.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(in.VarFiles)) {
		for _, path := range r.inputFiles([]Text{in.VarFiles[name]}) {
			resolved.VarFiles = append(resolved.VarFiles, interpolate.KV{Name: name, Value: path})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Vars)) {
		resolved.Values = append(resolved.Values, interpolate.Value{Name: name, Value: in.Vars[name]})
	}
	if in.VarsStore.Value != "" {
		resolved.VarsStore = shownFrom(r.wd, r.absolute(in.VarsStore.Value))
	}
	return resolved
}

// inputGlobs are the files of a list of paths and globs: in the order of the list,
// those of a glob in the order of their names.
func (r *resolver) inputGlobs(list []Text) []string {
	var paths []string
	for _, t := range list {
		if !isGlob(t.Value) || r.isFile(t.Value) {
			paths = append(paths, r.inputFiles([]Text{t})...)
			continue
		}
		for _, path := range r.existing(t) {
			paths = append(paths, shownFrom(r.wd, path))
		}
	}
	return paths
}

func (r *resolver) inputFiles(list []Text) []string {
	var paths []string
	for _, t := range list {
		if path, ok := r.file(t); ok {
			paths = append(paths, shownFrom(r.wd, path))
		}
	}
	return paths
}

// sameInputs reports whether two entries change a document in the same way.
func sameInputs(a, b interpolate.Inputs) bool {
	if !slices.EqualFunc(a.Values, b.Values, func(x, y interpolate.Value) bool {
		return x.Name == y.Name && sameYAML(x.Value, y.Value)
	}) {
		return false
	}
	a.Values, b.Values = nil, nil
	return reflect.DeepEqual(a, b)
}

func sameYAML(a, b source.Value) bool {
	x, errX := yaml.Marshal(a.Node())
	y, errY := yaml.Marshal(b.Node())
	return errX == nil && errY == nil && string(x) == string(y)
}
