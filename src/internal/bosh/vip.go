package bosh

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// maxPropertyValues is how many property values of one manifest are looked at,
// aliases expanded; real manifests have some thousands.
const maxPropertyValues = 1_000_000

// FindVIPs finds the virtual addresses in the job properties of a manifest of
// any form, or of a runtime config: of jobs, instance groups, addons and of the
// whole manifest. A matching property may hold an address, an address with a
// mask, several of them in one text, a list, or a map. Addresses that no
// segment carries (loopback, link-local, unspecified, multicast) are no virtual
// addresses, nor is anything that is no address, such as a host name.
//
// A ((variable)) in such a property is an Unresolved. The error, a
// *trouble.Trouble, says that the aliases of the properties stand for more values
// than can be looked at; what was found until then is returned all the same.
func FindVIPs(manifest source.Value, patterns Patterns) ([]PropertyAddress, []Unresolved, error) {
	f := newVIPFinder(patterns)
	var everyJob []string
	for _, key := range []string{"instance_groups", "jobs", "addons"} {
		for _, group := range manifest.Field(key).Items() {
			name := group.Field("name").Text()
			if key == "addons" {
				name = "" // an addon is no instance group
			}
			everyJob = append(everyJob, f.searchGroup(name, group)...)
		}
	}
	f.search(propertyScope{jobs: everyJob}, manifest.Field("properties"))
	return f.found, f.unresolved, f.err
}

// FindCloudConfigVIPs finds the addresses that a cloud-config lets VMs answer
// for beside their own: allowed_address_pairs in the cloud_properties of
// vm_types and vm_extensions (the OpenStack CPI's way to allow VRRP), and of
// the resource_pools of old manifests.
func FindCloudConfigVIPs(cloudConfig source.Value) ([]PropertyAddress, []Unresolved, error) {
	f := newVIPFinder(Patterns{Find: []Pattern{{names: []wildcard{{"allowed_address_pairs"}}}}})
	for _, key := range []string{"vm_types", "vm_extensions", "resource_pools"} {
		for _, kind := range cloudConfig.Field(key).Items() {
			below := []string{key, kind.Field("name").Text(), "cloud_properties"}
			f.search(propertyScope{below: below}, kind.Field("cloud_properties"))
		}
	}
	return f.found, f.unresolved, f.err
}

// propertyScope says whose properties are searched.
type propertyScope struct {
	group string
	job   string   // whose properties they are; empty for those of several
	jobs  []string // all that see the properties
	below []string // what goes before a path in messages
}

type vipFinder struct {
	patterns Patterns
	// endings caches whether some pattern may end in a property's name.
	endings map[string]bool
	// promising caches, for anchored nodes, whether such a name is below: it
	// keeps aliases from being searched once for each way that leads to them.
	promising  map[*yaml.Node]bool
	looked     int
	found      []PropertyAddress
	unresolved []Unresolved
	err        error
}

func newVIPFinder(patterns Patterns) *vipFinder {
	return &vipFinder{patterns: patterns, endings: map[string]bool{}, promising: map[*yaml.Node]bool{}}
}

// searchGroup searches an instance group, a v1 job or an addon, and returns the
// names of its jobs.
func (f *vipFinder) searchGroup(name string, group source.Value) []string {
	jobs := append(group.Field("jobs").Items(), group.Field("templates").Items()...)
	template := group.Field("template") // v1: one name or several
	names := []string{}
	for _, t := range append(template.Items(), template) {
		if t.IsScalar() {
			names = append(names, t.Text())
		}
	}
	for _, job := range jobs {
		jobName := job.Field("name").Text()
		names = append(names, jobName)
		f.search(propertyScope{group: name, job: jobName, jobs: []string{jobName}}, job.Field("properties"))
	}
	scope := propertyScope{group: name, jobs: names}
	if len(names) == 1 {
		scope.job = names[0]
	}
	f.search(scope, group.Field("properties"))
	return names
}

// search looks through properties, if a name in them is worth it.
func (f *vipFinder) search(scope propertyScope, properties source.Value) {
	if n := properties.Node(); n != nil && f.isPromising(n) {
		f.walk(scope, nil, properties)
	}
}

// isPromising reports whether a property below n has a name in which a pattern
// may end. Most manifests have none, and this is cheaper than a walk.
func (f *vipFinder) isPromising(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Anchor == "" {
		return f.hasPromisingChild(n)
	}
	known, ok := f.promising[n]
	if !ok {
		f.promising[n] = false // until it is known, and against aliases in circles
		known = f.hasPromisingChild(n)
		f.promising[n] = known
	}
	return known
}

func (f *vipFinder) hasPromisingChild(n *yaml.Node) bool {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if f.mayEndIn(keyText(child)) {
				return true
			}
		} else if child.Kind != yaml.ScalarNode && f.isPromising(child) {
			return true
		}
	}
	return false
}

func keyText(key *yaml.Node) string {
	if key.Kind == yaml.AliasNode {
		return key.Alias.Value
	}
	return key.Value
}

func (f *vipFinder) mayEndIn(name string) bool {
	known, ok := f.endings[name]
	if !ok {
		known = f.patterns.mayEndIn(strings.ToLower(name))
		f.endings[name] = known
	}
	return known
}

