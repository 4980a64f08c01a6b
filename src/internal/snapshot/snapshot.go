// Package snapshot keeps what a director said about its addresses in a file.
//
//	texts of manifests and configs ──Keep──▶ reduced nodes ─┐
//	addresses of VMs ───────────────────────────────────────┴▶ Snapshot ──Write──▶ file ──Read──▶ documents with places
//
// Manifests and configs hold secrets. Nothing of them reaches the file but what
// an allow-list names (keep.go): networks, availability zones, which group is on
// which network and how often, and properties that hold virtual addresses. A
// value in the place of an address stays only if it is one, a value in the place
// of a count only if it is a small number; what is no such thing becomes
// LeftOut. Names stay as they are: they are what findings call things by.
//
// The file is JSON with a line for each thing that fits on one, so that places in
// it mean something and a difference shows what has changed. It is the same for
// the same answers, whatever order they came in. Its head tells what a reader
// must know before it reads on: when it was made, which addresses it covers, and
// checksums of the rest and of itself. Whoever has no use for these addresses need not read on; a
// file that was cut off, merged or damaged is found out all the same.
package snapshot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Version is the version of the file's form. Read refuses others.
const Version = 1

// Snapshot is what one director said about itself.
type Snapshot struct {
	Head
	// CloudConfigs are the latest of each name and team, and those that
	// deployments are pinned to; sorted by name, team and id.
	CloudConfigs []Config
	// RuntimeConfigs are the latest ones that name virtual addresses.
	RuntimeConfigs []Config
	// Deployments are sorted by name.
	Deployments []Deployment
	// CreateEnvs are manifests of bosh create-env, by name: no director knows them, but
	// who tells what a director has tells of the machines beside it.
	CreateEnvs []Content
	// Settings are what no director says of itself.
	Settings Settings
	// Orphans are VMs that belong to no instance any more and still hold their
	// addresses.
	Orphans []VM
}

// Head is what a snapshot says before all else.
type Head struct {
	// Collected is when the director was asked, in UTC, to the second.
	Collected time.Time
	Director  Identity
	// Unseen says what the director did not show: one clause each, sorted.
	Unseen []string
	// Kept is what was looked for beside what always is.
	Kept Kept
	// Covers holds every address that the snapshot may claim; nil if some are
	// behind variables, so that it may be any.
	Covers *netipx.IPSet
	// Uses are those of them that somebody has or may get, with the addresses of
	// gateways and resolvers: what is reserved is no part of it. Nil where that is not
	// known, of snapshots that do not tell all, and of older ones.
	Uses *netipx.IPSet
	// Routers are the ids of virtual routers (VRRP) that it tells, which count in a whole
	// segment, whatever its addresses; Unplaced those of which nobody knows for certain in
	// which subnet they are. Segments are the names in cloud_properties of the subnets,
	// given where there are routers. All are known where Uses is.
	Routers, Unplaced []int
	Segments          []string
	// Deployed counts the deployments.
	Deployed int
	// Sealed says that checksums vouch for the head and for all that stands behind it.
	// A snapshot without one of them, as older ones are, must be read to its end:
	// nobody knows whether its head fits the rest.
	Sealed bool
}

// Settings are what a fleet file says of a director.
type Settings struct {
	// Own are the addresses of the machine that the director runs on.
	Own []Address
	// AnswersAt and Proxies are the addresses in the URLs of the director and of the
	// proxy on the way to it.
	AnswersAt, Proxies                                    []Address
	IgnoreMissingGateway, ManagedNetworks, NoConfigServer bool
	// External are addresses that somebody outside of all directors holds, by the fleet
	// file that the director stands in.
	External []External
	// Bookings are those of pools that the file has itself.
	Bookings []Booking
	// With are the directors that the file tells all of this with; empty: it has no other.
	With []string
	// VIPs are what that file says of virtual addresses; nil where nobody told, as in what
	// collect writes: then Head.Kept says what was looked for.
	VIPs *VIPProperties
	// Files say that what a team's files promise stands beside what the director said, of
	// which they were no part; nil: they do not.
	Files *Files
}

// Files are those of a team beside what a server collected of the director itself.
type Files struct {
	// By is who pushed them.
	By string
	// Kept is what was looked for in them.
	Kept Kept
}

// External is addresses that somebody outside of all directors holds.
type External struct {
	Owner string
	// Segment is the one that they are in; empty: any.
	Segment string
	// Addresses are single ones, blocks or ranges.
	Addresses []Address
	// At is where the snapshot's file has them.
	At place.Place
}

// VIPProperties are the job properties that a fleet file adds to those that hold virtual
// addresses, and those that hold none though their names say so.
type VIPProperties struct {
	Add, Ignore []bosh.Pattern
}

