// Package acd decides whether an address has a second owner on the wire. It is
// pure: frames and moments go in, verdicts, outcomes and frames to send come
// out. It opens no socket, starts no goroutine and reads no clock.
//
// Judge (judge.go) gives every frame a typed verdict, seen from one interface
// and one address. Four machines are built on it:
//
//   - Round (round.go) probes a set of addresses on one interface once, as RFC
//     5227, 2.1, and RFC 4862, 5.4, do, but on a host that may already have the
//     addresses. It asks control questions at the same time: of somebody who
//     must answer (the gateway), or else silence proves nothing, and for an
//     address that nobody can have, or else an answer proves nothing.
//   - Detector (detector.go) follows one address for as long as the host has it
//     (RFC 5227, 2.4), with states that outlast the silence between two
//     utterances of a rogue.
//   - Holder (holder.go) follows an address that others have, and asks whoever
//     had it and whoever speaks for it before it calls anything a conflict.
//   - ReturnPath (returnpath.go) finds what no station of the segment but the
//     peer can see: the peer sends our packets to somebody else.
//
// An address may move between stations; how long two of them may have it at the
// same time is in overlap.go. Questions to stations are asked by inquiry.go.
package acd

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// Verdict says what one frame means for one address on one interface.
type Verdict uint8

// The verdicts.
const (
	// Malformed breaks the RFC of its own protocol and is not judged further.
	Malformed Verdict = iota + 1
	// OtherVLAN carries a tag: it belongs to another segment of the trunk.
	OtherVLAN
	// Unrelated is not about the address.
	Unrelated
	// Own comes from another interface of this host: two interfaces in one
	// segment, a bond, a VLAN device, a macvlan with a VRRP address.
	Own
	// Echo carries this interface's own MAC or our own nonce, though we did not
	// send it now: a hub, a loop (RFC 7527), or a cloned MAC. It is no conflict
	// of addresses.
	Echo
	// Question asks for the address and claims another: ordinary traffic.
	Question
	// Probe asks for a configured address and claims nothing: a newcomer's
	// probe, a scan, or a switch that tracks its hosts.
	Probe
	// Rival is a probe for an address that we only think of taking (RFC 5227,
	// 2.1.1): somebody else may be about to take it.
	Rival
	// Shared claims the address, and was declared to be allowed to.
	Shared
	// Suspect claims the address, but its Ethernet source is not the station
	// that it speaks for: a load balancer's trick, broken firmware or a forgery.
	Suspect
	// Claim says that another station has the address.
	Claim
)

var verdictNames = [...]string{
	Malformed: "malformed", OtherVLAN: "other-vlan", Unrelated: "unrelated", Own: "own", Echo: "echo",
	Question: "question", Probe: "probe", Rival: "rival", Shared: "shared", Suspect: "suspect", Claim: "claim",
}

// String is the verdict's name in logs and metrics.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) && verdictNames[v] != "" {
		return verdictNames[v]
	}
	return "unknown"
}

// Foreign reports whether the verdict says that another station claims the
// address without being allowed to.
func (v Verdict) Foreign() bool { return v == Suspect || v == Claim }

// Station is the interface from which frames are judged.
type Station struct {
	// MAC is the interface's own.
	MAC frame.MAC
	// Host holds every MAC of this host: of all links, their permanent
	// addresses, and of enslaved ones.
	Host map[frame.MAC]bool
}

// Sharing says which other stations may have an address as well.
type Sharing struct {
	MACs []frame.MAC
	// VRRP allows the virtual router addresses of RFC 9568, 7.3, which CARP and
	// keepalived use too. Such a MAC is never enough by itself: anybody can set
	// it, so the address must be declared.
	VRRP bool
}

// Allows reports whether the station may have the address as well.
func (s Sharing) Allows(m frame.MAC) bool {
	virtual := [5]byte(m[:5])
	isVRRP := virtual == [5]byte{0, 0, 0x5e, 0, 1} || virtual == [5]byte{0, 0, 0x5e, 0, 2}
	return s.VRRP && isVRRP || slices.Contains(s.MACs, m)
}

// Declared reports whether the address may be shared at all.
func (s Sharing) Declared() bool { return s.VRRP || len(s.MACs) > 0 }

// Subject is an address and how it stands to this host.
type Subject struct {
	Address netip.Addr
	// Tentative marks an address that this host does not have yet.
	Tentative bool
	// Moves marks an address that moves between stations, such as that of a
	// cluster: while this host does not have it, one other station may.
	Moves   bool
	Sharing Sharing
}

// Judge says what a frame, or the error of reading it, means for the subject.
// It looks at neighbour messages and ARP only; see JudgePeer for other packets.
func Judge(f frame.Frame, err error, at Station, s Subject) Verdict {
	switch {
	case errors.Is(err, frame.ErrUnsupported):
		return Unrelated
	case err != nil:
		return Malformed
	case f.VLAN != 0:
		return OtherVLAN
	case f.Kind > frame.NeighborAdvertisement:
		return Unrelated
	}
	claimed, claims := f.Claims()
	claims = claims && claimed == s.Address
	switch {
	case !claims && f.Target != s.Address:
		return Unrelated
	case f.Source == at.MAC || f.SenderMAC == at.MAC:
		return Echo
	case at.Host[f.Source] || at.Host[f.SenderMAC]:
		return Own
	case !claims:
		return judgeQuestion(f, s)
	case s.Sharing.Allows(f.SenderMAC):
		return Shared
	case f.Source != f.SenderMAC:
		return Suspect
	}
	return Claim
}

// judgeQuestion tells probes from questions. A probe that one station sends in
// another's name proves nothing about either.
func judgeQuestion(f frame.Frame, s Subject) Verdict {
	switch {
	case !f.IsProbe():
		return Question
	case s.Tentative && f.Destination.IsGroup() && f.Source == f.SenderMAC:
		return Rival
	}
	return Probe
}

// JudgePeer says what any frame means for an address of another host whose MAC
// is known. A director or a gateway sees by it that its own answers would go
// to the wrong station. expected lists the MACs that may have the address.
func JudgePeer(f frame.Frame, err error, at Station, address netip.Addr, expected []frame.MAC) Verdict {
	switch {
	case errors.Is(err, frame.ErrUnsupported):
		return Unrelated
	case err != nil:
		return Malformed
	case f.VLAN != 0:
		return OtherVLAN
	}
	claimed, ok := f.Claims()
	switch {
	case !ok || claimed != address:
		return Unrelated
	case f.Source == at.MAC || f.SenderMAC == at.MAC:
		return Echo
	case at.Host[f.Source] || at.Host[f.SenderMAC]:
		return Own
	case slices.Contains(expected, f.SenderMAC):
		return Shared
	case f.Source != f.SenderMAC:
		return Suspect
	}
	return Claim
}
