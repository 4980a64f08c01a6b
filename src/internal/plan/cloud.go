package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/seal"
)

// Cloud is what an IaaS says about segments and addresses: by which
// cloud_properties its CPI names a subnet's segment, what that proves, and which
// addresses it keeps for itself. Clouds is the one table; docs/segments.md is
// made of it.
type Cloud struct {
	Name string
	// CPIs are parts of the names of its CPI jobs, in lower case: "aws_cpi" has
	// "aws" in it.
	CPIs []string
	// Closed says that the cloud makes its networks itself: no machine of
	// another cloud is in their broadcast domains.
	Closed bool
	// OwnHost says that each director has a host of its own for its VMs, and networks that
	// end there.
	OwnHost bool
	// Names are the properties that name a segment; the first that is there
	// decides.
	Names []SegmentName
	// Source is where the properties are documented.
	Source string
	// Keeps are the addresses that the cloud keeps of each of its subnets.
	Keeps Keeps
}

// SegmentName is a property that names the segment of a subnet.
type SegmentName struct {
	// Scheme is the kind of name in words, such as "aws subnet".
	Scheme string
	// Key is the property's path in cloud_properties. Its value may be a list.
	Key string
	// Also are properties that belong to the name.
	Also []string
	// Beside are properties of the cloud that say nothing of the segment, though another
	// cloud names its own by them.
	Beside []string
	// Scope is the property that tells what the name is unique in.
	Scope string
	// Form is that of a name that proves something; Freely: any does.
	Form seal.Form
	// Default is the name where the property is not there.
	Default string
	// Telling says that the property tells the cloud: no other CPI has it.
	Telling bool
	// Distinct: two different names are two segments for certain.
	Distinct bool
	// Unique: no two segments of the world have the same name.
	Unique bool
}

// Keeps are the addresses that a cloud keeps for itself in each of its subnets,
// which a range of BOSH may be a part of.
type Keeps struct {
	// First and Last count addresses at both ends of the subnet, its own address
	// and the last one included; 0: the cloud documents none.
	First, Last int
	// IPv6 says that the same holds for IPv6.
	IPv6   bool
	Source string
	// Blocks4 and Blocks6 are the lengths of the blocks that a VM can get in place
	// of single addresses; 0: nothing is documented.
	Blocks4, Blocks6 int
	BlocksSource     string
}

// portGroup is a network that is known by its name alone. What the name is
// unique in (a datacenter, a zone, a host) is not told.
var portGroup = []SegmentName{{Scheme: "network", Key: "name"}}

// networkID is the id that oVirt and Photon give a network. Two of them may be
// on one VLAN.
var networkID = []SegmentName{{Scheme: "network", Key: "network_id", Form: seal.UUID, Unique: true}}

