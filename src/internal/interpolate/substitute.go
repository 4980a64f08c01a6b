package interpolate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cppforlife/go-patch/patch"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// tracer evaluates a document over nodes that know their place, as a rule after the
// engine has evaluated it over values.
type tracer struct {
	root *node
	vars *variables
	// alone says that the engine has not evaluated the document before.
	alone bool
	// definitions is the list of the document's own variable definitions.
	definitions *node
	// defined says, where the tracer is alone, which defined variables have a value.
	defined map[string]bool
	copies  map[string]*node // of variables, by the name used
}

func newTracer(root *node, vars *variables) *tracer {
	return &tracer{root: root, vars: vars, defined: map[string]bool{}, copies: map[string]*node{}}
}

// run follows the engine: operations, variables, then the removal of definitions
// that were used up (Evaluate in director/template/template.go of bosh-cli).
func (t *tracer) run(ops []operation) error {
	for _, o := range ops {
		if err := t.apply(o); err != nil {
			return err
		}
	}
	names, err := t.definedNames()
	if err != nil {
		return err
	}
	if t.alone {
		if err := t.decide(names); err != nil {
			return err
		}
	}
	if t.root, err = t.substitute(t.root); err != nil {
		return err
	}
	return t.removeDefinitions(names)
}

// The syntax of variables in the bosh CLI (interpolationRegex in template.go).
var (
	variableUse   = lazyregexp.New(`\(\( ?(!?[-/\.\w\pL]+) ?\)\)`)
	variableAlone = lazyregexp.New(`\A\(\( ?(!?[-/\.\w\pL]+) ?\)\)\z`)
)

// substitute returns the value with variables in the place of ((name)). What a
// variable brings in is not looked through again.
func (t *tracer) substitute(n *node) (*node, error) {
	switch v := n.value.(type) {
	case *mapping:
		return n, t.substitutePairs(v)
	case *sequence:
		for i, item := range v.items {
			changed, err := t.substitute(item)
			if err != nil {
				return nil, err
			}
			v.items[i] = changed
		}
	case string:
		if strings.Contains(v, "((") {
			return t.substituteText(n, v)
		}
	}
	return n, nil
}

func (t *tracer) substitutePairs(m *mapping) error {
	written := m.keys
	m.keys = make([]*node, len(written))
	for i := range written {
		value, err := t.substitute(m.values[i])
		if err != nil {
			return err
		}
		key, err := t.substitute(written[i])
		if err != nil {
			return err
		}
		if !isScalar(key) {
			return &trouble.Trouble{At: written[i].at, Message: fmt.Sprintf("variable %s is %s and cannot be a key", key.at.Through, key.kind())}
		}
		if key != written[i] && (t.usesGiven(key) || t.usesGiven(value)) {
			return &trouble.Trouble{At: written[i].at, Message: "the variables of this key and its value bring in further variables: whether bosh replaces those is left to chance"}
		}
		m.keys[i], m.values[i] = key, value
	}
	if slices.Equal(m.keys, written) {
		return nil
	}
	m.index = nil
	return checkKeysDiffer(m.keys, written)
}

// usesGiven reports whether variables with a value are left in n after it has
// been substituted. The engine replaces them if it comes upon n once more, which
// happens to values whose key it has renamed: they are new in the Go map that it
// is going through.
func (t *tracer) usesGiven(n *node) bool {
	switch v := n.value.(type) {
	case *mapping:
		return slices.ContainsFunc(v.keys, t.usesGiven) || slices.ContainsFunc(v.values, t.usesGiven)
	case *sequence:
		return slices.ContainsFunc(v.items, t.usesGiven)
	case string:
		for _, match := range variableUse().FindAllStringSubmatch(v, -1) {
			head, _, _ := strings.Cut(strings.TrimPrefix(match[1], "!"), ".")
			if _, given := t.vars.lookup(head); given {
				return true
			}
		}
	}
	return false
}

