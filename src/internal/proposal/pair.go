package proposal

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/source"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// documents yields the files that could be read, in the order of their names.
func (d *draft) documents() iter.Seq2[string, *document] {
	return func(yield func(string, *document) bool) {
		for _, file := range d.tree.yaml {
			if doc := d.tree.documents[file]; doc != nil && !yield(file, doc) {
				return
			}
		}
	}
}

// addRest adds every other file that a director reads, with the inputs that its name
// and folder speak for.
func (d *draft) addRest() {
	for file, doc := range d.documents() {
		switch {
		case doc.kind == "" || d.has(file):
		case d.tree.foreign(file):
			if d.foreign == nil {
				d.foreign = map[string]int{}
			}
			d.foreign[d.tree.module(file)]++
		case isExample(file):
			d.note("%s lies among examples or tests: it is left out", file)
		default:
			e := &entry{kind: doc.kind, file: file, home: path.Dir(file)}
			d.pair(e, doc)
			d.add(e)
		}
	}
}

// pair adds the vars and ops files that are named like the file, or as vars files of
// its folder, and that give it something.
func (d *draft) pair(e *entry, doc *document) {
	stem := strings.TrimSuffix(path.Base(e.file), path.Ext(e.file))
	folder := path.Dir(e.file)
	var vars, ops []string
	for other, o := range d.documents() {
		if other == e.file || o.kind != "" || d.tree.foreign(other) {
			continue
		}
		named := belongsTo(other, folder, stem)
		switch {
		case o.isOps && named:
			ops = append(ops, other)
		case o.isVars && gives(o, doc.uses) && (named || isVarsFile(other, folder)):
			if isForm(o, doc.uses) {
				e.remarks = append(e.remarks, "not sure: "+other+" has no values; write one that has them into vars_files")
				continue
			}
			vars = append(vars, other)
		}
	}
	if rival := d.rivals(vars); rival != "" {
		e.remarks = append(e.remarks, "not sure: "+rival+" give the same variables; write the one that goes with it into vars_files")
		vars = nil
	}
	e.inputs.vars, e.inputs.ops = vars, ops
	if len(vars)+len(ops) > 0 {
		e.remarks = append(e.remarks, "guessed: inputs by their names and folders")
	}
}

// belongsTo reports whether a file is named after a manifest: stem-vars.yml,
// stem.ops.yml, or anything in a folder of that name.
func belongsTo(file, folder, stem string) bool {
	if path.Dir(file) == path.Join(folder, stem) || path.Dir(path.Dir(file)) == path.Join(folder, stem) {
		return true
	}
	inReach := path.Dir(file) == folder || path.Dir(path.Dir(file)) == folder
	base := path.Base(file)
	return inReach && strings.HasPrefix(base, stem) && len(base) > len(stem) && strings.IndexByte("-._", base[len(stem)]) >= 0
}

// isVarsFile reports whether a file is a vars file of a folder by its name: vars.yml,
// prod-vars.yml, or one in a folder vars.
func isVarsFile(file, folder string) bool {
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	words := strings.FieldsFunc(base, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	named := slices.ContainsFunc(words, func(w string) bool {
		return w == "vars" || w == "variables" || w == "params" || w == "properties"
	})
	in := path.Dir(file)
	return named && in == folder || path.Base(in) == "vars" && path.Dir(in) == folder
}

// gives reports whether a vars file has a value for one of the variables.
func gives(doc *document, uses []string) bool {
	for key := range doc.root.Fields() {
		name, _, _ := strings.Cut(key.Text(), ".")
		if slices.Contains(uses, name) {
			return true
		}
	}
	return false
}

// isForm reports whether a vars file waits to be filled in: most of what it has for the
// variables is nothing.
func isForm(doc *document, uses []string) bool {
	used, empty := 0, 0
	for key, value := range doc.root.Fields() {
		if !slices.Contains(uses, key.Text()) {
			continue
		}
		used++
		if value.Kind() == source.Nil {
			empty++
		}
	}
	return 2*empty > used
}

// rivals names two files that give the same variable, and so exclude each other.
func (d *draft) rivals(files []string) string {
	given := map[string]string{}
	for _, file := range files {
		for key := range d.tree.documents[file].root.Fields() {
			if other, ok := given[key.Text()]; ok {
				return other + " and " + file
			}
			given[key.Text()] = file
		}
	}
	return ""
}

// dropRefused leaves out inputs that cannot be applied, and entries that cannot be
// read with them.
func (d *draft) dropRefused() {
	for _, e := range d.entries {
		if e.inputs.empty() {
			continue
		}
		if err := d.try(e); err != nil {
			t := err.Error()
			if strings.Contains(e.remarks[0], "guessed") {
				e.remarks = []string{"not sure: its inputs; what lies beside it does not apply"}
				e.inputs = inputs{}
				d.note("%s: %s", e.file, t)
				continue
			}
			e.remarks = append(e.remarks, "not sure: with these inputs it cannot be read")
			d.note("%s: %s", e.file, t)
		}
	}
}

// try evaluates an entry as lint would.
func (d *draft) try(e *entry) error {
	full := func(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }
	var in interpolate.Inputs
	for _, ops := range e.inputs.ops {
		for _, file := range d.expanded(ops) {
			in.OpsFiles = append(in.OpsFiles, full(file))
		}
	}
	for _, vars := range e.inputs.vars {
		in.VarsFiles = append(in.VarsFiles, full(vars))
	}
	for _, p := range e.inputs.varFiles {
		in.VarFiles = append(in.VarFiles, interpolate.KV{Name: p.name, Value: full(p.value)})
	}
	for _, p := range e.inputs.values {
		in.Vars = append(in.Vars, interpolate.KV{Name: p.name, Value: p.value})
	}
	if e.inputs.store != "" {
		in.VarsStore = full(e.inputs.store)
	}
	_, err := d.loader.Load(full(e.file), in)
	if err != nil {
		return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), d.root+string(filepath.Separator), ""))
	}
	return nil
}

// expanded are the files that a path or a glob of a folder means.
func (d *draft) expanded(name string) []string {
	if !strings.Contains(name, "*") {
		return []string{name}
	}
	var list []string
	for _, file := range d.tree.yaml {
		if ok, err := path.Match(name, file); ok && err == nil {
			list = append(list, file)
		}
	}
	return list
}

// value is the value that an entry's inputs give a variable, if it is a plain text.
func (d *draft) value(e *entry, name string) (string, bool) {
	for _, p := range e.inputs.values {
		if p.name == name {
			return p.value, true
		}
	}
	for _, file := range slices.Backward(e.inputs.vars) {
		if doc := d.tree.documents[file]; doc != nil {
			if v := doc.root.Field(name); v.Kind() == source.String && !strings.Contains(v.Text(), "((") {
				return v.Text(), true
			}
		}
	}
	return "", false
}