var clouds = []Cloud{
	{
		Name: "AWS", CPIs: []string{"aws"}, Closed: true, Source: "https://bosh.io/docs/aws-cpi/#networks",
		Names: []SegmentName{{Scheme: "aws subnet", Key: "subnet", Form: seal.AWSSubnet, Telling: true, Distinct: true, Unique: true}},
		Keeps: Keeps{First: 4, Last: 1, IPv6: true, Source: "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
			Blocks4: 28, Blocks6: 80, BlocksSource: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-prefix-eni.html"},
	},
	{
		Name: "Azure", CPIs: []string{"azure"}, Closed: true, Source: "https://bosh.io/docs/azure-cpi/#networks",
		Names: []SegmentName{{Scheme: "azure virtual network", Key: "virtual_network_name", Scope: "resource_group_name", Telling: true, Distinct: true}},
		Keeps: Keeps{First: 4, Last: 1, Source: "https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq"},
	},
	{
		Name: "GCP", CPIs: []string{"google", "gcp"}, Closed: true, Source: "https://bosh.io/docs/google-cpi/#networks",
		Names: []SegmentName{{
			Scheme: "gcp network", Key: "network_name", Scope: "xpn_host_project_id", Default: "default", Telling: true, Distinct: true,
		}},
		Keeps: Keeps{First: 2, Last: 2, Source: "https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet"},
	},
	{
		Name: "Alicloud", CPIs: []string{"alicloud", "aliyun"}, Closed: true, Source: "https://bosh.io/docs/alicloud-cpi/#networks",
		Names: []SegmentName{{Scheme: "alicloud vswitch", Key: "vswitch_id", Form: seal.VSwitch, Telling: true, Distinct: true, Unique: true}},
	},
	{
		Name: "OCI", CPIs: []string{"oracle", "oci"}, Closed: true, Source: "https://github.com/oracle/bosh-oracle-cpi-release",
		Names: []SegmentName{{Scheme: "oci vcn", Key: "vcn", Beside: []string{"subnet"}, Telling: true, Distinct: true}},
	},
	{
		Name: "OpenStack", CPIs: []string{"openstack"}, Source: "https://bosh.io/docs/openstack-cpi/#networks",
		Names: []SegmentName{{Scheme: "openstack network", Key: "net_id", Form: seal.UUID, Telling: true, Distinct: true, Unique: true}},
	},
	{
		Name: "SoftLayer", CPIs: []string{"softlayer", "ibmcloud"}, Source: "https://bosh.io/docs/softlayer-cpi/#networks",
		Names: []SegmentName{
			{Scheme: "softlayer vlan", Key: "vlan_ids", Telling: true, Distinct: true},
			{Scheme: "softlayer vlan", Key: "PrimaryBackendNetworkComponent.NetworkVlan.Id", Telling: true, Distinct: true},
			{Scheme: "softlayer vlan", Key: "PrimaryNetworkComponent.NetworkVlan.Id", Telling: true, Distinct: true},
		},
	},
	{Name: "vSphere", CPIs: []string{"vsphere"}, Source: "https://bosh.io/docs/vsphere-cpi/#networks", Names: portGroup},
	{Name: "vCloud", CPIs: []string{"vcloud"}, Source: "https://bosh.io/docs/vcloud-cpi/#networks", Names: portGroup},
	{Name: "CloudStack", CPIs: []string{"cloudstack"}, Source: "https://github.com/cloudfoundry-community/bosh-cloudstack-cpi-release", Names: portGroup},
	{Name: "Docker", CPIs: []string{"docker"}, Source: "https://bosh.io/docs/docker-cpi/#networks", Names: portGroup},
	{Name: "VirtualBox", CPIs: []string{"virtualbox"}, Source: "https://bosh.io/docs/virtualbox-cpi/#networks", Names: portGroup},
	{
		Name: "Proxmox", CPIs: []string{"proxmox"}, Source: "properties of the Proxmox CPIs in use",
		Names: []SegmentName{{Scheme: "bridge", Key: "bridge", Also: []string{"vlan"}}},
	},
	{Name: "oVirt", CPIs: []string{"ovirt", "rhev"}, Source: "properties of the oVirt CPI in use", Names: networkID},
	{Name: "Photon", CPIs: []string{"photon"}, Source: "https://github.com/vmware-archive/bosh-photon-cpi-release", Names: networkID},
	{Name: "Warden", CPIs: []string{"warden"}, Closed: true, OwnHost: true, Source: "https://bosh.io/docs/warden-cpi/#networks"},
}

// Clouds is the table of what ipguard knows of clouds.
func Clouds() []Cloud { return slices.Clone(clouds) }

// cloudOfCPI finds the cloud by the name of a CPI, as a director tells it and as
// manifests write it; nil if it is none that is known.
func cloudOfCPI(cpi string) *Cloud {
	if isVariable(cpi) {
		return nil
	}
	cpi = strings.ToLower(cpi)
	var found *Cloud
	for i := range clouds {
		if !slices.ContainsFunc(clouds[i].CPIs, func(part string) bool { return strings.Contains(cpi, part) }) {
			continue
		}
		if found != nil {
			return nil // several CPIs: which of them makes the VMs is not told
		}
		found = &clouds[i]
	}
	return found
}

// IdentityProperties are the paths of cloud_properties that IdentityOf reads.
func IdentityProperties() []string {
	var paths []string
	for _, c := range clouds {
		for _, n := range c.Names {
			paths = append(paths, n.Key)
			paths = append(paths, n.Also...)
			if n.Scope != "" {
				paths = append(paths, n.Scope)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// IdentityOf reads the identity out of the scalars of cloud_properties, by their
// dotted paths. cpi is the name of the CPI that gets them, empty where it is not
// known: then the form of the properties tells the cloud.
func IdentityOf(cloudProperties map[string]string, cpi string) Identity {
	told, telling := cloudOfCPI(cpi), tellingClouds(cloudProperties)
	if all := cloudProperties[""]; isVariable(all) {
		return hiddenIn(told, all)
	}
	if key := openKey(cloudProperties); key != "" && (told == nil || namedBy(told, cloudProperties).ID == "") {
		return hiddenIn(told, key)
	}
	switch {
	case len(telling) > 1, told != nil && len(telling) == 1 && telling[0] != told:
		return namedBy(telling[0], cloudProperties).unproven() // for which of the CPIs is not known
	case told != nil && told.contradicts(cloudProperties):
		return IdentityOf(cloudProperties, "").unproven()
	case told != nil:
		id := namedBy(told, cloudProperties)
		if id.Scheme == "" {
			id = told.unnamed()
		}
		id.Cloud, id.Closed = told.Name, told.Closed
		return id
	case len(telling) == 1:
		id := namedBy(telling[0], cloudProperties)
		if namesAnother(telling[0], cloudProperties) {
			return id.unproven()
		}
		if id.tells() {
			id.Cloud, id.Closed = telling[0].Name, telling[0].Closed
		}
		return id
	}
	for i := range clouds {
		if id := namedBy(&clouds[i], cloudProperties); id.Scheme != "" {
			id.Cloud = byNameAlone
			return id
		}
	}
	return Identity{}
}

// contradicts reports whether the properties are not those of the cloud: nothing names a
// segment as it does, and something as another one. Then a wrong CPI was told.
func (c *Cloud) contradicts(properties map[string]string) bool {
	names := func(n SegmentName) bool { return len(n.values(properties)) > 0 }
	return c.Closed && len(c.Names) > 0 && !slices.ContainsFunc(c.Names, names) && namesAnother(c, properties)
}

// onOwnHosts reports whether two subnets are of two directors of a cloud in which each
// has a host of its own.
func onOwnHosts(s, o *Subnet) bool {
	return s.Identity.Cloud != "" && s.Identity.Cloud == o.Identity.Cloud && s.Director != o.Director && s.Deployment == "" && o.Deployment == "" &&
		slices.ContainsFunc(clouds, func(c Cloud) bool { return c.OwnHost && c.Name == s.Identity.Cloud })
}

// openKey is a key that is a variable, and so may be the one that names the segment;
// empty if there is none.
func openKey(properties map[string]string) string {
	found := ""
	for path := range properties {
		if key, _, _ := strings.Cut(path, "."); isVariable(key) && (found == "" || key < found) {
			found = key
		}
	}
	return found
}

// allProperties stands for all properties together.
const allProperties = "cloud_properties"

// zoneCPI stands for the CPI that an availability zone names.
const zoneCPI = "CPI of an availability zone"

// OfHiddenZone is the identity of a subnet whose zone hides, and so which cloud it is in.
func OfHiddenZone(variable string) Identity { return Identity{Hidden: variable, HiddenKey: zoneCPI} }

// wholeCPI stands for the CPI that a director, or create-env, makes all its VMs with.
const wholeCPI = "CPI"

// OfHiddenCPI is the identity of a subnet that nothing tells apart but its cloud, where the
// CPI hides.
func OfHiddenCPI(variable string) Identity { return Identity{Hidden: variable, HiddenKey: wholeCPI} }

// notRead stands in the place of what hides, where it could not be read at all.
const notRead = "not read"

// IdentityOfUnread is the identity of a subnet of which the source could not be read.
func IdentityOfUnread() Identity { return Identity{Hidden: notRead, HiddenKey: allProperties} }

// Unread reports whether the source of the subnet could not be read.
func (s *Subnet) Unread() bool { return s.Identity.Hidden == notRead }

// hiddenIn is the identity of a subnet all of whose properties hide, in a cloud if that
// is known.
func hiddenIn(c *Cloud, variable string) Identity {
	id := Identity{Hidden: variable, HiddenKey: allProperties}
	if c != nil {
		id.Cloud, id.Closed = c.Name, c.Closed
		if len(c.Names) > 0 {
			id.Scheme, id.Distinct, id.Unique = c.Names[0].Scheme, c.Names[0].Distinct, c.Names[0].Unique
		}
	}
	return id
}

// cloudOfScheme is the one cloud that has names of that kind; nil if several do.
func cloudOfScheme(scheme string) *Cloud {
	var found *Cloud
	for i := range clouds {
		if slices.ContainsFunc(clouds[i].Names, func(n SegmentName) bool { return n.Scheme == scheme && n.Telling }) {
			found = &clouds[i]
		}
	}
	return found
}

// byNameAlone stands for the clouds that know a network by a name that several
// CPIs use: none of those that are closed.
const byNameAlone = "a cloud that names its networks"

// tellingClouds are those that have a property that no other CPI has.
func tellingClouds(properties map[string]string) []*Cloud {
	var list []*Cloud
	for i := range clouds {
		for _, n := range clouds[i].Names {
			if n.Telling && len(n.values(properties)) > 0 {
				list = append(list, &clouds[i])
				break
			}
		}
	}
	if len(list) < 2 {
		return list
	}
	var beside []string
	for _, c := range list {
		for _, n := range c.Names {
			beside = append(beside, n.Beside...)
		}
	}
	return slices.DeleteFunc(list, func(c *Cloud) bool { return len(c.Names) == 1 && slices.Contains(beside, c.Names[0].Key) })
}

// namesAnother reports whether a property is there by which other clouds than c name
// segments: then the properties are not of one cloud alone.
func namesAnother(c *Cloud, properties map[string]string) bool {
	own := func(key string) bool {
		return slices.ContainsFunc(c.Names, func(n SegmentName) bool { return n.Key == key || slices.Contains(n.Beside, key) })
	}
	for i := range clouds {
		for _, n := range clouds[i].Names {
			if !own(n.Key) && len(n.values(properties)) > 0 {
				return true
			}
		}
	}
	return false
}

// values are those of the property, be it a scalar or a list, without those that
// are empty.
func (n SegmentName) values(properties map[string]string) []string {
	list := []string{properties[n.Key]}
	for i := 0; ; i++ {
		value, ok := properties[n.Key+"."+strconv.Itoa(i)]
		if !ok {
			break
		}
		list = append(list, value)
	}
	return slices.DeleteFunc(list, func(v string) bool { return v == "" })
}

// namedBy reads the name of the segment as a cloud's CPI does.
func namedBy(c *Cloud, properties map[string]string) Identity {
	for _, n := range c.Names {
		values := n.values(properties)
		if len(values) == 0 {
			continue
		}
		for _, key := range n.Also {
			if value := properties[key]; value != "" {
				values[0] += " " + key + " " + value
			}
		}
		id := Identity{Scheme: n.Scheme, Key: n.Key, Distinct: n.Distinct, Unique: n.Unique}
		if i := slices.IndexFunc(values, isVariable); i >= 0 {
			id.Hidden, id.HiddenKey = values[i], n.Key
			return id
		}
		slices.SortFunc(values, func(a, b string) int {
			return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
		})
		id.ID = strings.Join(slices.CompactFunc(values, strings.EqualFold), listSeparator)
		if n.Form != seal.Freely && seal.FormOf(id.ID) != n.Form {
			id = id.unproven()
		}
		switch scope := properties[n.Scope]; {
		case n.Scope == "":
		case isVariable(scope):
			id.Hidden, id.HiddenKey = scope, n.Scope
		default:
			id.Scope = scope
		}
		return id
	}
	return Identity{}
}

// unnamed is the identity of a subnet whose properties name nothing: the one that
// the CPI takes then, if there is one.
func (c *Cloud) unnamed() Identity {
	for _, n := range c.Names {
		if n.Default != "" {
			return Identity{Scheme: n.Scheme, Key: n.Key, ID: n.Default, Distinct: n.Distinct, Unique: n.Unique}
		}
	}
	return Identity{}
}

// listSeparator joins the values of a property that is a list.
const listSeparator = ", "

// isVariable reports whether what a text will be, or was, is not known.
func isVariable(text string) bool { return strings.Contains(text, "((") || text == seal.LeftOut }

// unproven is the identity as a mere name.
func (i Identity) unproven() Identity {
	i.Distinct, i.Unique = false, false
	return i
}

// tells reports whether the property tells the cloud: AWS and Oracle name theirs
// by one key, and only an id of AWS is certain to be one.
func (i Identity) tells() bool { return i.Key != "subnet" || i.Distinct && i.Hidden == "" }

// HidesGateway reports whether the gateway of the subnet, which its director hands out to
// nobody, may be one that cannot be seen.
func (s *Subnet) HidesGateway() bool { return s.Incomplete && !s.Gateway.IsValid() }

// KeepsHead reports whether the first addresses of the range are certain to be
// the first ones of the cloud's subnet, which the cloud keeps: its router has the
// second address of that subnet, and the range has the gateway there. Else the
// range may be a part of it.
func (s *Subnet) KeepsHead() bool {
	_, first, _, ok := s.KeptBy()
	return ok && s.Gateway == first.From().Next()
}

// KeptBy returns the cloud that keeps addresses of the subnet, and which: those
// at both ends of its range. ok is false where the cloud is not known or keeps
// none of this family.
func (s *Subnet) KeptBy() (cloud Cloud, first, last netipx.IPRange, ok bool) {
	i := slices.IndexFunc(clouds, func(c Cloud) bool { return c.Name == s.Identity.Cloud })
	if i < 0 || !s.Range.IsValid() || clouds[i].Keeps.First == 0 || s.Range.Addr().Is6() && !clouds[i].Keeps.IPv6 {
		return Cloud{}, netipx.IPRange{}, netipx.IPRange{}, false
	}
	cloud = clouds[i]
	whole := netipx.RangeOfPrefix(s.Range)
	step := func(a netip.Addr, n int, next func(netip.Addr) netip.Addr) netip.Addr {
		for range n - 1 {
			if following := next(a); whole.Contains(following) {
				a = following
			}
		}
		return a
	}
	first = netipx.IPRangeFrom(whole.From(), step(whole.From(), cloud.Keeps.First, netip.Addr.Next))
	last = netipx.IPRangeFrom(step(whole.To(), cloud.Keeps.Last, netip.Addr.Prev), whole.To())
	return cloud, first, last, true
}

// IfCloudKeeps is the subnet as it may be where a variable hides whether its cloud is one
// that keeps addresses: of AWS, which keeps most, and tells itself by the id of its subnet
// alone. It is nil where the cloud is known, or cannot be that one.
func (s *Subnet) IfCloudKeeps() *Subnet {
	id := s.Identity
	if id.Cloud != "" || id.Hidden == "" || id.Hidden == notRead || id.HiddenKey != "subnet" && id.HiddenKey != allProperties {
		return nil
	}
	perhaps := *s
	perhaps.Identity.Cloud = clouds[0].Name
	return &perhaps
}

// OnlyBlocks returns the one length of blocks that the subnet's cloud gives a VM
// in place of single addresses, and where that is documented; 0 where any may do.
func (s *Subnet) OnlyBlocks() (cloud Cloud, length int) {
	i := slices.IndexFunc(clouds, func(c Cloud) bool { return c.Name == s.Identity.Cloud })
	if i < 0 || !s.Range.IsValid() {
		return Cloud{}, 0
	}
	if s.Range.Addr().Is6() {
		return clouds[i], clouds[i].Keeps.Blocks6
	}
	return clouds[i], clouds[i].Keeps.Blocks4
}