// walk visits v, the property at path, and what is below it.
func (f *vipFinder) walk(scope propertyScope, path []string, v source.Value) {
	if !f.mayLook(v) {
		return
	}
	for _, item := range v.Items() {
		f.walkChild(scope, path, item)
	}
	for key, value := range v.Fields() {
		name := key.Text()
		below := append(path[:len(path):len(path)], name)
		if f.mayEndIn(name) && f.patterns.match(scope.jobs, lowered(below)) {
			f.collect(scope, below, value)
		} else {
			f.walkChild(scope, below, value)
		}
	}
}

func (f *vipFinder) walkChild(scope propertyScope, path []string, v source.Value) {
	n := v.Node()
	if v.IsScalar() || (n.Anchor != "" && !f.isPromising(n)) {
		return
	}
	f.walk(scope, path, v)
}

// mayLook counts a value and reports whether it may still be looked at.
func (f *vipFinder) mayLook(v source.Value) bool {
	f.looked++
	if f.looked > maxPropertyValues && f.err == nil {
		f.err = &trouble.Trouble{At: v.Place(),
			Message: fmt.Sprintf("the aliases of the properties stand for more than %d values; virtual addresses in them may be missed", maxPropertyValues)}
	}
	return f.err == nil
}

// collect takes the addresses of a matching property.
func (f *vipFinder) collect(scope propertyScope, path []string, v source.Value) {
	if !f.mayLook(v) {
		return
	}
	switch {
	case v.IsList():
		for _, item := range v.Items() {
			f.collect(scope, path, item)
		}
	case v.IsMap():
		f.collectMap(scope, path, v)
	default:
		f.collectText(scope, path, v)
	}
}

// collectMap takes from {ip: …, interface: …} what is named an address, and
// from {web: …, db: …} everything.
func (f *vipFinder) collectMap(scope propertyScope, path []string, v source.Value) {
	named := false
	for _, name := range []string{"ip", "ips", "ip_address", "address", "addresses", "cidr"} {
		if field := v.Field(name); field.Present() {
			named = true
			f.collect(scope, append(path[:len(path):len(path)], name), field)
		}
	}
	if named {
		return
	}
	for key, value := range v.Fields() {
		f.collect(scope, append(path[:len(path):len(path)], key.Text()), value)
	}
}

func (f *vipFinder) collectText(scope propertyScope, path []string, v source.Value) {
	property := strings.Join(append(scope.below[:len(scope.below):len(scope.below)], path...), ".")
	for _, variable := range variablesOf(v.Text()) {
		f.unresolved = append(f.unresolved, Unresolved{Variable: variable, What: scope.describe(property), At: v.Place()})
	}
	for _, address := range virtualAddresses(v.Text()) {
		f.found = append(f.found, PropertyAddress{
			Address: address, Property: property, Group: scope.group, Job: scope.job, At: v.Place(),
		})
	}
}

// describe names a property of the scope: "property vip of job keepalived in haproxy".
func (s propertyScope) describe(property string) string {
	what := "property " + property
	if s.job != "" {
		what += " of job " + s.job
	}
	if s.group != "" {
		what += " in " + s.group
	}
	return what
}

func lowered(names []string) []string {
	low := make([]string, len(names))
	for i, n := range names {
		low[i] = strings.ToLower(n)
	}
	return low
}

// variableForm is what the CLI takes for a variable (director/template).
var variableForm = regexp.MustCompile(`\(\( ?!?([-/.\w\pL]+) ?\)\)`)

func variablesOf(text string) []string {
	var names []string
	for _, m := range variableForm.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// virtualAddresses are the addresses of a text: "10.0.0.5", "10.0.0.5/24",
// "10.0.0.5/255.255.255.0", "10.0.0.5, 10.0.0.6", or a line of keepalived.conf,
// "10.0.0.5/24 dev eth0". The first address of a network with its mask
// ("10.0.0.0/24") means the network, which nobody can hold.
func virtualAddresses(text string) []netip.Addr {
	var list []netip.Addr
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	for _, word := range words {
		if addr, ok := wordAddress(word); ok && canBeHeld(addr) {
			list = append(list, addr)
		}
	}
	return list
}

func wordAddress(word string) (netip.Addr, bool) {
	text, mask, masked := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = addr.Unmap().WithZone("")
	if !masked {
		return addr, true
	}
	bits, ok := maskLength(mask)
	if !ok {
		return netip.Addr{}, false
	}
	network, err := addr.Prefix(bits)
	if err != nil || (bits < addr.BitLen()-1 && network.Addr() == addr) {
		return netip.Addr{}, false
	}
	return addr, true
}

// maskLength is the length of a mask written as 24 or as 255.255.255.0.
func maskLength(mask string) (int, bool) {
	if ip := net.ParseIP(mask).To4(); ip != nil {
		ones, bits := net.IPMask(ip).Size()
		return ones, bits != 0
	}
	p, err := netip.ParsePrefix("::/" + mask)
	return p.Bits(), err == nil
}

// reservedV4 is never assigned to a machine (RFC 1112, section 4); netmasks lie in it.
var reservedV4 = netip.MustParsePrefix("240.0.0.0/4")

// canBeHeld reports whether a machine can answer for addr on its segment.
func canBeHeld(addr netip.Addr) bool {
	return !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() &&
		!addr.IsMulticast() && !reservedV4.Contains(addr)
}
