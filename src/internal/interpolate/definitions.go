package interpolate

import (
	"fmt"

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
		t.noteMissing(names[i], name.at)
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

// removeDefinitions takes the definitions of variables that have a value out of
// the document, so that the director does not make values of its own.
func (t *tracer) removeDefinitions(names []string) error {
	for _, name := range names {
		if !t.vars.found[name] {
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
