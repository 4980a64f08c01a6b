package central

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
)

// sharedKeys are those of the fleet file that hold for everybody.
var sharedKeys = []string{"segments", "external", "vip_properties", "pools", "allow"}

// shared is the part of the fleet file that teams need beside their own, as text.
func (p *Plan) shared(files *source.Files) (string, error) {
	if p.FleetFile == "" {
		return "", nil
	}
	all, err := p.fleetFile(files)
	if err != nil {
		return "", err
	}
	part := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(all.Content); i += 2 {
		if slices.Contains(sharedKeys, all.Content[i].Value) {
			part.Content = append(part.Content, all.Content[i], all.Content[i+1])
		}
	}
	if len(part.Content) == 0 {
		return "", nil
	}
	out, err := yaml.Marshal(part)
	return string(out), err
}

// withoutAliases is the node with what aliases stand for in their place, whose anchors
// may be in a part that is not shared.
func withoutAliases(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return withoutAliases(n.Alias)
	}
	c := *n
	c.Anchor, c.Content = "", make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = withoutAliases(child)
	}
	return &c
}
