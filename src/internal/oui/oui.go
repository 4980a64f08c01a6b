// Package oui names who gave a station its link-layer address.
//
// The prefixes that hypervisors and clouds use are built in, because that is
// what a rogue VM carries and a small VM has no list. Manufacturers' names come
// from the IEEE's list where one of Debian's packages has installed it; without
// it a hardware address has no name, which is no error.
package oui

import (
	"bufio"
	"strings"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// builtIn are prefixes in upper case hex. Those with the local bit are customs
// of their makers and not registered.
var builtIn = map[string]string{
	"005056": "VMware", "000C29": "VMware", "000569": "VMware", "001C14": "VMware",
	"00155D": "Microsoft Hyper-V", "0003FF": "Microsoft Virtual PC", "000D3A": "Microsoft Azure", "0017FA": "Microsoft",
	"00163E": "Xen", "080027": "VirtualBox", "0A0027": "VirtualBox host", "001C42": "Parallels",
	"525400": "QEMU/KVM", "FA163E": "OpenStack", "506B8D": "Nutanix", "BC2411": "Proxmox",
	"4201AC": "Google Cloud", "42010A": "Google Cloud", "0242AC": "Docker", "0242": "Docker",
	"00005E0001": "VRRP (IPv4)", "00005E0002": "VRRP (IPv6)", "02BF": "Microsoft NLB",
}

// lists are the files of Debian's packages arp-scan, ieee-data and nmap, in the
// order in which they are looked for. Each line starts with the prefix.
var lists = []string{
	"/usr/share/arp-scan/ieee-oui.txt",
	"/usr/share/ieee-data/oui.txt",
	"/usr/share/nmap/nmap-mac-prefixes",
}

// Vendor returns the name for an address; empty if none is known. Of several
// prefixes the longest counts.
func Vendor(m frame.MAC) string { return vendor(m, lists) }

func vendor(m frame.MAC, files []string) string {
	if m.IsZero() {
		return "" // no station, though the list gives that prefix to Xerox
	}
	digits := strings.ToUpper(strings.ReplaceAll(m.String(), ":", ""))
	for n := len(digits); n >= 4; n-- {
		if name, ok := builtIn[digits[:n]]; ok {
			return name
		}
	}
	if m.IsLocal() || m.IsGroup() {
		return ""
	}
	for _, file := range files {
		if name := lookUp(file, digits[:6]); name != "" {
			return name
		}
	}
	return ""
}

// lookUp reads a list line by line, so that no list is kept in memory.
func lookUp(file, prefix string) string {
	f, _, err := regularfile.Open(file)
	if err != nil {
		return "" // not installed
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if len(line) <= len(prefix) || !strings.EqualFold(line[:len(prefix)], prefix) {
			continue
		}
		return strings.TrimSpace(strings.Replace(line[len(prefix):], "(base 16)", "", 1))
	}
	return ""
}
