package link

import (
	"fmt"
	"slices"
	"strings"
)

// Nature is what the kernel says about the make of an interface.
type Nature struct {
	// Kind is the driver's word of rtnetlink (IFLA_INFO_KIND), such as bridge, veth
	// or vlan; empty for hardware, also a virtual machine's.
	Kind string
	// Lower is the interface below (a VLAN's, a macvlan's) or the other end of a
	// veth, Master the bridge or bond that this one is a port of; 0 if none.
	Lower, Master int
	// Elsewhere says that Lower counts in another network namespace.
	Elsewhere bool
	// Default says that a default route of the main table leaves here.
	Default bool
}

// Kinds by how far they can reach. What is in neither list may lead anywhere, and
// is never left out.
var (
	// tunnels and the like carry nothing that a switch outside would see as ours.
	selfContained = []string{
		"dummy", "ifb", "nlmon", "vrf", "tun", "vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan",
		"ipip", "sit", "ip6tnl", "vti", "vti6", "xfrm", "wireguard", "bareudp", "gtp", "amt", "vcan", "vxcan",
	}
	// stacked ones are where the one below is.
	stacked = []string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"}
	// pairs join two namespaces, or two places of one.
	pairs = []string{"veth", "netkit"}
)

// judgeReach fills Inside of each interface.
//
// Hardware leads out. So does whatever a default route leaves by, which makes a
// container's veth and a bridge of virtual machines right, and a bond, whose links
// may only be missing. A bridge leads out if a port of it does; a VLAN or macvlan
// if the one below does. A veth is told by what else there is: on a host with
// hardware it is the end of a container; where there is none, this is a container
// itself, and one with a subnet of more than two addresses is its way out. Where no
// address would be left that way, the ports of its bridges are the way out.
func judgeReach(interfaces []Interface) {
	j := judge{interfaces: interfaces, asked: map[int]bool{}}
	for _, i := range interfaces {
		j.hardware = j.hardware || i.Wire && i.Nature.Kind == ""
	}
	j.all()
	leadsOut := func(i Interface) bool {
		return i.Wire && i.Inside == "" && slices.ContainsFunc(i.Addresses, Address.sharesSubnet)
	}
	if !j.hardware && !slices.ContainsFunc(interfaces, leadsOut) {
		j.portsLeadOut = true
		j.all()
	}
}

type judge struct {
	interfaces   []Interface
	hardware     bool
	portsLeadOut bool
	asked        map[int]bool // against circles
}

func (j *judge) all() {
	for n := range j.interfaces {
		j.interfaces[n].Inside = j.inside(j.interfaces[n])
	}
}

// inside says why the interface does not lead out, or nothing.
func (j *judge) inside(i Interface) string {
	if j.asked[i.Index] {
		return "one end of a circle"
	}
	j.asked[i.Index] = true
	defer delete(j.asked, i.Index)
	kind := i.Nature.Kind
	switch {
	case !i.Wire, i.Nature.Default:
		return ""
	case kind == "bridge":
		return j.bridge(i)
	case kind == "openvswitch":
		// Its ports are known to a database only, and hardware among them by their master.
		if j.hasOuterPort("openvswitch") {
			return ""
		}
		return "a switch without a port that leads out"
	case slices.Contains(stacked, kind):
		return j.stacked(i)
	case slices.Contains(pairs, kind):
		return j.pair(i)
	case slices.Contains(selfContained, kind):
		return "a " + kind + " interface"
	}
	return ""
}

func (j *judge) bridge(i Interface) string {
	ports := 0
	for _, port := range j.interfaces {
		if port.Nature.Master != i.Index {
			continue
		}
		ports++
		if j.inside(port) == "" {
			return ""
		}
	}
	if ports == 0 {
		return "a bridge without ports"
	}
	return "a bridge without a port that leads out"
}

func (j *judge) hasOuterPort(masterKind string) bool {
	return slices.ContainsFunc(j.interfaces, func(port Interface) bool {
		master := byIndex(j.interfaces, port.Nature.Master)
		return master != nil && master.Nature.Kind == masterKind && port.Nature.Kind != masterKind && j.inside(port) == ""
	})
}

func (j *judge) stacked(i Interface) string {
	lower := byIndex(j.interfaces, i.Nature.Lower)
	if i.Nature.Elsewhere || lower == nil {
		return "" // a namespace's share of what the host has
	}
	if why := j.lower(*lower); why != "" {
		return fmt.Sprintf("on %s, %s", lower.Name, why)
	}
	return ""
}

// lower is as inside for one that others stand on: it needs no address of its own.
func (j *judge) lower(i Interface) string {
	if slices.Contains(pairs, i.Nature.Kind) && !j.hardware && i.Nature.Elsewhere {
		return ""
	}
	return j.inside(i)
}

func (j *judge) pair(i Interface) string {
	if other := byIndex(j.interfaces, i.Nature.Lower); other != nil && !i.Nature.Elsewhere {
		if master := byIndex(j.interfaces, other.Nature.Master); master != nil && j.inside(*master) == "" {
			return ""
		}
		return "a " + i.Nature.Kind + " whose other end is on this host"
	}
	switch {
	case j.hardware:
	case slices.ContainsFunc(i.Addresses, Address.sharesSubnet):
		return ""
	case j.portsLeadOut && i.Nature.Elsewhere && i.Nature.Master != 0:
		return ""
	}
	return "a " + i.Nature.Kind + " to a container"
}

// sharesSubnet reports whether others than one peer can be on the address's
// subnet. Every interface has a link-local address, which says nothing.
func (a Address) sharesSubnet() bool {
	ip := a.Prefix.Addr()
	return !ip.IsLinkLocalUnicast() && ip.BitLen()-a.Prefix.Bits() > 1
}

// Kept is why interfaces do not lead out of this machine, and which they are.
type Kept struct {
	Why   string   `json:"why"`
	Count int      `json:"count"`
	Names []string `json:"interfaces"` // at most keptNames
}

// keptNames is how many names show which interfaces are meant.
const keptNames = 3

// KeptInside tells by reason which interfaces with addresses the exclusion keeps
// inside, so that 500 of one kind are one entry.
func (h Host) KeptInside(e Exclusion, named []string) (kept []Kept) {
	for _, i := range h.Interfaces {
		if len(i.Addresses) == 0 || !e.KeptInside(i, named) {
			continue
		}
		n := slices.IndexFunc(kept, func(k Kept) bool { return k.Why == i.Inside })
		if n < 0 {
			n, kept = len(kept), append(kept, Kept{Why: i.Inside})
		}
		k := &kept[n]
		if k.Count++; len(k.Names) < keptNames {
			k.Names = append(k.Names, i.Name)
		}
	}
	return kept
}

// String is such as "docker0 (a bridge without ports)".
func (k Kept) String() string {
	names := strings.Join(k.Names, ", ")
	if more := k.Count - len(k.Names); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return names + " (" + k.Why + ")"
}
