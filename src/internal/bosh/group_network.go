package bosh

import (
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// The parts of reading one entry of a group's networks, in the director's order.
const (
	partTypes uint8 = iota
	partStaticIPs
	PartLookup
	PartDynamic
)

// readGroupNetworks reads networks of a group
// (deployment_plan/instance_group_networks_parser.rb).
func (r *manifestReader) readGroupNetworks(v source.Value, g *Group, index int) {
	r.At = Order{Stage: StageManifest, Group: index, Step: StepNetworks}
	if r.m.Form == V1 && r.readPoolNetwork(v, g) {
		return
	}
	items, at, ok := r.list(v, "networks", required)
	g.NetworksHidden = !ok
	if ok && len(items) == 0 {
		r.Add(RuleMissingKey, "JobMissingNetwork", at.Place(), "%s has no network", r.groupWords(g)).WithCure("networks: [{name: NETWORK}]")
	}
	for i, item := range items {
		r.At = Order{Stage: StageManifest, Group: index, Step: StepNetworks, Entry: i}
		if r.isObject(item, "an element of networks") {
			r.readGroupNetwork(item, g)
		} else {
			g.NetworksHidden = true
		}
	}
}

func (r *manifestReader) readGroupNetwork(v source.Value, g *Group) {
	n := &GroupNetwork{At: v.Place(), spec: v}
	r.At.Part = partTypes
	name, nameAt, ok := r.text(v, "name", required)
	if nameAt.Present() {
		n.At = nameAt.Place()
	}
	if ok {
		n.Name = name
		r.hidden(nameAt, "the name of a network of %s", g.Name)
	}
	defaults, defaultsAt, readable := r.list(v, "default", optional)
	g.NetworksHidden = g.NetworksHidden || defaultsAt.Present() && !readable
	for _, d := range defaults {
		if r.hidden(d, "a default of %s", g.Name) {
			g.NetworksHidden = true
			continue
		}
		text := d.Raw()
		if d.Kind() != source.String {
			text = OtherZone // no property has that name
		} else if !slices.Contains(validDefaults, text) {
			text = d.Shown()
		}
		n.Default = append(n.Default, text)
	}
	if !r.Opts.Single() {
		r.readNICGroup(v, n)
	}
	r.At.Part = partStaticIPs
	r.readStaticIPs(v.Field("static_ips"), g, n)
	if ok {
		g.Networks = append(g.Networks, n)
	}
}

func (r *manifestReader) readNICGroup(v source.Value, n *GroupNetwork) {
	text, _, ok := r.text(v, "nic_group", optional)
	if ok {
		number := leadingInt(text) // a word becomes 0
		n.NICGroup = &number
	}
}

// readStaticIPs reads static_ips, one address after the other in the director,
// range by range here. null and false are no list; an empty list is one.
func (r *manifestReader) readStaticIPs(v source.Value, g *Group, n *GroupNetwork) {
	if !v.Present() {
		return
	}
	n.StaticAt = v.Place()
	if v.Kind() == source.Nil || v.Kind() == source.Bool && !v.Bool() {
		return
	}
	n.StaticGiven = true
	what := "static_ips of " + g.Name + " on network " + n.Name
	var v4, v6 ipaddr.Spans
	complete := r.eachEntry(v, what, func(e entry) {
		r.warnEntry(e, what)
		b, ok := e.expanded().block()
		if !ok {
			return
		}
		n.Static = append(n.Static, b)
		seen := &v4
		if b.Range.From().Is6() {
			seen = &v6
		}
		if part, twice := seen.Meets(b.Span()); twice {
			p := r.Add(RuleStaticIPTwice, "JobInvalidStaticIPs", e.at, "%s asks for %s twice on network %q", r.groupWords(g), ipaddr.AddrOf(part.First, b.Range.From().Is6()), n.Name).
				WithCure("remove one of the two")
			p.Range = ipaddr.RangeOf(part, b.Range.From().Is6())
		}
		seen.Add(b.Span())
	})
	n.Incomplete = !complete
}

// expanded is the entry as the director holds its single addresses: by number,
// so that IPv6 below 2^32 becomes IPv4.
func (e entry) expanded() entry {
	if e.first.V6 && e.last.Base.IsV4() && !e.ranged {
		e.first, e.last = ipaddr.ByNumber(e.first.Base), ipaddr.ByNumber(e.last.Base)
	}
	return e
}

// The properties for which one of a group's networks is the default.
var (
	requiredDefaults = []string{"dns", "gateway"}
	validDefaults    = []string{"dns", "gateway", "addressable"}
)

func (r *manifestReader) checkDefaults(g *Group) {
	if g.NetworksHidden {
		return
	}
	for _, n := range g.Networks {
		for _, d := range n.Default {
			if slices.Contains(validDefaults, d) {
				continue
			}
			p := r.Add(RuleNetworkDefaults, "JobNetworkInvalidDefault", n.At, "default of network %q in %s is dns, gateway or addressable, not %q", n.Name, r.groupWords(g), strings.Trim(d, OtherZone))
			if near, ok := spelling.Nearest(d, validDefaults); ok {
				p.WithCure("default: [%s]", near)
			}
		}
	}
	var missing []string
	for _, property := range validDefaults {
		var holders []string
		for _, n := range g.Networks {
			if slices.Contains(n.Default, property) || len(g.Networks) == 1 && property != "addressable" {
				holders = append(holders, n.Name)
			}
		}
		if len(holders) > 1 {
			r.Add(RuleNetworkDefaults, "JobNetworkMultipleDefaults", g.Networks[len(g.Networks)-1].At, "%s has several networks that are the default for %s: %s", r.groupWords(g), property, strings.Join(holders, ", ")).
				WithCure("keep it in one of them")
		}
		if len(holders) == 0 && slices.Contains(requiredDefaults, property) {
			missing = append(missing, property)
		}
	}
	if len(missing) > 0 && len(g.Networks) > 1 {
		r.Add(RuleNetworkDefaults, "JobNetworkMissingDefault", g.Networks[0].At, "%s has %d networks and does not say which is the default for %s", r.groupWords(g), len(g.Networks), strings.Join(missing, " and ")).
			WithCure("default: [%s]", strings.Join(missing, ", "))
	}
}
