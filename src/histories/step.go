package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// result is what the director did (result.json).
type result struct {
	History    string
	Step       int
	Deployment string
	Mutation   string
	Accepted   bool
	Code       int    `json:"error_code"`
	Class      string `json:"error_class"`
	Error      string
	Options    struct {
		Recreate bool
		Fails    string `json:"cpi_fails"`
	}
	Addresses []row
	Before    []row `json:"lease_rows_before"`
	Instances []struct {
		Deployment string
		Ignore     bool
	}
}

// row is one of the table ip_addresses.
type row struct {
	Deployment string
	Group      string `json:"instance_group"`
	Index      *int
	AZ         string
	Network    string
	IP         string
	Kind       string
	VM         bool
	Orphaned   bool
	Instance   string `json:"instance_id"`
}

func readResult(step string) (result, error) {
	var r result
	return r, readJSON(filepath.Join(step, "result.json"), &r)
}

func (r result) name() string { return fmt.Sprintf("%s/%02d", r.History, r.Step) }

// classes are what a message of the number 100 stands for: directors give it to
// every exception that is none of their own, and keep the class to themselves.
var classes = []struct{ text, class string }{
	{"undefined method", "NoMethodError"},
	{"address family must be specified", "IPAddr::AddressFamilyError"},
	{"Invalid IP or CIDR format", "IPAddr::InvalidAddressError"},
	{"invalid address:", "IPAddr::InvalidAddressError"},
	{"this is a VIP network", "NetworkReservationVipDefaultProvided"},
	{"Subnet Prefix", "NetworkReservationInvalidPrefix"},
}

func (r result) class() string {
	const other = 100
	if r.Code == other {
		for _, c := range classes {
			if strings.Contains(r.Error, c.text) {
				return c.class
			}
		}
	}
	return strings.TrimPrefix(r.Class, "Bosh::Director::")
}

func (r result) answer() string {
	if r.Accepted {
		return "accepts it"
	}
	return r.class() + " (" + strings.TrimSpace(r.Error) + ")"
}

// words are what the deployment's instances have, as a set for each group and
// zone: which instance gets which dynamic address is random.
func (r result) words() string {
	var list []string
	for _, a := range r.Addresses {
		if a.Deployment == r.Deployment && !a.Orphaned {
			list = append(list, word(a.Group, a.AZ, a.IP))
		}
	}
	return joined(list)
}

func (a answer) words() string {
	var list []string
	for _, p := range a.addresses {
		list = append(list, word(p.Group, p.AZ, p.IP))
	}
	return joined(list)
}

// word names an address without its length where it is a single one.
func word(group, az, ip string) string {
	if p, err := netip.ParsePrefix(ip); err == nil {
		ip = p.String()
		if p.IsSingleIP() {
			ip = p.Addr().String()
		}
	} else if a, err := netip.ParseAddr(ip); err == nil {
		ip = a.String()
	}
	return group + "/" + az + "/" + ip
}

func joined(list []string) string {
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

// indexes compares the index of each address that the deployment had before and
// has after.
func (r result) indexes(a answer) (same, all int, differ []string) {
	key := func(ip string) string { return word("", "", ip) }
	before, told := map[string]bool{}, map[string]*int{}
	for _, b := range r.Before {
		if b.Deployment == r.Deployment && b.VM && !b.Orphaned {
			before[key(b.IP)] = true
		}
	}
	for _, p := range a.addresses {
		told[key(p.IP)] = p.Index
	}
	for _, now := range r.Addresses {
		k := key(now.IP)
		if now.Deployment != r.Deployment || now.Orphaned || !before[k] || now.Index == nil {
			continue
		}
		all++
		if got := told[k]; got != nil && *got == *now.Index {
			same++
		} else {
			differ = append(differ, fmt.Sprintf("%s is %s/%d's, not %s", now.IP, now.Group, *now.Index, indexWord(got)))
		}
	}
	return same, all, differ
}

func indexWord(i *int) string {
	if i == nil {
		return "unnamed"
	}
	return fmt.Sprint(*i)
}
