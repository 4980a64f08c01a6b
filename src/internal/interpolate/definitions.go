package interpolate

import (
	"fmt"
	"strings"

	"github.com/cppforlife/go-patch/patch"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

// definedNames lists the names below "variables", where a manifest defines
// variables of its own. It must be a list of maps.
func (t *tracer) definedNames() ([]string, error) {
	root, ok := t.root.value.(*mapping)
	if !ok {
		return nil, nil
	}
	t.definitions = root.get("variables")
	if t.definitions == nil || t.definitions.value == nil {
		return nil, nil
	}
	list, ok := t.definitions.value.(*sequence)
	if !ok {
		return nil, &trouble.Trouble{At: t.definitions.at, Message: "variables must be a list, not " + t.definitions.kind()}
	}
	names := make([]string, len(list.items))
	for i, item := range list.items {
		name, err := definedName(item)
		if err != nil {
			return nil, err
		}
		names[i] = fmt.Sprint(name.value)
		if name.value == nil {
			names[i] = ""
		}
	}
	return names, nil
}

// definedName returns the name that a definition gives; its value is nil if it
// gives none.
func definedName(definition *node) (*node, error) {
	none := &node{at: definition.at}
	if definition.value == nil {
		return none, nil
	}
	m, ok := definition.value.(*mapping)
	if !ok {
		return nil, &trouble.Trouble{At: definition.at, Message: "an entry of variables must be a map with name and type, not " + definition.kind()}
	}
	for _, field := range []string{"name", "type"} {
		if value := m.get(field); value != nil && !isScalar(value) {
			return nil, &trouble.Trouble{At: value.at, Message: "the " + field + " of a variable must be text, not " + value.kind()}
		}
	}
	if name := m.get("name"); name != nil {
		return name, nil
	}
	return none, nil
}

// decide finds out, without the engine, which of the defined variables have a value.
// One whose options use a variable without a value has none, whatever is given for
// it (varsTracker.Get in director/template/template.go of bosh-cli).
func (t *tracer) decide(names []string) error {
	list, ok := t.definedList()
	if !ok {
		return nil
	}
	options := map[string]*node{}
	for i, item := range list.items {
		if _, twice := options[names[i]]; twice {
			continue // the first definition counts
		}
		options[names[i]] = nil
		if m, ok := item.value.(*mapping); ok {
			options[names[i]] = m.get("options")
		}
	}
	d := decision{tracer: t, options: options, open: map[string]bool{}, missing: map[string]bool{}}
	for name := range options {
		if _, err := d.has(name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracer) definedList() (list *sequence, ok bool) {
	if t.definitions == nil {
		return nil, false
	}
	list, ok = t.definitions.value.(*sequence)
	return list, ok
}

// decision follows definitions to the variables that their options use.
type decision struct {
	*tracer
	options map[string]*node // of definitions, by name
	open    map[string]bool  // names that are or were being decided
	missing map[string]bool  // names that nothing gives
}

// has decides whether a variable has a value.
func (d *decision) has(name string) (bool, error) {
	if found, ok := d.defined[name]; ok {
		return found, nil
	}
	if d.open[name] {
		return false, errDiverged // a circle, which the engine refuses
	}
	d.open[name] = true
	complete, err := d.isComplete(d.options[name])
	if err != nil {
		return false, err
	}
	_, given := d.vars.lookup(name)
	d.defined[name] = complete && given
	d.missing[name] = complete && !given
	return complete && given, nil
}

// isComplete reports whether options miss no value. A variable that has none because
// of its own options is not missed: the engine loses that on the way.
func (d *decision) isComplete(options *node) (bool, error) {
	if options == nil {
		return true, nil
	}
	complete := true
	for _, name := range options.uses(nil) {
		head, _, _ := strings.Cut(name, ".")
		if _, err := d.has(head); err != nil {
			return false, err
		}
		if given, ok := d.vars.lookup(head); ok && given.nested {
			return false, errDiverged // the engine replaces what is in it the next time that it asks
		}
		complete = complete && !d.missing[head]
	}
	_, err := d.substitute(options.through("")) // a copy: only errors count
	return complete, err
}

// uses adds the names of all variables in a value.
func (n *node) uses(names []string) []string {
	switch v := n.value.(type) {
	case *mapping:
		for i, key := range v.keys {
			names = v.values[i].uses(key.uses(names))
		}
	case *sequence:
		for _, item := range v.items {
			names = item.uses(names)
		}
	case string:
		for _, match := range variableUse().FindAllStringSubmatch(v, -1) {
			names = append(names, strings.TrimPrefix(match[1], "!"))
		}
	}
	return names
}

// removeDefinitions takes the definitions of variables that have a value out of
// the document, so that the director does not make values of its own.
func (t *tracer) removeDefinitions(names []string) error {
	for _, name := range names {
		if !t.found(name) {
			continue
		}
		root, ok := t.root.value.(*mapping)
		if !ok || root.find("variables") < 0 {
			return errDiverged
		}
		i := root.find("variables")
		c := &cursor{node: root.values[i], store: func(n *node) { root.values[i] = n }}
		token := patch.MatchingIndexToken{Key: "name", Value: name}
		if list, ok := c.node.value.(*sequence); ok && len(list.matching(token)) != 1 {
			return &trouble.Trouble{At: c.node.at, Message: fmt.Sprintf(
				"variable %s has a value and %d definitions of that name as text, where the bosh CLI wants exactly one", name, len(list.matching(token)))}
		}
		if err := c.remove(token); err != nil {
			return err
		}
	}
	return nil
}