// checkKeysDiffer refuses keys that variables have made equal: the engine keeps
// one of them, by chance. written are the keys before.
func checkKeysDiffer(keys, written []*node) error {
	seen := make(map[any]bool, len(keys))
	for i, key := range keys {
		if seen[key.value] {
			return &trouble.Trouble{At: written[i].at, Message: "with its variable this key is equal to another one of the map: which one bosh takes is left to chance"}
		}
		seen[key.value] = true
	}
	return nil
}

// substituteText follows Interpolate in template.go: names are looked for once,
// in the text as it was; a text that is nothing but a variable becomes the
// variable's value, of whatever type.
func (t *tracer) substituteText(n *node, text string) (*node, error) {
	changed := text
	through := ""
	for _, match := range variableUse().FindAllStringSubmatch(text, -1) {
		name := strings.TrimPrefix(match[1], "!")
		value, err := t.lookup(name, n.at)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		if variableAlone().MatchString(changed) {
			return value, nil
		}
		switch v := value.value.(type) {
		case string, int, int64, uint64:
			inserted := fmt.Sprint(v)
			before := changed
			changed = strings.ReplaceAll(changed, "(("+name+"))", inserted)
			changed = strings.ReplaceAll(changed, "((!"+name+"))", inserted)
			if through == "" && changed != before {
				through = name
			}
		default:
			return nil, &trouble.Trouble{At: n.at, Message: fmt.Sprintf(
				"variable %s is %s, but within a text only text and whole numbers can stand", name, value.kind())}
		}
	}
	if through == "" {
		return n, nil
	}
	at := n.at
	at.Through = through
	return &node{at: at, before: text, value: changed}, nil
}

// lookup returns the value of a variable that is used at a place, nil if it has
// none. Dots and slashes lead into the value.
func (t *tracer) lookup(name string, at place.Place) (*node, error) {
	head, rest, dotted := strings.Cut(name, ".")
	if !t.found(head) {
		return nil, nil
	}
	if value, ok := t.copies[name]; ok {
		return value, nil
	}
	given, ok := t.vars.lookup(head)
	if !ok || t.alone && !sameAsEngine(given.traced, given.engine) {
		return nil, errDiverged
	}
	value := given.traced
	if dotted {
		if value = value.dig(strings.ReplaceAll(rest, ".", "/")); value == nil {
			return nil, &trouble.Trouble{At: at, Message: fmt.Sprintf("variable %s has no %s in it", head, rest)}
		}
	}
	t.copies[name] = value.through(name)
	return t.copies[name], nil
}

// found reports whether the engine finds a value for the name.
func (t *tracer) found(name string) bool {
	if !t.alone {
		return t.vars.found[name]
	}
	if found, ok := t.defined[name]; ok {
		return found
	}
	_, ok := t.vars.lookup(name)
	return ok
}

// dig follows a path into a value. A piece that is a number is the index of a
// list; only if that leads nowhere, all such pieces are keys.
func (n *node) dig(path string) *node {
	pointer, err := patch.NewPointerFromString("/" + path)
	if err != nil {
		return nil
	}
	tokens := pointer.Tokens()[1:]
	if found := n.find(tokens); found != nil {
		return found
	}
	keys := make([]patch.Token, len(tokens))
	for i, token := range tokens {
		keys[i] = token
		if index, ok := token.(patch.IndexToken); ok {
			keys[i] = patch.KeyToken{Key: fmt.Sprint(index.Index)}
		}
	}
	return n.find(keys)
}

func (n *node) find(tokens []patch.Token) *node {
	c := &cursor{node: n}
	for _, token := range tokens {
		var err error
		switch token := token.(type) {
		case patch.IndexToken:
			err = c.enterIndex(token)
		case patch.KeyToken:
			err = c.enterKey(token)
		default:
			return nil
		}
		if err != nil {
			return nil
		}
	}
	return c.node
}
