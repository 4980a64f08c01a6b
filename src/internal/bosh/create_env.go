package bosh

import (
	"net"
	"net/netip"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// readCreateEnv reads a create-env or bosh-init manifest and makes the checks
// of the bosh CLI (deployment/manifest/parser.go and validator.go,
// deployment/deployer.go). Those have no error classes.
func (r *manifestReader) readCreateEnv() {
	r.At = Order{Stage: StageManifest}
	if name, ok := r.plain(r.doc, "name"); ok && strings.TrimSpace(name) != "" {
		r.m.Name, r.m.NameAt = name, r.doc.Field("name").Place()
	} else if ok {
		r.refuse(r.doc, "the manifest has no name")
	} else if at := r.doc.Field("name"); hides(at) {
		r.m.Name, r.m.NameAt = at.Text(), at.Place()
	}
	r.m.Own = &CloudConfig{}
	networks := r.doc.Field("networks")
	r.m.Own.NetworksHidden = hides(networks)
	for _, item := range r.plainList(r.doc, "networks") {
		if r.hidden(item, "a network of the create-env manifest") {
			r.m.Own.NetworksHidden = true
			continue
		}
		r.readEnvNetwork(item)
	}
	r.checkPools()
	r.readEnvGroups()
	r.readContacts()
	r.readCPIs()
}

// refuse reports what the CLI refuses.
func (r *manifestReader) refuse(v source.Value, format string, args ...any) *Problem {
	return r.Add(RuleCreateEnv, "", v.Place(), format, args...)
}

// plain reads a scalar as yaml.v2 reads a Go string: every scalar is text, null
// and no key are empty. ok is false where it was reported or is hidden.
func (r *manifestReader) plain(parent source.Value, key string) (string, bool) {
	v := parent.Field(key)
	switch {
	case !v.Present() || v.Kind() == source.Nil:
		return "", true
	case !v.IsScalar():
		r.refuse(v, "%s must be a string, not %s", key, v.Kind())
		return "", false
	}
	if r.hidden(v, "%s of the create-env manifest", key) {
		return "", false
	}
	return v.Text(), true
}

func (r *manifestReader) plainList(parent source.Value, key string) []source.Value {
	v := parent.Field(key)
	if !v.Present() || v.Kind() == source.Nil || v.IsList() || v.IsScalar() && r.hidden(v, "%s of the create-env manifest", key) {
		return v.Items()
	}
	p := r.refuse(v, "%s must be a list, not %s", key, v.Kind())
	if v.IsScalar() {
		p.WithCure("%s: [%s]", key, v)
	}
	return nil
}

func (r *manifestReader) readEnvNetwork(v source.Value) {
	n := &Network{At: v.Place(), spec: v}
	name, ok := r.plain(v, "name")
	r.m.Own.NetworksHidden = r.m.Own.NetworksHidden || !ok
	if ok && strings.TrimSpace(name) == "" {
		r.refuse(v, "a network has no name")
	} else if ok {
		n.Name, n.At = name, v.Field("name").Place()
	} else if at := v.Field("name"); hides(at) {
		n.Name = at.Text()
	}
	if _, ok = r.plain(v, "type"); !ok {
		r.m.Own.Networks = append(r.m.Own.Networks, r.readUnknownEnvNetwork(v, n))
		return
	}
	n.Type = networkType(v.Field("type"))
	if n.Type != Manual && n.Type != Dynamic && n.Type != VIP {
		at := v
		if t := v.Field("type"); t.Present() {
			at = t
		}
		r.refuse(at, "the type of network %q must be given: manual, dynamic or vip", n.Name).WithCure("type: manual")
	}
	r.m.Own.Networks = append(r.m.Own.Networks, n)
	subnets := r.plainList(v, "subnets")
	if n.Type != Manual {
		s := newSubnet(v)
		s.CloudProperties = cloudProperties(v)
		n.Subnets = []*Subnet{s}
		return
	}
	if len(subnets) != 1 && !hides(v.Field("subnets")) {
		at := v
		if s := v.Field("subnets"); s.Present() {
			at = s
		}
		r.refuse(at, "network %q has %d subnets; create-env takes exactly one", n.Name, len(subnets))
	}
	n.Hidden = hides(v.Field("subnets"))
	for _, s := range subnets {
		if r.hidden(s, "the subnet of network %s", n.Name) {
			n.Hidden = true
			continue
		}
		n.Subnets = append(n.Subnets, r.readEnvSubnet(s, n))
	}
}

// readUnknownEnvNetwork reads a network of which the type hides: its subnets as if it were a
// manual one. In which segment they are hides with it, since only a manual network says that
// in its subnet.
func (r *manifestReader) readUnknownEnvNetwork(v source.Value, n *Network) *Network {
	n.Type, n.Hidden = "", true
	quiet := &manifestReader{Report: Report{Opts: r.Opts}, doc: r.doc, m: r.m}
	for _, item := range v.Field("subnets").Items() {
		if item.IsMap() {
			n.Subnets = append(n.Subnets, quiet.readEnvSubnet(item, n))
		}
	}
	if len(n.Subnets) == 0 {
		n.Subnets = []*Subnet{newSubnet(v)}
	}
	if kind := v.Field("type"); hides(kind) {
		for _, s := range n.Subnets {
			s.CloudProperties = map[string]string{"": kind.Text()}
		}
	}
	return n
}

func (r *manifestReader) readEnvSubnet(v source.Value, n *Network) *Subnet {
	s := newSubnet(v)
	s.CloudProperties = cloudProperties(v)
	r.readEnvRange(v, n, s)
	r.readEnvGateway(v, n, s)
	for _, item := range r.plainList(v, "dns") {
		if a, err := netip.ParseAddr(item.Raw()); err == nil {
			s.DNS = append(s.DNS, Block{Range: netipx.IPRangeFrom(a, a), At: item.Place()})
		}
	}
	return s
}

func (r *manifestReader) readEnvRange(v source.Value, n *Network, s *Subnet) {
	text, ok := r.plain(v, "range")
	at := v
	if field := v.Field("range"); field.Present() {
		at, s.RangeAt = field, field.Place()
	}
	if !ok {
		s.Incomplete = true
		return
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case strings.TrimSpace(text) == "":
		r.refuse(at, "the subnet of network %q has no range", n.Name)
	case err != nil || prefix.Addr().Zone() != "":
		r.refuse(at, "the range %q of network %q is no CIDR block", at, n.Name).WithCure("write an address and a length, such as 10.0.0.0/24")
	default:
		s.Range = prefix.Masked()
		s.Prefix = s.Range.Addr().BitLen()
		return
	}
	s.Incomplete = true
}

func (r *manifestReader) readEnvGateway(v source.Value, n *Network, s *Subnet) {
	text, ok := r.plain(v, "gateway")
	if !ok {
		return
	}
	at := v
	if field := v.Field("gateway"); field.Present() {
		at, s.GatewayAt = field, field.Place()
	}
	if strings.TrimSpace(text) == "" {
		r.refuse(at, "the subnet of network %q has no gateway", n.Name)
		return
	}
	a, ok := parseGoIP(text)
	if !ok {
		if s.Range.IsValid() {
			r.refuse(at, "the gateway %q of network %q is no address", at, n.Name)
		}
		return
	}
	s.Gateway = a
	if !s.Range.IsValid() {
		return
	}
	switch block := ipaddr.FromPrefix(s.Range); {
	case !s.Range.Contains(a):
		r.refuse(at, "the gateway %s of network %q is outside the range %s", a, n.Name, s.Range)
	case ipaddr.NumberOf(a) == block.Base:
		r.refuse(at, "the gateway %s of network %q is the network's own address", a, n.Name)
	case ipaddr.NumberOf(a) == block.Last():
		r.refuse(at, "the gateway %s of network %q is the broadcast address", a, n.Name)
	}
}

// parseGoIP reads what the CLI's net.ParseIP reads: no ranges, no zone, no
// leading zeros. An IPv4 address in IPv6 clothes is IPv4.
func parseGoIP(s string) (netip.Addr, bool) {
	ip := net.ParseIP(s)
	if ip == nil {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(ip)
	return a.Unmap(), ok
}

// checkPools checks that resource pools name networks.
func (r *manifestReader) checkPools() {
	for _, pool := range r.plainList(r.doc, "resource_pools") {
		if hides(pool) {
			continue // nothing of it is an address
		}
		name, ok := r.plain(pool, "network")
		at := pool
		if field := pool.Field("network"); field.Present() {
			at = field
		}
		switch {
		case !ok:
		case strings.TrimSpace(name) == "":
			r.refuse(at, "a resource pool names no network")
		case r.m.Own.Network(name) == nil && !r.m.Own.NetworksHidden:
			r.refuse(at, "a resource pool names the network %q, which is not defined", name).WithCure("%s", NearestCure(name, r.m.Own.NetworkNames()))
		}
	}
}

// Network returns the network of that name; of several the first.
func (cc *CloudConfig) Network(name string) *Network {
	for _, n := range cc.Networks {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// readContacts reads by which addresses the CLI reaches the new VM.
func (r *manifestReader) readContacts() {
	provider := r.doc.Field("cloud_provider")
	if mbus := provider.Field("mbus"); mbus.Present() {
		r.addContact(mbus.Through(HostOf), HostOf(mbus.Raw()), "cloud_provider.mbus")
	}
	if host := provider.Field("ssh_tunnel").Field("host"); host.Present() {
		r.addContact(host.Place(), host.Raw(), "cloud_provider.ssh_tunnel.host")
	}
}

func (r *manifestReader) addContact(at place.Place, host, property string) {
	if tool := TemplateIn(host); tool != "" {
		r.templates = append(r.templates, Gap{What: property, At: at, Template: tool})
		return
	}
	if name, ok := VariableIn(host); ok {
		r.unresolved = append(r.unresolved, Unresolved{Variable: name, What: property, At: at})
		return
	}
	if a, ok := parseGoIP(host); ok {
		r.m.Contacts = append(r.m.Contacts, PropertyAddress{Range: netipx.IPRangeFrom(a, a), Property: property, At: at})
	}
}

// HostOf cuts the host out of a URL that may hold ((variables)), and so cannot
// be parsed as one.
func HostOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	url, _, _ = strings.Cut(url, "/")
	url = url[strings.LastIndexByte(url, '@')+1:]
	if rest, ok := strings.CutPrefix(url, "["); ok {
		host, _, _ := strings.Cut(rest, "]")
		return host
	}
	if i := strings.LastIndexByte(url, ':'); i >= 0 {
		url = url[:i]
	}
	return url
}
