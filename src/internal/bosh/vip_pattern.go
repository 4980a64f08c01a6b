package bosh

import (
	"fmt"
	"path"
	"regexp"
	"strings"
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
// part in a path: vips.ip is also the path of ip in "vips: [{ip: …}]".
type Pattern struct {
	job   string   // in lower case; empty: any job
	names []string // in lower case
}

var patternForm = regexp.MustCompile(`^(?:([\w*-]+)/)?([\w*-]+(?:\.[\w*-]+)*)$`)

// ParsePattern reads [JOB/]NAME[.NAME…]. In JOB and in each NAME a * stands for
// any characters; upper and lower case are the same.
func ParsePattern(text string) (Pattern, error) {
	m := patternForm.FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return Pattern{}, fmt.Errorf("%q is no property pattern: it is written [JOB/]NAME[.NAME…], with letters, digits, _, - and *", text)
	}
	return Pattern{job: m[1], names: strings.Split(m[2], ".")}, nil
}

// String is the pattern as ParsePattern reads it.
func (p Pattern) String() string {
	text := strings.Join(p.names, ".")
	if p.job != "" {
		text = p.job + "/" + text
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
		p.Find = append(p.Find, Pattern{names: []string{text}})
	}
	return p
}

// match reports whether a property, given by its path in lower case, of one of
// jobs holds a virtual address.
func (p Patterns) match(jobs, names []string) bool {
	return matchAny(p.Find, jobs, names) && !matchAny(p.Ignore, jobs, names)
}

func matchAny(patterns []Pattern, jobs, names []string) bool {
	for _, p := range patterns {
		if p.match(jobs, names) {
			return true
		}
	}
	return false
}

func (p Pattern) match(jobs, names []string) bool {
	if len(p.names) > len(names) {
		return false
	}
	end := names[len(names)-len(p.names):]
	for i := len(end) - 1; i >= 0; i-- {
		if !matchName(p.names[i], end[i]) {
			return false
		}
	}
	if p.job == "" {
		return true
	}
	for _, job := range jobs {
		if matchName(p.job, strings.ToLower(job)) {
			return true
		}
	}
	return false
}

// matchName matches one name; ParsePattern lets no malformed pattern through.
func matchName(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// mayEndIn reports whether a property of this name (lower case) could match.
func (p Patterns) mayEndIn(name string) bool {
	for _, pattern := range p.Find {
		if matchName(pattern.names[len(pattern.names)-1], name) {
			return true
		}
	}
	return false
}
