package fleet

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/gitcommand"
)

// askingGit is how long git may take to list the files of a repository.
const askingGit = 30 * time.Second

// tracked are the files of the git repository that a fleet file lies in, submodules
// included. A pipeline writes its secrets beside the manifests, into files that git
// ignores: those are no part of it, nor is what lies elsewhere. Whoever changes a fleet
// file by a pull request must not have the log of a pipeline show what they hold.
type tracked struct {
	top string // empty: there is no repository, and nothing is kept back
	// files are paths below top, asked for once. Where git cannot be asked there are none.
	files func() map[string]bool
}

func trackedBelow(top string) tracked {
	return tracked{top, sync.OnceValue(func() map[string]bool {
		ctx, cancel := context.WithTimeout(context.Background(), askingGit)
		defer cancel()
		// A checkout that another user made is none to be wary of here: its files are read anyway.
		cmd := gitcommand.New(ctx, top, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--recurse-submodules")
		cmd.WaitDelay = 100 * time.Millisecond // for a child of git that keeps the pipe
		out, err := cmd.Output()
		if err != nil {
			return nil
		}
		files := map[string]bool{}
		for _, name := range bytes.Split(out, []byte{0}) {
			files[string(name)] = true
		}
		return files
	})}
}

// withheld are those of some files that are not tracked, links followed.
func (t tracked) withheld(paths []string) []string {
	var list []string
	for _, path := range paths {
		if t.top != "" && !t.has(path) {
			list = append(list, path)
		}
	}
	return list
}

func (t tracked) has(path string) bool {
	top, err := filepath.EvalSymlinks(t.top)
	if err != nil {
		return false
	}
	if path, err = filepath.Abs(path); err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return false
	}
	below, err := filepath.Rel(top, path)
	return err == nil && filepath.IsLocal(below) && t.files()[filepath.ToSlash(below)]
}