// Identity is how a director answers the question who it is (GET /info).
type Identity struct {
	Name    string `json:"name"`
	UUID    string `json:"uuid"`
	Version string `json:"version"`
	CPI     string `json:"cpi"`
}

// Config is one version of one config.
type Config struct {
	ID   string
	Name string
	// Team is empty for a config that all deployments get.
	Team string
	// Latest tells the version that the next deploy gets from those that only
	// running deployments have.
	Latest  bool
	Content Content
}

// Content is a manifest or a config, reduced.
type Content struct {
	node *yaml.Node
	// Document is the content with places in the snapshot's file; nil in a
	// snapshot that was not read from one, and where there is no content.
	Document *source.Document
	// Unreadable says why there is no content though the director has one.
	Unreadable string
}

// Empty reports whether there is neither content nor a reason for its absence: a
// deployment that never succeeded has no manifest.
func (c Content) Empty() bool { return c.node == nil && c.Unreadable == "" }

// Size is about how many bytes of memory the content takes.
func (c Content) Size() int { return len(c.Unreadable) + sizeOf(c.node) }

func sizeOf(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	size := 200 + len(n.Value)
	for _, c := range n.Content {
		size += sizeOf(c)
	}
	return size
}

// Deployment is one deployment of the director.
type Deployment struct {
	Name  string
	Teams []string
	// Pinned are the ids of the cloud-configs of its last successful deploy,
	// sorted; nil means the latest ones of its teams.
	Pinned []string
	// Manifest is of the last successful deploy.
	Manifest Content
	// VMs are its instances, also those that have no VM.
	VMs []VM
	// Locked says that a task worked on it while it was asked: what it says may be
	// half of what was, and half of what will be.
	Locked bool
	// Promise says whether the manifest is what files promise, where the snapshot says
	// whose they are (Settings.Files).
	Promise Promise
	// At is where the snapshot's file names the deployment.
	At place.Place
}

// Promise is what of a deployment is of a team's files.
type Promise string

// Nothing, the manifest, or the deployment, which the director does not have.
const (
	NoPromise        Promise = ""
	PromisedManifest Promise = "manifest"
	PromisedWholly   Promise = "all"
)

// NotShown says what the director does not show of the deployment, "" if it shows
// all. It plans instances and reserves their addresses before it makes VMs: of a
// deploy that failed it shows the instances without addresses.
func (d *Deployment) NotShown() string {
	switch {
	case d.Locked:
		return fmt.Sprintf("all of deployment %s, on which a task worked while it was asked", d.Name)
	case d.NeverSucceeded():
		return fmt.Sprintf("what deployment %s holds, of which no deploy ever succeeded", d.Name)
	}
	return ""
}

// NeverSucceeded reports whether no deploy of the deployment ever succeeded.
func (d *Deployment) NeverSucceeded() bool {
	return d.Manifest.Empty() && d.Manifest.Document == nil
}

// HidesOrphans reports whether orphaned VMs are not shown, which hold their addresses
// still: the scope bosh.read does not show them (director:
// lib/bosh/director/api/controllers/orphaned_vms_controller.rb).
func (h *Head) HidesOrphans() bool {
	return slices.ContainsFunc(h.Unseen, func(clause string) bool { return strings.HasPrefix(clause, "orphaned VMs") })
}

// NotShown is everything that the director does not show.
func (s *Snapshot) NotShown() []string {
	list := slices.Clone(s.Unseen)
	for i := range s.Deployments {
		if text := s.Deployments[i].NotShown(); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// Untold is the index of an instance of which nobody told it.
const Untold = -1

// VM is one machine and the addresses that it was granted.
type VM struct {
	// Deployment is given for orphans alone.
	Deployment string
	Group      string
	// ID is the instance's id.
	ID string
	AZ string
	// Index is the instance's index in its group, from 0; Untold where nobody told
	// it: in snapshots of earlier versions, and of orphans.
	Index int
	// Absent says that the instance has no VM. It may hold addresses that the
	// director does not show, and is expected to have a VM if Expected is set.
	Absent, Expected bool
	// Addresses are as the director prints them: a single one, or a block with
	// its length.
	Addresses []Address
	// Inactive marks a VM that waits to be swapped in, or out.
	Inactive bool
	// At is where the snapshot's file has the VM.
	At place.Place
}

// Instance names it in a deployment: by its index where the director told it.
func (vm *VM) Instance(deployment string) string {
	name := deployment
	if vm.Group != "" {
		name += "/" + vm.Group
	}
	if vm.Index != Untold {
		name += "/" + strconv.Itoa(vm.Index)
	}
	return name
}

// Address is one address or block that was granted.
type Address struct {
	Text string
	bosh.Block
}
