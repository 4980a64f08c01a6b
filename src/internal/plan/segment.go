package plan

import (
	"fmt"
	"strings"
)

// Identity is what a subnet's cloud_properties say about the segment that it
// lies in. Sources: the properties that each CPI documents for a subnet.
//
// Two questions are kept apart, because a wrong answer to the first costs
// three days and a wrong answer to the second one line of YAML: do different
// ids prove different segments (Distinct), and do equal ids prove the same one
// (Unique)?
type Identity struct {
	// Scheme names the kind of id: "aws subnet", "openstack network", …; empty
	// where the properties name nothing.
	Scheme string
	// ID is the value, compared without regard to case, since several clouds
	// ignore it; empty where it is hidden behind a variable.
	ID string
	// Scope is what the ID is unique in (a project, a resource group), if told.
	Scope string
	// Distinct: two different IDs of this scheme are two segments for certain.
	Distinct bool
	// Unique: no two segments of the world share an ID of this scheme.
	Unique bool
}

// identityScheme says how one CPI names a segment.
type identityScheme struct {
	name             string
	key, scope       string // paths of cloud_properties
	prefix           string // what an ID of this scheme begins with
	distinct, unique bool
}

// identitySchemes are tried in order; the first whose key is there decides.
// "name" comes last: vSphere, vCloud, CloudStack, docker and VirtualBox all use
// it, and what it is unique in (a datacenter, a zone, a host) is not told.
var identitySchemes = []identityScheme{
	{name: "aws subnet", key: "subnet", prefix: "subnet-", distinct: true, unique: true},
	{name: "openstack network", key: "net_id", distinct: true, unique: true},
	{name: "alicloud vswitch", key: "vswitch_id", distinct: true, unique: true},
	{name: "azure virtual network", key: "virtual_network_name", scope: "resource_group_name", distinct: true},
	{name: "gcp network", key: "network_name", scope: "xpn_host_project_id", distinct: true},
	{name: "softlayer vlan", key: "vlan_ids"},
	{name: "network", key: "name"},
}

// IdentityProperties are the paths of cloud_properties that IdentityOf reads.
func IdentityProperties() []string {
	var paths []string
	for _, s := range identitySchemes {
		paths = append(paths, s.key)
		if s.scope != "" {
			paths = append(paths, s.scope)
		}
	}
	return paths
}

// IdentityOf reads the identity out of the scalars of cloud_properties.
func IdentityOf(cloudProperties map[string]string) Identity {
	for _, s := range identitySchemes {
		value, ok := cloudProperties[s.key]
		if !ok || value == "" || !strings.HasPrefix(strings.ToLower(value), s.prefix) {
			continue
		}
		if strings.Contains(value, "((") {
			return Identity{Scheme: s.name}
		}
		id := Identity{Scheme: s.name, ID: value, Distinct: s.distinct, Unique: s.unique}
		if scope := cloudProperties[s.scope]; s.scope != "" && !strings.Contains(scope, "((") {
			id.Scope = scope
		}
		return id
	}
	return Identity{}
}

// Relation says whether two subnets are one broadcast domain.
type Relation uint8

// The relations. Assumed is treated as Same, and said to be an assumption.
const (
	Isolated Relation = iota + 1
	Assumed
	Same
)

// Contact is the relation of two subnets and the reason for it.
type Contact struct {
	Relation Relation
	// Segment names the broadcast domain that the two share.
	Segment string
	// Reason says why, as a clause: "both are aws subnet subnet-1".
	Reason string
	// OneList: one director's database covers both subnets. It refuses an
	// address twice whatever the networks are, so that even Isolated ones of
	// one director must not share addresses in use.
	OneList bool
}

// ContactOf decides whether a and b may be one broadcast domain. The fleet file
// decides first, then ids. What cannot be decided is Assumed to be the same.
func ContactOf(a, b *Subnet) Contact {
	contact := a.contactOnWire(b)
	contact.OneList = a.OneListWith(b)
	return contact
}

func (s *Subnet) contactOnWire(o *Subnet) Contact {
	if s == o {
		return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + s.Label()}
	}
	if s.Segment == "" || o.Segment == "" {
		return s.contactByID(o)
	}
	if s.Segment == o.Segment {
		return Contact{Relation: Same, Segment: s.Segment, Reason: "the fleet file puts both into segment " + s.Segment}
	}
	return Contact{Relation: Isolated, Reason: "the fleet file puts them into segments " + s.Segment + " and " + o.Segment}
}

// OneListWith reports whether one director's database covers both subnets
// (unique index on ip_addresses.address_str). Manifests that bring their own
// networks are not in it, nor is anything made by create-env.
func (s *Subnet) OneListWith(o *Subnet) bool {
	return s.Director != "" && s.Director == o.Director && s.Deployment == "" && o.Deployment == ""
}

func (s *Subnet) contactByID(o *Subnet) Contact {
	a, b := s.Identity, o.Identity
	switch {
	case a.ID == "" || b.ID == "":
		return s.assumed(o, "nothing in their cloud_properties tells the two networks apart")
	case a.Scheme != b.Scheme:
		if a.Unique && b.Unique {
			return Contact{Relation: Isolated, Reason: "one is " + a.String() + ", the other " + b.String()}
		}
		return s.assumed(o, "one is "+a.String()+", the other "+b.String()+"; that does not prove two networks")
	case !strings.EqualFold(a.ID, b.ID):
		if a.Distinct {
			return Contact{Relation: Isolated, Reason: "one is " + a.String() + ", the other " + b.String()}
		}
		return s.assumed(o, "one is "+a.String()+", the other "+b.String()+"; two names may mean one network")
	case a.Unique:
		return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + a.String()}
	case a.Scope != "" && b.Scope != "":
		if strings.EqualFold(a.Scope, b.Scope) {
			return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + a.String() + " of " + a.Scope}
		}
		return Contact{Relation: Isolated, Reason: fmt.Sprintf("%s is one of %s and one of %s", a, a.Scope, b.Scope)}
	default:
		return s.assumed(o, "both are "+a.String()+", though of which installation is not told")
	}
}

func (s *Subnet) assumed(o *Subnet, reason string) Contact {
	name := s.Segment
	if name == "" {
		name = o.Segment
	}
	if name == "" {
		name = s.segmentName()
	}
	return Contact{Relation: Assumed, Segment: name, Reason: reason}
}

// String names the id: "aws subnet subnet-1".
func (i Identity) String() string {
	if i.ID == "" {
		return "an unknown network"
	}
	return i.Scheme + " " + i.ID
}

// segmentName names the segment of s by the best that is known of it.
func (s *Subnet) segmentName() string {
	switch {
	case s.Segment != "":
		return s.Segment
	case s.Identity.ID != "":
		return s.Identity.String()
	case s.Range.IsValid():
		return s.Range.Masked().String()
	default:
		return s.Network
	}
}

// Label names the subnet for people: "network default of promo".
func (s *Subnet) Label() string {
	label := "network " + s.Network
	if s.Network == "" {
		label = "an address of no network"
	}
	if s.Deployment != "" {
		label += " in " + s.Deployment
	}
	if s.Director != "" {
		label += " of " + s.Director
	}
	if s.Past != "" {
		label += ", " + s.Past
	}
	return label
}
