package snapshot

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
	"gopkg.in/yaml.v3"
)

// routers are the ids of virtual routers, and whether one with that id may be in no
// subnet that is known.
type routers map[int]bool

// ids are sorted; only those that may be in no known subnet, or all.
func (r routers) ids(unplaced bool) []int {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r)), func(id int) bool { return unplaced && !r[id] })
}

// routers are those of all texts, by the properties that were looked for. ok is false
// where they cannot be told.
func (s *Snapshot) routers() (found routers, ok bool) {
	patterns, ok := s.patterns()
	if !ok {
		return nil, false
	}
	latest := s.cloudConfig(func(c Config) bool { return c.Latest && c.Team == "" })
	found, ok = routers{}, true
	for i := range s.Deployments {
		d, config := &s.Deployments[i], latest
		if pinned := s.cloudConfig(func(c Config) bool { return slices.Contains(d.Pinned, c.ID) }); pinned != nil {
			config = pinned
		}
		ok = ok && found.add(d.Manifest, config, patterns)
	}
	for _, c := range s.CreateEnvs {
		ok = ok && found.add(c, nil, patterns)
	}
	for _, c := range s.RuntimeConfigs {
		ok = ok && found.add(c.Content, latest, patterns)
	}
	return found, ok
}

// cloudConfig reads the cloud-configs that count together; nil if there are none.
func (s *Snapshot) cloudConfig(counts func(Config) bool) *bosh.CloudConfig {
	var docs []source.Value
	for _, c := range s.CloudConfigs {
		if doc, ok := c.Content.root(); ok && counts(c) {
			docs = append(docs, doc)
		}
	}
	if docs == nil {
		return nil
	}
	config, _, _ := bosh.ReadCloudConfigs(docs, bosh.Options{})
	return config
}

// root is the content to be read, if there is any. What was never in a file has places
// all the same: readers tell things apart by them.
func (c Content) root() (source.Value, bool) {
	if c.node == nil {
		return source.Value{}, false
	}
	if c.node.Line == 0 {
		number(c.node, 1)
	}
	doc, err := source.NewDocument("content", c.node, nil, nil)
	if err != nil {
		return source.Value{}, false
	}
	return doc.Root(), true
}

// number gives each node a line of its own, and returns the next one.
func number(n *yaml.Node, line int) int {
	n.Line, n.Column = line, 1
	line++
	for _, child := range n.Content {
		line = number(child, line)
	}
	return line
}

// add adds the routers of a manifest or a runtime config.
func (r routers) add(content Content, config *bosh.CloudConfig, patterns bosh.Patterns) bool {
	if content.node == nil {
		return true
	}
	root, ok := content.root()
	vips, err := bosh.FindVIPs(root, patterns)
	if !ok || err != nil {
		return false
	}
	var carried []bosh.PropertyAddress
	for v := range vips.Written() {
		if slices.ContainsFunc(v.Routers, func(router bosh.Router) bool { return router.ID == 0 }) {
			return false // it may have any id
		}
		if slices.ContainsFunc(v.Routers, func(router bosh.Router) bool { return router.ID > 0 }) {
			carried = append(carried, v)
		}
	}
	if len(carried) == 0 {
		return true
	}
	m, _, _ := bosh.ReadManifest(root, bosh.Options{})
	if m != nil && m.Own != nil && len(m.Own.Networks) > 0 {
		config = m.Own
	}
	for _, v := range carried {
		for _, router := range v.Routers {
			if router.ID > 0 {
				r[router.ID] = r[router.ID] || !placed(v, m, config)
			}
		}
	}
	return true
}

// placed reports whether a virtual address is certain to lie in a subnet of its group.
func placed(v bosh.PropertyAddress, m *bosh.Manifest, config *bosh.CloudConfig) bool {
	uses := func(*bosh.Network) bool { return true }
	if m != nil && v.Group != "" {
		uses = func(network *bosh.Network) bool {
			return slices.ContainsFunc(m.Groups, func(g *bosh.Group) bool {
				return g.Name == v.Group && slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool { return n.Name == network.Name })
			})
		}
	}
	return config != nil && slices.ContainsFunc(config.Networks, func(n *bosh.Network) bool {
		return n.Type == bosh.Manual && uses(n) && holds(n, v.Range.From())
	})
}

func holds(n *bosh.Network, a netip.Addr) bool {
	return slices.ContainsFunc(n.Subnets, func(s *bosh.Subnet) bool { return s.Range.IsValid() && s.Range.Contains(a) })
}
