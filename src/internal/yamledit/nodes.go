package yamledit

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// spot is where a node begins.
type spot struct{ line, column int }

// findMapping returns the nodes from the document down to the mapping that
// begins at a place, or nil. Aliases are not followed: what stands behind one is
// written elsewhere.
func (e *editor) findMapping(line, column int) (path []*yaml.Node) {
	if e.mappings == nil {
		e.mappings, e.above = map[spot]*yaml.Node{}, map[*yaml.Node]*yaml.Node{}
		e.index(e.document)
	}
	for n := e.mappings[spot{line, column}]; n != nil; n = e.above[n] {
		path = append(path, n)
	}
	slices.Reverse(path)
	return path
}

// index notes where mappings begin, the outermost first, and what each node lies in.
func (e *editor) index(n *yaml.Node) {
	at := spot{n.Line, n.Column}
	if n.Kind == yaml.MappingNode && e.mappings[at] == nil {
		e.mappings[at] = n
	}
	for _, child := range n.Content {
		e.above[child] = n
		e.index(child)
	}
}

// pairOf returns a mapping's key and its value; of a key that stands twice the
// last, which is the one that counts.
func pairOf(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := len(mapping.Content) - 2; i >= 0; i -= 2 {
		if k := mapping.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, mapping.Content[i+1]
		}
	}
	return nil, nil
}

// merged reports whether a merge key brings the mapping a key. inside holds the
// mappings that led here, against one that merges itself.
func merged(mapping *yaml.Node, name string, inside []*yaml.Node) bool {
	if slices.Contains(inside, mapping) {
		return false
	}
	inside = append(inside, mapping)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if key := mapping.Content[i]; key.Kind != yaml.ScalarNode || key.Value != "<<" {
			continue
		}
		from := resolved(mapping.Content[i+1])
		sources := []*yaml.Node{from}
		if from.Kind == yaml.SequenceNode {
			sources = from.Content
		}
		for _, s := range sources {
			if s = resolved(s); s.Kind != yaml.MappingNode {
				continue
			}
			if _, value := pairOf(s, name); value != nil || merged(s, name, inside) {
				return true
			}
		}
	}
	return false
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// sharedBy returns a node of the path that an alias stands for, or nil.
func (e *editor) sharedBy(path []*yaml.Node) *yaml.Node {
	i := slices.IndexFunc(path, func(n *yaml.Node) bool { return n.Anchor != "" && aliased(e.document, n) })
	if i < 0 {
		return nil
	}
	return path[i]
}

func aliased(n, target *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return n.Alias == target
	}
	return slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return aliased(child, target) })
}

func scalarsOf(list *yaml.Node) []string {
	var texts []string
	for _, n := range list.Content {
		if n.Kind == yaml.ScalarNode {
			texts = append(texts, n.Value)
		}
	}
	return texts
}
