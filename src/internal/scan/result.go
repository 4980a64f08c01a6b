package scan

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/oui"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// Status says how an address stands to the plan.
type Status string

// The statuses.
const (
	Known   Status = "known"   // answers, and the plan says so
	Unknown Status = "unknown" // answers, and no plan says so
	Twice   Status = "twice"   // more than one station answers
	Silent  Status = "silent"  // promised to somebody, and nobody answers
	Here    Status = "here"    // this host's own, and nobody else answers
	Proxied Status = "proxy"   // only a station that answers for everything
	Shared  Status = "shared"  // more than one station answers, as was declared
)

// Station is one that answered for an address.
type Station struct {
	MAC    frame.MAC `json:"mac"`
	Vendor string    `json:"vendor,omitempty"`
	// Milliseconds is how long its first answer took; 0 if it spoke unasked.
	Milliseconds float64 `json:"ms"`
	// Proxy says that it answers for addresses that nobody has, too.
	Proxy bool `json:"proxy,omitempty"`
	// Own says that it is this host.
	Own bool `json:"own,omitempty"`
	// Shared says that it was declared to be allowed to have the address too.
	Shared bool `json:"shared,omitempty"`
	// Card says that it is probably another card of the machine of a station before
	// it: both answer for the same addresses, and for more than this one.
	Card bool `json:"card,omitempty"`
}

// Host is one address that answers or should.
type Host struct {
	Address  netip.Addr `json:"address"`
	Status   Status     `json:"status"`
	Stations []Station  `json:"stations"`
	Promised []string   `json:"promised_to,omitempty"`
}

// Result is what a scan saw. It is evidence: an address that is missing here was
// silent at that time, which is less than free.
type Result struct {
	Version int          `json:"version"`
	Prefix  netip.Prefix `json:"prefix"`
	// Segment is the fleet's name of the segment; empty if a CIDR was scanned.
	Segment   string    `json:"segment,omitempty"`
	Interface string    `json:"interface"`
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished"`
	// Complete is false if the scan was interrupted.
	Complete bool `json:"complete"`
	// Dropped counts answers that the kernel threw away; the second pass may
	// have made up for them.
	Dropped  uint32 `json:"dropped"`
	Answered int    `json:"answered"`
	Hosts    []Host `json:"hosts"`
}

// Read reads what WriteJSON wrote, once or several times in a row: a segment may
// have several prefixes. name is that of the file, for errors, which tell line and
// column where they can.
func Read(name string, data []byte) ([]Result, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var results []Result
	for {
		var r Result
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) && len(results) > 0 {
			return results, nil
		}
		if err == nil {
			err = r.check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: no result of a scan: %w", position(name, data, err), err)
		}
		results = append(results, r)
	}
}

// check refuses what no scan can have seen.
func (r Result) check() error {
	switch {
	case r.Version != 1:
		return fmt.Errorf("it has version %d, and this program knows 1", r.Version)
	case !r.Prefix.IsValid():
		return errors.New("it names no prefix")
	case r.Finished.IsZero():
		return errors.New("it does not say when it was finished")
	}
	for _, h := range r.Hosts {
		if !r.Prefix.Contains(h.Address) {
			return fmt.Errorf("%s lies outside of its prefix, %s", h.Address, r.Prefix)
		}
	}
	return nil
}

// position is FILE:LINE:COLUMN where the error tells where it is, else FILE.
func position(name string, data []byte, err error) string {
	var offset int64
	syntax, wrongType := (*json.SyntaxError)(nil), (*json.UnmarshalTypeError)(nil)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(data))
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &wrongType):
		offset = wrongType.Offset
	default:
		return name
	}
	before := data[:min(max(offset, 1)-1, int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[1+bytes.LastIndexByte(before, '\n'):])
	return fmt.Sprintf("%s:%d:%d", name, line, column)
}

// Count returns how many hosts have the status.
func (r Result) Count(s Status) (n int) {
	for _, h := range r.Hosts {
		if h.Status == s {
			n++
		}
	}
	return n
}

// hosts joins what answered with this host's own addresses and the plan.
func (s *sightings) hosts(o Options, at link.Interface) []Host {
	hosts := map[netip.Addr]*Host{}
	get := func(a netip.Addr) *Host {
		if hosts[a] == nil {
			hosts[a] = &Host{Address: a, Stations: []Station{}, Promised: o.Inventory.Owners(a)}
		}
		return hosts[a]
	}
	for _, own := range at.Addresses {
		if a := own.Prefix.Addr(); o.Prefix.Contains(a) {
			get(a).Stations = append(get(a).Stations, Station{MAC: at.MAC, Vendor: oui.Vendor(at.MAC), Own: true})
		}
	}
	vendors := map[frame.MAC]string{}
	for a, seen := range s.at {
		for _, x := range seen {
			if _, ok := vendors[x.mac]; !ok {
				vendors[x.mac] = oui.Vendor(x.mac)
			}
			get(a).Stations = append(get(a).Stations, Station{MAC: x.mac, Vendor: vendors[x.mac],
				Milliseconds: float64(x.took.Microseconds()) / 1000, Proxy: s.proxies[x.mac], Shared: o.Shared[a].Allows(x.mac)})
		}
	}
	for _, a := range o.Inventory.Promised(o.Prefix) {
		get(a)
	}
	var sorted []Host
	for _, h := range hosts {
		s.markCards(h)
		h.Status = judge(*h, o)
		sorted = append(sorted, *h)
	}
	slices.SortFunc(sorted, func(a, b Host) int { return a.Address.Compare(b.Address) })
	return sorted
}

