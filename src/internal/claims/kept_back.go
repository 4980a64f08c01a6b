package claims

import (
	"maps"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// A director may keep back what another writes openly: the id of a network in its
// cloud_properties. Names are those of one director, but such an id means one network for
// all, so that what is kept back has the same name in the whole plan.

// commonIDs are, of values of cloud_properties that are kept back, what stands for them in
// the plan: the value itself if anybody wrote it openly, else one of those who keep it back.
func commonIDs(directors []Director) map[string]string {
	common := map[string]string{} // by what is left of them without case, which tells no two apart
	var kept []string
	var open []map[string]string
	for i := range directors {
		for cc := range directors[i].cloudConfigs() {
			for _, n := range cc.Networks {
				for _, s := range n.Subnets {
					open = append(open, s.CloudProperties)
					for _, value := range s.CloudProperties {
						if !seal.Is(value) {
							continue
						}
						kept = append(kept, value)
						if was, known := common[seal.Folded(value)]; !known || value < was {
							common[seal.Folded(value)] = value
						}
					}
				}
			}
		}
	}
	if len(kept) == 0 {
		return nil
	}
	for _, properties := range open {
		for _, value := range properties {
			id := seal.Folded(value)
			if was := common[id]; was != "" && !seal.Is(value) && (seal.Is(was) || value < was) {
				common[id] = value
			}
		}
	}
	ids := map[string]string{}
	for _, value := range kept {
		ids[value] = common[seal.Folded(value)]
	}
	return ids
}

// cloudConfigs yields all in which the director has networks.
func (d *Director) cloudConfigs() func(yield func(*bosh.CloudConfig) bool) {
	return func(yield func(*bosh.CloudConfig) bool) {
		all := []*bosh.CloudConfig{d.CloudConfig}
		for _, v := range d.Views {
			all = append(all, v.CloudConfig)
		}
		for _, list := range [][]*bosh.Manifest{d.Deployments, d.CreateEnvs} {
			for _, m := range list {
				all = append(all, m.Own)
			}
		}
		for _, cc := range all {
			if cc != nil && !yield(cc) {
				return
			}
		}
	}
}

// withCommonIDs are the cloud_properties of a subnet with the ids that the plan has.
func (b *builder) withCommonIDs(properties map[string]string) map[string]string {
	if len(b.commonIDs) == 0 {
		return properties
	}
	own := maps.Clone(properties)
	for path, value := range own {
		if id, kept := b.commonIDs[value]; kept {
			own[path] = id
		}
	}
	return own
}
