package interpolate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// variable is a value as the engine has it and as the tracer has it.
type variable struct {
	engine any
	traced *node
	// nested tells that the value has variables in it.
	nested bool
}

func newVariable(engine any, traced *node) variable {
	return variable{engine, traced, hasUses(engine)}
}

// forEngine returns the value for one use of it. The engine puts the very map or
// list into the document and can come upon it a second time; a value that names
// itself would then contain itself, and the engine would never end. A copy ends
// that.
func (v variable) forEngine() any {
	if v.nested {
		return copied(v.engine)
	}
	return v.engine
}

func hasUses(value any) bool {
	switch v := value.(type) {
	case map[any]any:
		for key, value := range v {
			if hasUses(key) || hasUses(value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasUses)
	case string:
		return variableUse().MatchString(v)
	}
	return false
}

func copied(value any) any {
	switch v := value.(type) {
	case map[any]any:
		m := make(map[any]any, len(v))
		for key, value := range v {
			m[key] = copied(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = copied(item)
		}
		return list
	}
	return value
}

// variables gives the engine its values and notes what it asked for. It
// implements boshtpl.Variables; bosh-cli's own StaticVariables, which has the
// same meaning, copies all of its values for each question.
type variables struct {
	scalars *scalars
	given   map[string]variable // dotted names folded into maps
	store   map[string]variable
	// passedOver are the parts of vars files that bosh does not look at.
	passedOver []source.PassedOver

	// found are the names that the engine asked for and got a value. A name whose
	// definition depends on a missing one is none: the engine then leaves it alone
	// without asking.
	found map[string]bool
}

// Get implements boshtpl.Variables.
func (v *variables) Get(definition boshtpl.VariableDefinition) (any, bool, error) {
	value, ok := v.lookup(definition.Name)
	if !ok {
		return nil, false, nil
	}
	v.found[definition.Name] = true
	return value.forEngine(), true, nil
}

// List implements boshtpl.Variables. The engine calls it only when it checks
// for unused variables, which bosh deploy does not.
func (v *variables) List() ([]boshtpl.VariableDefinition, error) {
	return nil, errors.New("unused variables are not checked")
}

func (v *variables) lookup(name string) (variable, bool) {
	if value, ok := v.given[name]; ok {
		return value, true
	}
	value, ok := v.store[name]
	return value, ok
}

// readVariables reads all variables, lowest precedence first.
func (l *Loader) readVariables(in Inputs, s *scalars) (*variables, error) {
	v := &variables{scalars: s, given: map[string]variable{}, found: map[string]bool{}}
	steps := []func() error{
		func() error { return l.readEnvironment(in.VarsEnv, v.given) },
		func() error { return l.readVarsFiles(in, v) },
		func() error { return l.readVarFiles(in.VarFiles, v.given) },
		func() error { return readValues(in.Values, v) },
		func() error { return readTexts(in.Vars, v.given) },
		func() (err error) { v.given, err = foldDottedNames(v.given); return err },
		func() error { return l.readStore(in.VarsStore, v) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// readEnvironment hands the environment to bosh-cli's parser entry by entry, so
// that an error can name the entry.
func (l *Loader) readEnvironment(prefixes []string, into map[string]variable) error {
	for _, prefix := range prefixes {
		if prefix == "" {
			return &trouble.Trouble{At: place.Place{File: "--vars-env"}, Message: "the prefix of environment variables is empty"}
		}
		for _, entry := range l.environ {
			if !strings.HasPrefix(entry, prefix+"_") {
				continue
			}
			flag, _, _ := strings.Cut("--vars-env "+entry, "=")
			arg := boshtpl.VarsEnvArg{EnvironFunc: func() []string { return []string{entry} }}
			if err := arg.UnmarshalFlag(prefix); err != nil {
				return &trouble.Trouble{At: place.Place{File: flag}, Message: "the value of this environment variable is not valid YAML",
					Hint: "every variable with the prefix is read as YAML, also one that nothing uses"}
			}
			for name, value := range arg.Vars {
				traced := fromEngine(value, atFlag(flag))
				traced.withhold()
				into[name] = newVariable(value, traced)
			}
		}
	}
	return nil
}

func (l *Loader) readVarsFiles(in Inputs, v *variables) error {
	for _, path := range in.VarsFiles {
		text, err := l.files.Read(path)
		if err != nil {
			return err
		}
		if err := v.readText(path, text, v.given, slices.Contains(in.Withheld, path)); err != nil {
			return err
		}
	}
	return nil
}

// readText reads a vars file: a map of names to values. An empty file gives none, as
// for bosh. Withheld says that no value of it is shown.
func (v *variables) readText(path string, text []byte, into map[string]variable, withheld bool) error {
	if isBlank(text) {
		return checkBlank(path, text)
	}
	doc, err := source.Parse(path, text)
	if err != nil {
		return withoutValues(err)
	}
	v.passedOver = append(v.passedOver, shownOfVariables(doc)...)
	root, err := buildDocument(doc, v.scalars)
	if err != nil {
		return err
	}
	m, ok := root.value.(*mapping)
	if !ok && root.value != nil {
		return &trouble.Trouble{At: root.at, Message: "a vars file must be a map of names to values, not " + root.kind(),
			Hint: "write each variable as \"name: value\""}
	}
	var values boshtpl.StaticVariables
	if err := yaml2.Unmarshal(text, &values); err != nil {
		return engineYAMLError(path, err)
	}
	for name, value := range values {
		traced := m.named(name)
		if traced == nil {
			traced = fromEngine(value, root.at)
		}
		if withheld {
			traced.withhold()
		}
		into[name] = newVariable(value, traced)
	}
	return nil
}

// shownOfVariables are the parts of a vars file that bosh does not look at, with places
// of which no value is shown: a second document is told by the marker before it, an equal
// key by its name if that is a variable's, and not one within a value.
func shownOfVariables(doc *source.Document) []source.PassedOver {
	names := map[place.Place]bool{}
	if root := doc.Node(); root.Kind == yaml.MappingNode {
		for i := 0; i < len(root.Content); i += 2 {
			names[doc.PlaceOf(root.Content[i])] = true
		}
	}
	var shown []source.PassedOver
	for _, p := range doc.PassedOver() {
		switch {
		case p.Key == "":
			p.At = p.Marker
		case names[p.At]:
			p.At.Through = p.Key
		default:
			continue
		}
		shown = append(shown, p)
	}
	return shown
}

// named returns the value of a variable by its name, or nil. Names are texts for
// the engine also where YAML sees a number or a truth value (1, true); those are
// compared in their usual spelling.
func (m *mapping) named(name string) *node {
	if value := m.get(name); value != nil {
		return value
	}
	for i, key := range m.keys {
		if key.value != nil && fmt.Sprint(key.value) == name {
			return m.values[i]
		}
	}
	return nil
}

// withoutValues removes from a syntax error what it quotes from the text.
func withoutValues(err error) error {
	var e *trouble.Trouble
	if !errors.As(err, &e) {
		return err
	}
	return &trouble.Trouble{At: e.At, Message: source.WithoutQuotes(e.Message), Hint: e.Hint}
}

func (l *Loader) readVarFiles(list []KV, into map[string]variable) error {
	for _, kv := range list {
		at := place.Place{File: "--var-file " + kv.Name}
		if kv.Name == "" {
			return &trouble.Trouble{At: at, Message: "the name of the variable is empty"}
		}
		if kv.Value == "" {
			return &trouble.Trouble{At: at, Message: "the path of the file is empty"}
		}
		text, err := l.files.Read(kv.Value)
		if err != nil {
			return err
		}
		value := string(text)
		into[kv.Name] = newVariable(value, &node{at: place.Place{File: kv.Value, Line: 1, Column: 1}, withheld: true, value: value})
	}
	return nil
}

func readValues(list []Value, v *variables) error {
	for _, value := range list {
		if value.Name == "" {
			return &trouble.Trouble{At: value.Value.Place(), Message: "the name of the variable is empty"}
		}
		traced := v.scalars.fromValue(value.Value)
		v.given[value.Name] = newVariable(traced.engineValue(), traced)
	}
	return nil
}

func readTexts(list []KV, into map[string]variable) error {
	for _, kv := range list {
		flag := "-v " + kv.Name
		if kv.Name == "" {
			return &trouble.Trouble{At: place.Place{File: "-v"}, Message: "the name of the variable is empty"}
		}
		if kv.Value == "" {
			return &trouble.Trouble{At: place.Place{File: flag}, Message: "the variable has no value",
				Hint: "for an empty text write -v " + kv.Name + `='""'`}
		}
		var arg boshtpl.VarKV
		if err := arg.UnmarshalFlag(kv.Name + "=" + kv.Value); err != nil {
			return &trouble.Trouble{At: place.Place{File: flag}, Message: "the value is not valid YAML",
				Hint: "put text with special characters into double quotes, inside the shell's quotes"}
		}
		into[arg.Name] = newVariable(arg.Value, fromEngine(arg.Value, atFlag("-v "+arg.Name)))
	}
	return nil
}

// readStore reads a vars store. Its names are taken as they are, dots and all
// (cmd/opts/vars_fs_store.go of bosh-cli).
func (l *Loader) readStore(path string, v *variables) error {
	if path == "" {
		return nil
	}
	v.store = map[string]variable{}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, err := l.files.Read(path)
	if err != nil {
		return err
	}
	return v.readText(path, text, v.store, true) // generated values are secrets
}

// foldDottedNames turns a variable "a.b" into a map "a" with the key "b". bosh
// does so in the random order of a Go map, so that names that meet on the way
// give one of several results, or a crash; those are refused.
func foldDottedNames(flat map[string]variable) (map[string]variable, error) {
	folded := make(map[string]variable, len(flat))
	var dotted []string
	heads := map[string]bool{}
	for name, value := range flat {
		head, _, isDotted := strings.Cut(name, ".")
		heads[head] = true
		if isDotted {
			dotted = append(dotted, name)
		} else {
			folded[name] = value
		}
	}
	slices.Sort(dotted)
	tree := map[string]*node{}
	for i, name := range dotted {
		rival := rivalOf(name, flat, heads)
		if i > 0 && rival == "" && meet(dotted[i-1], name) {
			rival = dotted[i-1]
		}
		if rival != "" {
			return nil, &trouble.Trouble{At: flat[name].traced.at,
				Message: "variables " + name + " and " + rival + " exclude each other: which one bosh takes is left to chance",
				Hint:    "give one map in place of both"}
		}
		addDotted(tree, name, flat[name].traced)
	}
	for head, traced := range tree {
		folded[head] = newVariable(traced.engineValue(), traced)
	}
	return folded, nil
}

// rivalOf returns a variable whose name decides what the dotted name means,
// depending on which of the two comes first, or "" (processed in
// director/template/static_vars.go of bosh-cli).
func rivalOf(name string, flat map[string]variable, heads map[string]bool) string {
	pieces := strings.Split(name, ".")
	if _, ok := flat[pieces[0]]; ok {
		return pieces[0]
	}
	for _, inner := range pieces[1 : len(pieces)-1] {
		if heads[inner] {
			return inner
		}
	}
	return ""
}

// meet reports whether one of two neighbours in sorted order replaces what the
// other made: they agree in two pieces, and one of them has more.
func meet(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	return (len(as) > 2 || len(bs) > 2) && as[0] == bs[0] && as[1] == bs[1]
}

// addDotted puts a value into the maps that its name makes. They have no text of
// their own, so that their place is that of the value.
func addDotted(tree map[string]*node, name string, value *node) {
	pieces := strings.Split(name, ".")
	if tree[pieces[0]] == nil {
		tree[pieces[0]] = &node{at: value.at, value: &mapping{}}
	}
	m := tree[pieces[0]].value.(*mapping)
	for _, piece := range pieces[1 : len(pieces)-1] {
		inner := &mapping{}
		m.put(&node{at: value.at, value: piece}, &node{at: value.at, value: inner})
		m = inner
	}
	m.put(&node{at: value.at, value: pieces[len(pieces)-1]}, value)
}