// answersFor returns the addresses that each station answers for.
func (s *sightings) answersFor() map[frame.MAC][]netip.Addr {
	answers := map[frame.MAC][]netip.Addr{}
	for a, seen := range s.at {
		for _, x := range seen {
			answers[x.mac] = append(answers[x.mac], a)
		}
	}
	for _, addresses := range answers {
		slices.SortFunc(addresses, netip.Addr.Compare)
	}
	return answers
}

// anyTwice reports whether more than one station answered for an address.
func (s *sightings) anyTwice() bool {
	for _, seen := range s.at {
		if len(seen) > 1 {
			return true
		}
	}
	return false
}

// markCards marks the stations of a host that are cards of one machine. Linux
// answers by every card for the addresses of all (arp_ignore 0). Two machines that
// share an address have others of their own, or none.
func (s *sightings) markCards(h *Host) {
	if len(h.Stations) < 2 {
		return
	}
	answers := s.answersFor()
	slices.SortFunc(h.Stations, func(a, b Station) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
	for i := range h.Stations {
		x := &h.Stations[i]
		x.Card = !x.Proxy && !x.Own && len(answers[x.MAC]) > 1 && slices.ContainsFunc(h.Stations[:i], func(y Station) bool {
			return !y.Proxy && !y.Own && slices.Equal(answers[x.MAC], answers[y.MAC])
		})
	}
}

func judge(h Host, o Options) Status {
	real, sharing, own := 0, 0, false
	for _, s := range h.Stations {
		if !s.Proxy && !s.Card {
			real++
		}
		if !s.Proxy && !s.Card && s.Shared {
			sharing++
		}
		own = own || s.Own
	}
	switch {
	case real-sharing > 1:
		return Twice
	case real > 1:
		return Shared
	case own:
		return Here
	case real == 0 && len(h.Stations) > 0:
		return Proxied
	case real == 0:
		return Silent
	case o.Inventory.Expects(h.Address):
		return Known
	}
	return Unknown
}

// WriteJSON writes the result for Read and for other programs.
func (r Result) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteCSV writes one line for each station of each address, below the names of
// the columns if they are wanted.
func (r Result) WriteCSV(w io.Writer, names bool) error {
	c := csv.NewWriter(w)
	if names {
		if err := c.Write([]string{"address", "status", "mac", "vendor", "ms", "proxy", "own", "promised_to"}); err != nil {
			return err
		}
	}
	for _, h := range r.Hosts {
		stations := h.Stations
		if len(stations) == 0 {
			stations = []Station{{}}
		}
		for _, s := range stations {
			mac := ""
			if !s.MAC.IsZero() {
				mac = s.MAC.String()
			}
			row := []string{h.Address.String(), string(h.Status), mac, s.Vendor, strconv.FormatFloat(s.Milliseconds, 'f', -1, 64),
				strconv.FormatBool(s.Proxy), strconv.FormatBool(s.Own), strings.Join(h.Promised, "; ")}
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// mostPromised is of how many people read to whom an address is promised.
const mostPromised = 10

// WriteText writes a table and a summary for people. To whom an address is promised is told of
// the first ten.
func (r Result) WriteText(w io.Writer) error {
	width := len("address")
	for _, h := range r.Hosts {
		width = max(width, len(h.Address.String()))
	}
	var b strings.Builder
	for _, h := range r.Hosts {
		fmt.Fprintf(&b, "%-*s  %-7s  %s\n", width, h.Address, h.Status, describeStations(h))
		for i, p := range h.Promised {
			if i == mostPromised {
				fmt.Fprintf(&b, "%-*s           and to %d more; --format json has all\n", width, "", len(h.Promised)-i)
				break
			}
			fmt.Fprintf(&b, "%-*s           promised to %s\n", width, "", p)
		}
	}
	fmt.Fprintf(&b, "%s of %s answered within %s", plural.Of(r.Answered, "address"), r.Prefix, r.Finished.Sub(r.Started).Round(10*time.Millisecond))
	for _, s := range []Status{Twice, Unknown, Silent, Proxied} {
		if n := r.Count(s); n > 0 {
			fmt.Fprintf(&b, ", %d %s", n, s)
		}
	}
	b.WriteString("\n")
	if !r.Complete {
		b.WriteString("interrupted: what is missing here was not asked for, or had no time to answer\n")
	}
	if r.Dropped > 0 {
		fmt.Fprintf(&b, "the kernel dropped %s; a lower --rate loses none\n", plural.Of(int(r.Dropped), "answer"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func describeStations(h Host) string {
	var words []string
	slices.SortFunc(h.Stations, func(a, b Station) int { return cmp.Compare(a.Milliseconds, b.Milliseconds) })
	for _, s := range h.Stations {
		word := s.MAC.String()
		switch {
		case s.Own:
			word += " (this host)"
		case s.Proxy:
			word += " (answers for everything)"
		case s.Card:
			word += " (probably a second card of the same machine: both answer for the same addresses)"
		case s.Shared:
			word += " (may have it)"
		case s.Vendor != "":
			word += " (" + s.Vendor + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}
