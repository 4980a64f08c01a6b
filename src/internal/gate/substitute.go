package gate

import (
	"errors"
	"slices"
	"strings"
)

// Substitute writes other paths into the arguments of a change: paths has one for
// each of its files, "" for those that keep theirs.
//
// Each file is found by trial: an argument that ends with what go-flags read is
// changed, and the arguments are parsed again. It was the right one if that file
// and nothing else is another. So every way to write an option is understood, and
// what cannot be found is an error.
func Substitute(args []string, change *Change, paths []string) ([]string, error) {
	args = slices.Clone(args)
	values := change.values()
	for i, f := range change.Files() {
		if paths[i] == "" {
			continue
		}
		wanted := paths[i]
		if f.Role == VarFile {
			wanted = f.Name + "=" + wanted
		}
		found := false
		before := values[i]
		values[i] = wanted
		for j, arg := range args {
			if option, ok := strings.CutSuffix(arg, before); ok && !found {
				args[j] = option + wanted
				if found = readsAs(args, change, values); !found {
					args[j] = arg
				}
			}
		}
		if !found {
			return nil, errors.New("a file of the command line could not be found in it")
		}
	}
	return args, nil
}

// readsAs reports whether the arguments are the same change with these files.
func readsAs(args []string, change *Change, values []string) bool {
	parsed, err := Parse(args)
	return err == nil && parsed != nil && parsed.sameButFiles(change) && slices.Equal(parsed.values(), values)
}
