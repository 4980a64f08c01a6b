package link

import (
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// Offsets in an untagged Ethernet frame.
const (
	offSource       = 6
	offARPOperation = 14 + 6
	offARPSenderMAC = 14 + 8
	offARPSender    = 14 + 14
	offARPTarget    = 14 + 24
	offIPv4Source   = 14 + 12
	offIPv6Next     = 14 + 6
	offIPv6Source   = 14 + 8
	offICMPv6Type   = 14 + 40
	offNDTarget     = 14 + 40 + 8

	arpReply       = 2
	icmpv6         = 58
	typeEchoReply6 = 129
	typeNS         = 135
	typeNA         = 136

	lastPacketType = 2       // PACKET_MULTICAST; above are OTHERHOST and OUTGOING
	vlanMask       = 0x0fff  // the VLAN's number, without its priority
	wholeFrame     = 1 << 16 // bytes to hand over: all
	maxProgram     = 4096    // BPF_MAXINSNS
)

// Filter is a program that the kernel runs on every frame of a socket.
type Filter []bpf.Instruction

var accept, drop = bpf.RetConstant{Val: wholeFrame}, bpf.RetConstant{Val: 0}

// ours drops what every filter drops: frames that we sent, that are meant for
// another station (promiscuous mode, another VLAN of the trunk), or whose tag
// was taken off by the kernel and names a VLAN.
var ours = Filter{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: lastPacketType, SkipTrue: 4},
	bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
	bpf.LoadExtension{Num: bpf.ExtVLANTag},
	bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: vlanMask, SkipTrue: 1},
	drop,
}

// Assemble returns the program, its common head included. A program that is too
// long for the kernel becomes one that hands everything over: judging is then
// dearer, never blinder.
func (f Filter) Assemble() ([]bpf.RawInstruction, error) {
	whole := slices.Concat(ours, f)
	if len(whole) > maxProgram {
		whole = slices.Concat(ours, All())
	}
	return bpf.Assemble(whole)
}

// All accepts every frame of the socket's protocol.
func All() Filter { return Filter{accept} }

// Neighbors accepts all neighbour messages and echo replies of an IPv6 socket.
func Neighbors() Filter {
	return Filter{
		bpf.LoadAbsolute{Off: offIPv6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: icmpv6, SkipTrue: 5},
		bpf.LoadAbsolute{Off: offICMPv6Type, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNS, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNA, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: typeEchoReply6, SkipTrue: 1},
		accept,
		drop,
	}
}

// AboutARP accepts ARP that claims one of the addresses or probes for one, and
// the replies of peers.
func AboutARP(addresses, peers []netip.Addr) Filter {
	own := oneOf(lastWords(addresses))
	senders := slices.Concat(Filter{bpf.LoadAbsolute{Off: offARPSender, Size: 4}}, oneOf(lastWords(slices.Concat(addresses, peers))))
	probe := slices.Concat(Filter{bpf.LoadAbsolute{Off: offARPTarget, Size: 4}}, own)
	return slices.Concat(
		Filter{
			bpf.LoadAbsolute{Off: offARPOperation, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: arpReply, SkipFalse: 1},
			bpf.Jump{Skip: uint32(3 + len(own) + len(probe))},
			bpf.LoadAbsolute{Off: offARPSender, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
			bpf.Jump{Skip: uint32(len(own))},
		},
		own, probe, senders,
	)
}

// AboutNeighbors accepts neighbour messages that claim one of the addresses or
// probe for one, and the advertisements of peers. It compares the last 32 bits;
// the rest is for the judge.
func AboutNeighbors(addresses, peers []netip.Addr) Filter {
	target := slices.Concat(Filter{bpf.LoadAbsolute{Off: offNDTarget + 12, Size: 4}}, oneOf(lastWords(slices.Concat(addresses, peers))))
	source := slices.Concat(Filter{bpf.LoadAbsolute{Off: offIPv6Source + 12, Size: 4}}, oneOf(lastWords(addresses)))
	return slices.Concat(Filter{
		bpf.LoadAbsolute{Off: offIPv6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: icmpv6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: offICMPv6Type, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNA, SkipTrue: 4}, // to the jump to target
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNS, SkipTrue: 1},
		drop,
		bpf.LoadAbsolute{Off: offIPv6Source, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1}, // to source
		bpf.Jump{Skip: uint32(len(source))},
	}, source, target)
}

