package bosh

import (
	"github.com/ipguard/ipguard/src/internal/source"
)

// readV1Networks reads networks and compilation that stand in the manifest, as
// directors before v270 took them. Availability zones did not exist there.
func (r *manifestReader) readV1Networks() {
	if !r.doc.Has("networks") {
		return // the director's cloud-config has them
	}
	own := &cloudConfigReader{Report: Report{Opts: r.Opts, At: Order{Stage: stageCloudConfig}}, cc: &CloudConfig{}, v1: true}
	items, _, _ := own.list(r.doc, "networks", required)
	own.readNetworks(items)
	own.cc.NetworksHidden = own.cc.NetworksHidden || hides(r.doc.Field("networks"))
	if compilation, ok := own.object(r.doc, "compilation", optional); ok {
		own.readCompilation(compilation, own.cc.NetworksHidden)
	}
	r.m.Own = own.cc
	r.Problems = append(r.Problems, own.Problems...)
	r.unresolved = append(r.unresolved, own.unresolved...)
	r.templates = append(r.templates, own.templates...)
}

// readPoolNetwork gives a job without networks the one of its resource pool.
func (r *manifestReader) readPoolNetwork(v source.Value, g *Group) bool {
	if v.Has("networks") {
		return false
	}
	pool, ok := r.resourcePool(v.Field("resource_pool").Text())
	if !ok {
		return false
	}
	network := pool.Field("network")
	name, ok := network.Coerced()
	if ok {
		g.Networks = append(g.Networks, &GroupNetwork{Name: name, At: network.Place()})
	}
	return ok
}

func (r *manifestReader) resourcePool(name string) (source.Value, bool) {
	for _, pool := range r.doc.Field("resource_pools").Items() {
		if text, ok := pool.Field("name").Coerced(); ok && text == name && name != "" {
			return pool, true
		}
	}
	return source.Value{}, false
}
