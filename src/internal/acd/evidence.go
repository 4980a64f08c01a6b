package acd

import (
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// HowNeighbour is how a claim was seen that the kernel has learned, and not we.
const HowNeighbour = "neighbour"

// Evidence is one observation that speaks for a second owner.
type Evidence struct {
	// Verdict is Claim or Suspect.
	Verdict Verdict
	// How names the way it was seen: a frame.Kind, "return-path", "neighbour",
	// "split-brain".
	How string
	// Reply says that it was an answer, which a station that answers for every
	// address gives too, if it was asked.
	Reply bool
	// Beside is the station that has the address as well; zero if that is this host.
	Beside frame.MAC
	// MAC is the claimant's; zero if it cannot be known.
	MAC, Source frame.MAC
	// Peer is the host that a claimant's question was for. It believes the claim
	// whatever it was told before (RFC 826). Invalid if there is none.
	Peer netip.Addr
	// Proven says that it needs no second observation.
	Proven bool
}

// Claimant is a station that claimed the address.
type Claimant struct {
	MAC   frame.MAC `json:"mac"`
	How   string    `json:"how"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
}
