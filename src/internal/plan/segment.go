package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/seal"
)

// Identity is what a subnet's cloud_properties say about the segment that it
// lies in (IdentityOf).
//
// Two questions are kept apart, because a wrong answer to the first costs
// three days and a wrong answer to the second one line of YAML: do different
// ids prove different segments (Distinct), and do equal ids prove the same one
// (Unique)?
type Identity struct {
	// Cloud is the name of the IaaS in Clouds; empty where it is not known.
	Cloud string
	// Closed: no network of another cloud is in the segment.
	Closed bool
	// Scheme names the kind of id: "aws subnet", "openstack network", …; empty
	// where the properties name nothing.
	Scheme string
	// Key is the property that holds the ID.
	Key string
	// ID is the value, compared without regard to case, since several clouds
	// ignore it; empty where it is hidden behind a variable. The values of a list
	// are sorted and have commas between them.
	ID string
	// Hidden is the value that hides the ID, or its scope: a variable, or seal.LeftOut. HiddenKey is the
	// property that it stands in, cloud_properties where that is all of them.
	Hidden, HiddenKey string
	// Scope is what the ID is unique in (a project, a resource group), if told.
	Scope string
	// Distinct: two different IDs of this scheme are two segments for certain.
	Distinct bool
	// Unique: no two segments of the world share an ID of this scheme.
	Unique bool
}

// Perhaps are segments of the fleet file that a subnet is in if what hides has the values
// that their entries ask for.
type Perhaps struct {
	// Segments are their names, sorted, with commas between them.
	Segments string
	// Hidden and HiddenKey are as those of Identity.
	Hidden, HiddenKey string
}

// Relation says whether two subnets are one broadcast domain.
type Relation uint8

// The relations. Assumed is treated as Same, and said to be an assumption. Unseen is
// what depends on a variable without a value: some values prove two segments, and
// others do not.
const (
	Isolated Relation = iota + 1
	Unseen
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

// contacts remembers what ContactOf says of pairs of subnets; nil is a subnet of which
// nothing is known. Of thousands of subnets there are few sorts, so that it stays small.
type contacts struct {
	sorts  map[*Subnet]int
	number map[contactSort]int
	known  map[contactPair]Contact
}

// contactSort is all of a subnet that its contact with another one depends on.
type contactSort struct {
	director, deployment, network, past, segment string
	perhaps                                      Perhaps
	identity                                     Identity
	named                                        netip.Prefix // the range where nothing else names the segment
}

// contactPair are two sorts, and whether the subnets are one, or have one range.
type contactPair struct {
	a, b           int
	one, sameRange bool
	// subnets are the two, in place of their sorts, where one may be any of several.
	subnets [2]*Subnet
}

func newContacts() *contacts {
	return &contacts{sorts: map[*Subnet]int{}, number: map[contactSort]int{}, known: map[contactPair]Contact{}}
}

var nowhere = &Subnet{}

func (c *contacts) of(a, b *Subnet) Contact {
	if a == nil {
		a = nowhere
	}
	if b == nil {
		b = nowhere
	}
	key := contactPair{one: a == b, sameRange: a.Range == b.Range}
	if len(a.Among) > 0 || len(b.Among) > 0 {
		key.subnets = [2]*Subnet{a, b} // whether one is among the other's counts
	} else {
		key.a, key.b = c.sortOf(a), c.sortOf(b)
	}
	contact, ok := c.known[key]
	if !ok {
		contact = ContactOf(a, b)
		c.known[key] = contact
	}
	return contact
}

func (c *contacts) sortOf(s *Subnet) int {
	if n, ok := c.sorts[s]; ok {
		return n
	}
	sort := contactSort{director: s.Director, deployment: s.Deployment, network: s.Network, past: s.Past, segment: s.Segment, perhaps: s.Perhaps, identity: s.Identity}
	if s.Segment == "" && s.Identity.ID == "" {
		sort.named = s.Range
	}
	n, ok := c.number[sort]
	if !ok {
		n = len(c.number)
		c.number[sort] = n
	}
	c.sorts[s] = n
	return n
}

func (s *Subnet) contactOnWire(o *Subnet) Contact {
	switch {
	case len(s.Among) > 0:
		return closest(s.Among, o)
	case len(o.Among) > 0:
		return closest(o.Among, s)
	}
	if s == o {
		return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + s.Label()}
	}
	if s.Segment == "" || o.Segment == "" {
		contact := s.contactByID(o)
		if one, two := s.segmentsWith(o); two && contact.Relation > Unseen || one && contact.Relation == Isolated {
			contact.Relation, contact.Segment = Unseen, cmp.Or(contact.Segment, s.segmentName())
		}
		return contact
	}
	if s.Segment == o.Segment {
		return Contact{Relation: Same, Segment: s.Segment, Reason: "the fleet file puts both into segment " + s.Segment}
	}
	return Contact{Relation: Isolated, Reason: "the fleet file puts them into segments " + s.Segment + " and " + o.Segment}
}