// oneOf accepts a frame whose loaded word is one of the sorted words. It is a
// binary search: the kernel compares log2(n) times.
func oneOf(words []uint32) Filter {
	return search(words, func(uint32) Filter { return Filter{accept} })
}

// search finds the loaded word among the sorted ones and runs what then returns
// for it; other frames are dropped.
func search(words []uint32, then func(uint32) Filter) Filter {
	switch len(words) {
	case 0:
		return Filter{drop}
	case 1:
		found := then(words[0])
		return slices.Concat(Filter{
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: words[0], SkipTrue: 1},
			drop,
		}, found)
	}
	half := len(words) / 2
	low, high := search(words[:half], then), search(words[half:], then)
	return slices.Concat(Filter{
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: words[half], SkipFalse: 1},
		bpf.Jump{Skip: uint32(len(low))},
	}, low, high)
}

// lastWords returns the last 32 bits of each address, sorted, each once.
func lastWords(addresses []netip.Addr) []uint32 {
	var words []uint32
	for _, a := range addresses {
		words = append(words, lastWord(a))
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func lastWord(a netip.Addr) uint32 {
	b := a.As16()
	return uint32(b[12])<<24 | uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15])
}

// ForeignARP accepts ARP that claims an address of the inventory for another
// station than the inventory names.
func ForeignARP(inventory map[netip.Addr][]frame.MAC) Filter {
	return foreign(inventory, netip.Addr.Is4, offARPSender, offARPSenderMAC)
}

// ForeignIPv4 accepts IPv4 packets whose source address is in the inventory and
// whose Ethernet source is another station than it names.
func ForeignIPv4(inventory map[netip.Addr][]frame.MAC) Filter {
	return foreign(inventory, netip.Addr.Is4, offIPv4Source, offSource)
}

// ForeignIPv6 does the same for IPv6, by the last 32 bits of the address; the rest
// is for the judge. Neighbour messages of the inventory's addresses pass, whoever
// sends them: the station that they name is an option.
func ForeignIPv6(inventory map[netip.Addr][]frame.MAC) Filter {
	var six []netip.Addr
	for a := range inventory {
		if a.Is6() {
			six = append(six, a)
		}
	}
	neighbours := AboutNeighbors(six, nil)
	return slices.Concat(Filter{
		bpf.LoadAbsolute{Off: offIPv6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: icmpv6, SkipTrue: 3}, // to the jump
		bpf.LoadAbsolute{Off: offICMPv6Type, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNS, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNA, SkipTrue: 1},
		bpf.Jump{Skip: uint32(len(neighbours))},
	}, neighbours, foreign(inventory, netip.Addr.Is6, offIPv6Source+12, offSource))
}

// foreign accepts what holds an address of the family of the inventory at one
// offset, and at another a station that the inventory does not name for it.
func foreign(inventory map[netip.Addr][]frame.MAC, family func(netip.Addr) bool, address, station uint32) Filter {
	expected := map[uint32][]frame.MAC{}
	for a, macs := range inventory {
		word := lastWord(a)
		switch _, taken := expected[word]; {
		case taken && family(a):
			expected[word] = nil // two addresses with one word: all stations pass
		case family(a):
			expected[word] = macs
		}
	}
	words := slices.Sorted(maps.Keys(expected))
	check := func(word uint32) (f Filter) {
		for _, m := range expected[word] {
			f = append(f,
				bpf.LoadAbsolute{Off: station, Size: 4},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3]), SkipTrue: 3},
				bpf.LoadAbsolute{Off: station + 4, Size: 2},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(m[4])<<8 | uint32(m[5]), SkipTrue: 1},
				drop,
			)
		}
		return append(f, accept)
	}
	return slices.Concat(Filter{bpf.LoadAbsolute{Off: address, Size: 4}}, search(words, check))
}

// ARPFrom accepts ARP whose sender address lies in the IPv4 prefix.
func ARPFrom(prefix netip.Prefix) Filter {
	mask := uint32(0)
	if prefix.Bits() > 0 {
		mask = ^uint32(0) << (32 - prefix.Bits())
	}
	return Filter{
		bpf.LoadAbsolute{Off: offARPSender, Size: 4},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: lastWord(prefix.Masked().Addr()), SkipTrue: 1},
		drop,
		accept,
	}
}
