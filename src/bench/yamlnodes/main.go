// Command yamlnodes parses every .yml file below a folder into yaml.v3 nodes,
// as many at a time as there are processors, and does nothing with them. It is
// the least that a program in Go has to do to read a fleet: the measure for
// what ipguard adds.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"gopkg.in/yaml.v3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: yamlnodes FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "yamlnodes:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	paths, err := find(folder)
	if err != nil {
		return err
	}
	next := make(chan string)
	var bytes atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for path := range next {
				n, err := parse(path)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
				bytes.Add(int64(n))
			}
		})
	}
	for _, path := range paths {
		next <- path
	}
	close(next)
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Printf("%d files, %d bytes\n", len(paths), bytes.Load())
	return nil
}

func find(folder string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".yml") {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}

func parse(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return len(text), nil
}