// segmentsWith reports whether the fleet file may put the two into one segment, and whether
// it may put them into two. One network of one director is in one, whatever its name.
func (s *Subnet) segmentsWith(o *Subnet) (one, two bool) {
	if s.Perhaps.Segments == "" && o.Perhaps.Segments == "" || s.Director == o.Director && s.Deployment == o.Deployment && s.Network == o.Network && s.Range == o.Range {
		return false, false
	}
	names := func(s *Subnet) []string {
		return slices.DeleteFunc(append(strings.Split(s.Perhaps.Segments, listSeparator), s.Segment), func(name string) bool { return name == "" })
	}
	for _, a := range names(s) {
		for _, b := range names(o) {
			one, two = one || a == b, two || a != b
		}
	}
	return one, two
}

// closest is the contact of whichever of several subnets is nearest to o.
func closest(among []*Subnet, o *Subnet) Contact {
	var best Contact
	for _, s := range among {
		if c := s.contactOnWire(o); c.Relation > best.Relation {
			best = c
		}
		if best.Relation == Same {
			break
		}
	}
	return best
}

// LikeOnWire reports whether whatever is one segment with s is so with o, and for the same
// reasons: nothing that tells segments tells the two apart.
func (s *Subnet) LikeOnWire(o *Subnet) bool {
	return s == o || s.Director == o.Director && s.Segment == o.Segment && s.Perhaps == o.Perhaps && s.Identity == o.Identity
}

// OneListWith reports whether one director's database covers both subnets
// (unique index on ip_addresses.address_str). Manifests that bring their own
// networks are not in it, nor is anything made by create-env. Without a fleet file
// there is one director, which has no name.
func (s *Subnet) OneListWith(o *Subnet) bool {
	named := s.Director != "" || s.Network != "" && o.Network != ""
	return named && s.Director == o.Director && s.Deployment == "" && o.Deployment == ""
}

func (s *Subnet) contactByID(o *Subnet) Contact {
	a, b := s.Identity, o.Identity
	isolated := func(reason string) Contact { return Contact{Relation: Isolated, Reason: reason} }
	switch {
	case a.Cloud != "" && b.Cloud != "" && a.Cloud != b.Cloud && (a.Closed || b.Closed):
		return isolated(fmt.Sprintf("one is %s, the other %s, and no cloud shares its networks with another", s.inCloud(), o.inCloud()))
	case onOwnHosts(s, o):
		return isolated("both are " + a.Cloud + ", and each director has a host of its own for it")
	case (a.Hidden != "" || b.Hidden != "") && s.mayBeApart(o):
		contact := s.assumed(o, hiddenNames(s, o))
		if contact.Relation == Assumed {
			contact.Relation = Unseen
		}
		return contact
	case a.ID == "" && a.Hidden != "" || b.ID == "" && b.Hidden != "":
		return s.assumed(o, hiddenNames(s, o))
	case a.ID == "" || b.ID == "":
		return s.assumed(o, "nothing in their cloud_properties tells the two networks apart")
	case a.Scheme != b.Scheme:
		if a.Unique && b.Unique && a.Distinct && b.Distinct {
			return isolated("one is " + a.String() + ", the other " + b.String())
		}
		return s.assumed(o, "one is "+a.String()+", the other "+b.String()+"; that does not prove two networks")
	case !a.meets(b):
		if a.Distinct && b.Distinct {
			return isolated("one is " + a.String() + ", the other " + b.String())
		}
		return s.assumed(o, "one is "+a.String()+", the other "+b.String()+"; two names may mean one network")
	case !seal.SameFold(a.ID, b.ID):
		return s.assumed(o, "one is "+a.String()+", the other "+b.String()+"; they have one in common")
	case a.Unique && b.Unique:
		return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + a.String()}
	case a.Scope != "" && b.Scope != "":
		if seal.SameFold(a.Scope, b.Scope) {
			return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + a.String() + " of " + a.Scope}
		}
		return isolated(fmt.Sprintf("%s is one of %s and one of %s", a, a.Scope, b.Scope))
	default:
		return s.assumed(o, "both are "+a.String()+", though of which installation is not told")
	}
}

