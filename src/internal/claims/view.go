package claims

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// View is a cloud-config of a director beside the one that counts for most
// deployments: of a team, or an older one that deployments are pinned to. It can
// hand out addresses as well: to errands, compilation VMs and recreated VMs.
type View struct {
	CloudConfig *bosh.CloudConfig
	// Deployments are the names of those that were made with it.
	Deployments []string
	// Past says of an older one whose it still is, such as "as web still has it".
	Past string
}

// remember notes what the subnets of the director's cloud-config say, so that a
// view that says the same of one does not make it twice.
func (b *builder) remember(d *Director, shared networks) {
	if len(d.Views) == 0 {
		return
	}
	b.seen = map[string]*plan.Subnet{}
	for name, list := range shared {
		for _, s := range list {
			b.seen[contentKey(name, s.kind, s.read)] = s.Subnet
		}
	}
}

// contentKey is everything that a subnet says about addresses. Two that say the
// same are one.
func contentKey(network string, kind bosh.NetworkType, s *bosh.Subnet) string {
	ranges := func(blocks []bosh.Block) string {
		var text strings.Builder
		for _, b := range blocks {
			fmt.Fprint(&text, b.Range, ",")
		}
		return text.String()
	}
	return fmt.Sprint(network, "|", kind, "|", s.Range, "|", s.Gateway, "|", ranges(s.Reserved), "|", ranges(s.Static), "|",
		ranges(s.DNS), "|", s.AZs, "|", s.Prefix, "|", s.Incomplete, "|", s.CloudProperties)
}

// views adds what the views hand out beside the director's cloud-config, and
// returns the networks of each deployment that has one.
func (b *builder) views(d *Director, own []bosh.Block) map[string]networks {
	if len(d.Views) == 0 {
		return nil
	}
	if b.seen == nil {
		b.seen = map[string]*plan.Subnet{}
	}
	byDeployment := map[string]networks{}
	for _, v := range d.Views {
		known := networks{}
		for _, n := range v.CloudConfig.Networks {
			for _, read := range n.Subnets {
				key := contentKey(n.Name, n.Type, read)
				s, ok := b.seen[key]
				if !ok {
					s = b.subnet(d.Name, "", n, read)
					s.Past = v.Past
					b.seen[key] = s
					b.claimSubnet(s, n, read, v.CloudConfig.Compilation, own, true)
				}
				known[n.Name] = append(known[n.Name], subnet{s, read, n.Type})
			}
			if len(n.Subnets) == 0 && n.Type == bosh.VIP {
				b.bareVIP(d.Name, v.Past, n, known)
			}
		}
		for _, name := range v.Deployments {
			byDeployment[name] = known
		}
	}
	return byDeployment
}

// bareVIP adds a vip network that lists no addresses.
func (b *builder) bareVIP(director, past string, n *bosh.Network, known networks) {
	read := &bosh.Subnet{At: n.At}
	key := contentKey(n.Name, n.Type, read)
	s, ok := b.seen[key]
	if !ok {
		s = b.subnet(director, "", n, read)
		s.Past = past
		b.seen[key] = s
	}
	known[n.Name] = append(known[n.Name], subnet{s, read, n.Type})
}
