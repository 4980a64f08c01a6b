package snapshot

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

// hides reports whether a reader of the snapshot finds a place where addresses may hide:
// what the head told of the rest would then be less than there may be. It asks those who
// read the contents later, so that the two never differ.
func (s *Snapshot) hides() bool {
	patterns, ok := s.patterns()
	if !ok || s.hidesNetworks() {
		return true
	}
	var contents []Content
	for _, c := range s.RuntimeConfigs {
		contents = append(contents, c.Content)
	}
	for i := range s.Deployments {
		contents = append(contents, s.Deployments[i].Manifest)
	}
	for _, c := range append(contents, s.CreateEnvs...) {
		root, ok := c.root()
		if vips, err := bosh.FindVIPs(root, patterns); c.node != nil && (!ok || err != nil || len(vips.Gaps) > 0) {
			return true
		}
	}
	for _, c := range contents[len(s.RuntimeConfigs):] {
		if hidesInManifest(c) {
			return true
		}
	}
	return slices.ContainsFunc(s.CreateEnvs, hidesInManifest)
}

func hidesInManifest(c Content) bool {
	root, ok := c.root()
	if !ok {
		return false
	}
	m, _, _ := bosh.ReadManifest(root, bosh.Options{})
	return len(m.Gaps) > 0 || m.Own != nil && len(m.Own.Gaps) > 0
}

// hidesNetworks looks at each cloud-config by itself. Those without networks are fine
// where another one has some.
func (s *Snapshot) hidesNetworks() bool {
	var some, none []source.Value
	for _, c := range s.CloudConfigs {
		root, ok := c.Content.root()
		switch {
		case !ok:
		case root.Has("networks"):
			some = append(some, root)
		default:
			none = append(none, root)
		}
	}
	hides := func(docs ...source.Value) bool {
		vips := false
		for _, doc := range docs {
			found, err := bosh.FindCloudConfigVIPs(doc)
			vips = vips || err != nil || len(found.Gaps) > 0
		}
		config, _, _ := bosh.ReadCloudConfigs(docs, bosh.Options{ManagedNetworks: s.Settings.ManagedNetworks})
		return vips || len(docs) > 0 && len(config.Gaps) > 0
	}
	for _, doc := range some {
		if hides(doc) {
			return true
		}
	}
	return hides(append(none, some[:min(1, len(some))]...)...)
}

// patterns are those of the properties that were looked for; ok is false where one of
// them is none.
func (s *Snapshot) patterns() (patterns bosh.Patterns, ok bool) {
	kept := s.Kept.VIPProperties
	if files := s.Settings.Files; files != nil {
		kept = slices.Concat(kept, files.Kept.VIPProperties)
	}
	for _, text := range kept {
		pattern, err := bosh.ParsePattern(text)
		if err != nil {
			return patterns, false
		}
		patterns.Find = append(patterns.Find, pattern)
	}
	return patterns, true
}
