package workspace

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/interpolate"
)

// file is a path and what it leads to, asked for once.
type file struct {
	path string
	info os.FileInfo // nil if there is nothing
}

func fileAt(path string) file {
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	return file{path, info}
}

// is reports whether two paths lead to one file: by the file itself, so that links
// and other ways to write a path do not matter; by path where there is nothing.
func (f file) is(path string) bool {
	if path == "-" || f.path == "-" {
		return false // what comes out of a pipe is nobody's file
	}
	other := fileAt(path)
	if f.info != nil && other.info != nil {
		return os.SameFile(f.info, other.info)
	}
	first, err := filepath.Abs(f.path)
	if err != nil {
		return false
	}
	second, err := filepath.Abs(path)
	return err == nil && first == second
}

func sameFile(a, b string) bool { return a == b && a != "-" || fileAt(a).is(b) }

// sameInputs reports whether two lists of inputs are those of one environment: the
// same files in the same order, the same variables with the same values. Values
// of variables that nothing uses do not count.
func sameInputs(a, b interpolate.Inputs, used func(name string) bool) bool {
	if !slices.EqualFunc(a.OpsFiles, b.OpsFiles, sameFile) || !slices.EqualFunc(a.VarsFiles, b.VarsFiles, sameFile) {
		return false
	}
	if !maps.EqualFunc(pairs(a.VarFiles), pairs(b.VarFiles), sameFile) || !slices.Equal(a.VarsEnv, b.VarsEnv) {
		return false
	}
	if (a.VarsStore == "") != (b.VarsStore == "") || a.VarsStore != "" && !sameFile(a.VarsStore, b.VarsStore) {
		return false
	}
	unused := func(name, _ string) bool { return !used(name) }
	first, second := values(a), values(b)
	maps.DeleteFunc(first, unused)
	maps.DeleteFunc(second, unused)
	return maps.Equal(first, second)
}

// usesIn returns whether one of the texts uses a variable, be it in the value of
// another one.
func usesIn(texts [][]byte) func(name string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(texts, func(text []byte) bool {
			return bytes.Contains(text, []byte("(("+name)) || bytes.Contains(text, []byte("((!"+name))
		})
	}
}

// pairs are names and values; later ones win.
func pairs(list []interpolate.KV) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[kv.Name] = kv.Value
	}
	return m
}

// values are the variables that are given by value, each as YAML in one form: a
// fleet file has them as YAML, a command line as text. Those of the command line
// win.
func values(in interpolate.Inputs) map[string]string {
	m := map[string]string{}
	for _, v := range in.Values {
		var value any
		if node := v.Value.Node(); node != nil && node.Decode(&value) == nil {
			m[v.Name] = normal(value)
		} else {
			m[v.Name] = "\x00" + v.Value.Text() // like no YAML that could be read
		}
	}
	for name, text := range pairs(in.Vars) {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			m[name] = "\x01" + text
			continue
		}
		m[name] = normal(value)
	}
	return m
}

// normal is a value in one form.
func normal(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return "\x02"
	}
	return string(text)
}
