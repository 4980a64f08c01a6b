package bosh

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// Patterns say which job properties hold virtual addresses.
type Patterns struct {
	// Find names the properties that hold one.
	Find []Pattern
	// Ignore names exceptions; it wins over Find.
	Ignore []Pattern
}

// Pattern matches the dotted path of a job property from its end: "keepalived.vip"
// matches the properties keepalived.vip and ha.keepalived.vip. Lists have no
// part in a path: vips.ip is also the path of ip in "vips: [{ip: …}]". The zero
// Pattern matches nothing.
type Pattern struct {
	job   wildcard // nil: any job
	names []wildcard
}

// wildcard is a name in which * stands for any characters, in lower case, cut at
// each *. A manifest is searched by thousands of names, and comparing the parts
// is several times as fast as path.Match.
type wildcard []string

func (w wildcard) match(name string) bool {
	last := len(w) - 1
	if last == 0 {
		return name == w[0]
	}
	if !strings.HasPrefix(name, w[0]) {
		return false
	}
	name = name[len(w[0]):]
	for _, part := range w[1:last] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, w[last])
}

func (w wildcard) String() string { return strings.Join(w, "*") }

var patternForm = lazyregexp.New(`^(?:([\w*-]+)/)?([\w*-]+(?:\.[\w*-]+)*)$`)

// ParsePattern reads [JOB/]NAME[.NAME…]. In JOB and in each NAME a * stands for
// any characters; upper and lower case are the same. A property matches that is spelt in
// camel case or with dashes in place of _, and with a number or v4, v6 at its end: virtual_ip
// matches virtualIP, virtual-ip and virtual_ip_2.
func ParsePattern(text string) (Pattern, error) {
	m := patternForm().FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return Pattern{}, fmt.Errorf("%q is no property pattern: it is written [JOB/]NAME[.NAME…], with letters, digits, _, - and *", text)
	}
	var p Pattern
	if m[1] != "" {
		p.job = strings.Split(m[1], "*")
	}
	for _, name := range strings.Split(m[2], ".") {
		p.names = append(p.names, strings.Split(name, "*"))
	}
	return p, nil
}

// String is the pattern as ParsePattern reads it, in lower case.
func (p Pattern) String() string {
	names := make([]string, len(p.names))
	for i, name := range p.names {
		names[i] = name.String()
	}
	text := strings.Join(names, ".")
	if p.job != nil {
		text = p.job.String() + "/" + text
	}
	return text
}

// defaultFind are the properties that hold a virtual address by their name. A
// name that holds one only sometimes belongs here all the same: an overlooked
// one costs days, a wrong one costs a line of ignore in the fleet file.
var defaultFind = []string{
	// keepalived.vip of haproxy-boshrelease and its forks; vip of job keepalived
	// in load-balancer-boshrelease; the same name in releases of one's own.
	"vip",
	"vips",
	// web_vip, pgpool_vip, api-vip: the usual way to name one among several.
	"*_vip",
	"*_vips",
	"*-vip",
	"*-vips",
	// vip_address, vip_ip: the usual way where vip is a prefix of several settings.
	"vip_address",
	"vip_addresses",
	"vip_ip",
	"vip_ips",
	// delegate_IP of pgpool's watchdog (pgpool.conf; delegate_ip since 4.4).
	"delegate_ip",
	// keepalived.conf's block virtual_ipaddress, and what people make of it.
	"virtual_ipaddress",
	"virtual_ipaddresses",
	"virtual_ip_address",
	"virtual_ip",
	"virtual_ips",
	"virtual_address",
	"virtual_addresses",
	// OpenStack's and Pacemaker's word for an address that moves between VMs.
	"floating_ip",
	"floating_ips",
}

// DefaultPatterns are the patterns that count where the fleet file adds none.
// Names of addresses that belong to others (host, address, nats.machines,
// recursors, no_proxy, binding_ip) are left out on purpose: they refer to
// machines that hold their address elsewhere.
func DefaultPatterns() Patterns {
	var p Patterns
	for _, text := range defaultFind {
		p.Find = append(p.Find, Pattern{names: []wildcard{strings.Split(text, "*")}})
	}
	return p
}

// match reports whether a property, given by its path, of one of jobs holds a virtual address,
// whatever the variables in the names are.
func (p Patterns) match(jobs []string, names []propertyName) bool {
	return matchAny(p.Find, jobs, names, false) && !matchAny(p.Ignore, jobs, names, true)
}

// mayMatch reports whether it does where a name that is a variable may be any.
func (p Patterns) mayMatch(jobs []string, names []propertyName) bool {
	return matchAny(p.Find, jobs, names, true) && !matchAny(p.Ignore, jobs, names, false)
}

func matchAny(patterns []Pattern, jobs []string, names []propertyName, open bool) bool {
	for _, p := range patterns {
		if p.match(jobs, names, open) {
			return true
		}
	}
	return false
}

// match compares from the end; open says that a variable matches any name.
func (p Pattern) match(jobs []string, names []propertyName, open bool) bool {
	if len(p.names) == 0 || len(p.names) > len(names) {
		return false
	}
	end := names[len(names)-len(p.names):]
	for i := len(end) - 1; i >= 0; i-- {
		if !end[i].match(p.names[i]) && !(open && end[i].hides()) {
			return false
		}
	}
	if p.job == nil {
		return true
	}
	for _, job := range jobs {
		if p.job.match(strings.ToLower(job)) || open && isHiddenJob(job) {
			return true
		}
	}
	return false
}

// mayEndIn reports whether a property of this name could match.
func (p Patterns) mayEndIn(name string) bool {
	if hasVariable(name) {
		return true
	}
	last := nameOf(name[strings.LastIndexByte(name, '.')+1:]) // of a key with dots
	for _, pattern := range p.Find {
		if n := len(pattern.names); n > 0 && last.match(pattern.names[n-1]) {
			return true
		}
	}
	return false
}
