// Package protocol is what the server's API and its clients tell each other about
// bookings: the JSON of /api/v1, and what it is in the ledger.
package protocol

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Paths of the API, below the server's URL.
const Base = "/api/v1"

// LoginPath tells clients how to log in.
const LoginPath = "/login/providers"

// SeenHeader says which records of pools a client was told last, so that a server whose
// database lost them finds out: POOL=HEAD, separated by commas, names as in a query.
const SeenHeader = "Ipguard-Seen"

// Logins are the ways to log in.
type Logins struct {
	Providers []Login `json:"providers"`
}

// Login is a provider of OpenID Connect, and what a client asks it for.
type Login struct {
	Name   string   `json:"name,omitempty"`
	Issuer string   `json:"issuer"`
	Client string   `json:"client"`
	Scopes []string `json:"scopes,omitempty"`
	UAA    bool     `json:"uaa,omitempty"`
}

// Event is one event of an address.
type Event struct {
	At         time.Time  `json:"at" doc:"When it happened"`
	What       string     `json:"what" enum:"held,booked,adopted,renewed,released,expired,freed" doc:"What became of the address"`
	Owner      string     `json:"owner" maxLength:"500" doc:"For whom: director/deployment/instance-group, or a free name"`
	Number     int        `json:"number" minimum:"0" doc:"Tells the addresses of one owner apart, from 0"`
	Team       string     `json:"team,omitempty" maxLength:"500" doc:"Whose quota it counts for"`
	Until      *time.Time `json:"until,omitempty" doc:"When the booking, or the rest after it, ends; left out: never"`
	By         string     `json:"by,omitempty" maxLength:"500" doc:"Who did it; the server fills it in"`
	Why        string     `json:"why,omitempty" maxLength:"500" doc:"What they said about it"`
	ApprovedBy string     `json:"approved_by,omitempty" maxLength:"500" doc:"Who agreed to it beyond the quota; the server fills it in"`
}

// Record is the history of one address or block of a pool.
type Record struct {
	Address string  `json:"address" doc:"An address, or a block with its length"`
	Events  []Event `json:"events" doc:"The oldest first"`
}

// Records are the histories of a pool.
type Records struct {
	Pool    string   `json:"pool"`
	Serial  int64    `json:"serial" doc:"Of the pool's last event; it only grows"`
	Head    string   `json:"head" doc:"How far these records go, to be shown when asking for the plan"`
	Records []Record `json:"records"`
	Moved   []Moved  `json:"moved,omitempty" doc:"What was booked while the pool was in another segment: it is taken there, too"`
}

// Moved are addresses that were booked while their pool was in another segment than now.
type Moved struct {
	Segment   string   `json:"segment,omitempty" doc:"The segment; left out: it may be any"`
	Addresses []string `json:"addresses"`
}

// AddressClaim is who declared an address, or was granted it, from when to when.
type AddressClaim struct {
	Address  string     `json:"address" doc:"The part of what was asked for, or a block around it"`
	What     string     `json:"what" enum:"declared,granted,hidden" doc:"declared: files say so; granted: the director gave it out; hidden: what could not be read of the director may have had it"`
	Director string     `json:"director"`
	Owner    string     `json:"owner" doc:"deployment/instance-group, and the instance's index where the director told it; empty where it is hidden"`
	Since    time.Time  `json:"since" doc:"When the server was told so first"`
	Unsure   *time.Time `json:"unsure,omitempty" doc:"Since when it could not be seen; left out: it could"`
	Until    *time.Time `json:"until,omitempty" doc:"When the server was told that it is gone; left out: it is not known to be"`
}

// AddressClaims are a page of them.
type AddressClaims struct {
	Claims []AddressClaim `json:"claims" doc:"The latest beginning first"`
	Next   string         `json:"next,omitempty" doc:"Ask with after for more; left out: that is all"`
}

// Entry is one event and its address.
type Entry struct {
	Address string `json:"address" maxLength:"60" doc:"An address, or a block with its length"`
	Event   Event  `json:"event"`
}

// Entries are what somebody wants to write.
type Entries struct {
	Entries []Entry `json:"entries" minItems:"1" maxItems:"10000"`
}

// PlanForm is the form of a Plan. It changes when an older client would misread it.
const PlanForm = 1

// Plan is what a team's own fleet file needs of the company's plan.
type Plan struct {
	Form      int              `json:"ipguard_plan" doc:"The form of this answer: 1"`
	Database  string           `json:"database" doc:"Tells the server's database from others"`
	Fleet     string           `json:"fleet" doc:"Segments, external addresses, pools and exceptions, in the form of the fleet file"`
	Directors []SharedDirector `json:"directors"`
	Pools     []Records        `json:"pools" doc:"What is booked"`
	Teams     []string         `json:"teams,omitempty" doc:"Teams for which who asks may book, by name: what they booked is the asker's"`
	Vanished  []Vanished       `json:"vanished,omitempty" doc:"What VMs had that their directors do not tell any more, and that may be in use: it is given to nobody"`
}