// Hides is the value that hides which segment s is in, a variable, and HidesIn the
// property that it stands in; empty where nothing does. Of several that s may be, it is
// the first one's.
func (s *Subnet) Hides() string   { return s.hiding().Hidden }
func (s *Subnet) HidesIn() string { return s.hiding().HiddenKey }

func (s *Subnet) hiding() Identity {
	one := s.HidingOne()
	if one == nil {
		return Identity{}
	}
	id := one.Identity
	if id.Hidden == "" {
		id.Hidden, id.HiddenKey = one.Perhaps.Hidden, one.Perhaps.HiddenKey
	}
	return id
}

// HidingOne is the subnet of which the segment hides: s itself, or the first one that it
// may be; nil where nothing hides.
func (s *Subnet) HidingOne() *Subnet {
	if s == nil {
		return nil
	}
	for _, among := range s.Among {
		if one := among.HidingOne(); one != nil {
			return one
		}
	}
	if s.Segment != "" || s.Identity.Hidden == "" && s.Perhaps.Hidden == "" { // or the fleet file tells
		return nil
	}
	return s
}

// mayBeApart reports whether there are values for what hides that prove the two to be
// two segments: then those of two networks that nobody else has do.
func (s *Subnet) mayBeApart(o *Subnet) bool {
	one, other := *s, *o
	one.Identity, other.Identity = s.Identity.as("\x00one"), o.Identity.as("\x00other")
	return one.contactByID(&other).Relation == Isolated
}

// as is the identity with a name in the place of what hides that nobody else has.
func (i Identity) as(name string) Identity {
	switch {
	case i.Hidden == "":
		return i
	case (i.HiddenKey == allProperties || i.HiddenKey == zoneCPI || i.HiddenKey == wholeCPI) && i.Cloud == "":
		return Identity{Cloud: name, Closed: true, Scheme: name, ID: name, Distinct: true, Unique: true}
	case i.ID != "":
		i.Scope = name
	default:
		i.ID = name
		if c := cloudOfScheme(i.Scheme); c != nil && i.Cloud == "" {
			i.Cloud, i.Closed = c.Name, c.Closed
		}
	}
	i.Hidden = ""
	return i
}

// meets reports whether two ids of one scheme have a value in common. Most are
// one value.
func (i Identity) meets(o Identity) bool {
	others := strings.Split(o.ID, listSeparator)
	return slices.ContainsFunc(strings.Split(i.ID, listSeparator), func(value string) bool {
		return slices.ContainsFunc(others, func(other string) bool { return seal.SameFold(value, other) })
	})
}

// inCloud names the subnet by its id, or by its cloud where that is all there is.
func (s *Subnet) inCloud() string {
	if s.Identity.ID != "" {
		return s.Identity.String()
	}
	return "a network of " + s.Identity.Cloud
}

// hiddenNames says which names nobody can compare.
func hiddenNames(s, o *Subnet) string {
	var words []string
	for _, subnet := range []*Subnet{s, o} {
		switch id := subnet.Identity; {
		case subnet.Unread():
			words = append(words, "a network of director "+subnet.Director+" could not be read")
		case id.Hidden == seal.LeftOut:
			words = append(words, fmt.Sprintf("the %s of %s was left out where it was told", id.HiddenKey, subnet.Label()))
		case id.Hidden != "":
			words = append(words, fmt.Sprintf("the %s of %s is the variable %s, which has no value here", id.HiddenKey, subnet.Label(), id.Hidden))
		}
	}
	return strings.Join(words, ", and ")
}

// assumed is the contact of two that nothing proves to be apart. One network of
// one director is itself, whichever of its versions two subnets are of.
func (s *Subnet) assumed(o *Subnet, reason string) Contact {
	if s.Network != "" && s.Director == o.Director && s.Deployment == o.Deployment && s.Network == o.Network && s.Range == o.Range {
		return Contact{Relation: Same, Segment: s.segmentName(), Reason: "both are " + s.current().Label()}
	}
	name := s.Segment
	if name == "" {
		name = o.Segment
	}
	if name == "" {
		name = s.segmentName()
	}
	return Contact{Relation: Assumed, Segment: name, Reason: reason}
}

// current is the subnet without a word about its version.
func (s *Subnet) current() *Subnet {
	now := *s
	now.Past = ""
	return &now
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