// Vanished is what a VM had that its director does not tell any more.
type Vanished struct {
	Director   string `json:"director"`
	Deployment string `json:"deployment"`
	Group      string `json:"group"`
	Addresses  string `json:"addresses" doc:"An address, or a range"`
	Stopped    bool   `json:"stopped,omitempty" doc:"Its instance has no VM, and the director keeps it for that; left out: the VM may be orphaned, and it rests for 5 days"`
}

// SharedDirector is one director that the server knows.
type SharedDirector struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Digest  string `json:"digest,omitempty" doc:"SHA-256 of its snapshot; left out: nobody told anything of it yet"`
	MaxAge  string `json:"max_age,omitempty" doc:"How old its snapshot may be"`
	Damaged bool   `json:"damaged,omitempty" doc:"What was pushed of it is not in the database as it was written, and not known"`
}

// Ask is a question for addresses of a pool, as clients put it.
type Ask struct {
	For        string     `json:"for"`
	Team       string     `json:"team,omitempty"`
	Number     int        `json:"number,omitempty"`
	Contiguous bool       `json:"contiguous,omitempty"`
	Addresses  []string   `json:"addresses,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
	Endless    bool       `json:"endless,omitempty"`
	Hold       bool       `json:"hold,omitempty"`
	Why        string     `json:"why,omitempty"`
}

// Request is what a team asked for beyond its quota.
type Request struct {
	ID     int64  `json:"id"`
	Pool   string `json:"pool"`
	For    string `json:"for"`
	Team   string `json:"team"`
	Number int    `json:"number"`
	// Addresses are just those that are asked for; empty: any.
	Addresses []string `json:"addresses,omitempty"`
	// Until is when what is booked ends; nil: as the pool says, or never if Endless, or
	// after an hour if Hold.
	Until   *time.Time `json:"until,omitempty"`
	Endless bool       `json:"endless,omitempty"`
	Hold    bool       `json:"hold,omitempty"`
	Why     string     `json:"why,omitempty"`
	At      time.Time  `json:"at"`
	By      string     `json:"by"`
	State   string     `json:"state"`
	Judge   string     `json:"judge,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// TypeFenced is the type of the problem that bookings may be lost: the server answers, and
// what it knows of them is not to be believed until somebody who runs it has looked.
const TypeFenced = "urn:ipguard:fenced"

// Problem is an error as RFC 9457 has it.
type Problem struct {
	Type   string `json:"type,omitempty"`
	Title  string `json:"title,omitempty"`
	Status int    `json:"status,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Reason and Address are those of a ledger's no.
	Reason  string `json:"reason,omitempty"`
	Address string `json:"address,omitempty"`
}

// EventOf is an event of the ledger as the API has it.
func EventOf(e ledger.Event) Event {
	v := Event{At: e.At.UTC(), What: string(e.What), Owner: e.Owner, Number: e.Number, Team: e.Team, By: e.By, Why: e.Why, ApprovedBy: e.Approved}
	if !e.Until.IsZero() {
		until := e.Until.UTC()
		v.Until = &until
	}
	return v
}

// Ledger is the event as the ledger has it.
func (e Event) Ledger() ledger.Event {
	v := ledger.Event{At: e.At.UTC(), What: ledger.What(e.What), Owner: e.Owner, Number: e.Number, Team: e.Team, By: e.By, Why: e.Why, Approved: e.ApprovedBy}
	if e.Until != nil {
		v.Until = e.Until.UTC()
	}
	return v
}

// RecordOf is a history as the API has it.
func RecordOf(r ledger.Record) Record {
	v := Record{Address: ledger.RangeText(r.Range), Events: make([]Event, len(r.Events))}
	for i, e := range r.Events {
		v.Events[i] = EventOf(e)
	}
	return v
}

// Ledger is the history as the ledger has it.
func (r Record) Ledger() (ledger.Record, error) {
	prefix, err := ParseRange(r.Address)
	v := ledger.Record{Range: prefix}
	for _, e := range r.Events {
		v.Events = append(v.Events, e.Ledger())
	}
	return v, err
}

// ParseRange reads an address, or a block with its length.
func ParseRange(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			return netip.Prefix{}, fmt.Errorf("%q is no address", text)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	r, err := netip.ParsePrefix(text)
	if err != nil || r != r.Masked() || r.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no block: write its first address and its length, such as 10.0.0.16/28", text)
	}
	return r, nil
}
