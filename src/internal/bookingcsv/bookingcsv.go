// Package bookingcsv reads addresses and who has them from a table: this program's own
// (ipguard bookings --format csv), or the export of NetBox or phpIPAM.
//
//	text ──Read──▶ Rows ──Of(pool)──▶ ledger.Adopt
//
// Nothing of a table is passed over: what is not understood ends the reading, with its
// line.
package bookingcsv

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Row is one address of a file.
type Row struct {
	ledger.Found
	// Pool is the one that the row names; empty for whichever delegates the address.
	Pool string
}

// form says in which columns of a program's export what stands. Headers are
// compared without regard to case, and to blanks, "_" and "-".
type form struct {
	name string
	// address and state are the names that the column has, of which one is there.
	address, state []string
	// owners are tried in this order; the first that is not empty counts.
	owners []string
	// inUse are the states of an address that somebody has.
	inUse []string
	why   []string
}

// forms are tried in order: the first whose columns are all there is taken.
// NetBox 4 exports IP addresses as address, vrf, tenant, status, role, dns_name,
// description (its forms for bulk import have the same names), and its table as IP Address,
// VRF, Status, DNS Name. phpIPAM 1.7 exports ip address, ip state, description, hostname,
// owner, and writes ip_addr, state, dns_name elsewhere.
var forms = []form{
	{name: "ipguard", address: []string{"address"}, owners: []string{"owner"}, state: []string{"state"}, inUse: []string{"held", "booked", ""}, why: []string{"why"}},
	{name: "NetBox", address: []string{"address", "ipaddress"}, owners: []string{"dnsname", "description", "tenant"}, state: []string{"status"},
		inUse: []string{"active", "reserved", "dhcp", "slaac", "deprecated"}, why: []string{"description", "tenant"}},
	{name: "phpIPAM", address: []string{"ipaddress", "ipaddr", "ip"}, owners: []string{"hostname", "dnsname", "owner", "description"}, state: []string{"ipstate", "state", "tag"},
		inUse: []string{"active", "used", "reserved", "offline", "dhcp"}, why: []string{"description", "owner"}},
}

// columns are the columns that a form takes, for people.
func (f form) columns() string {
	return strings.Join(f.address, " or ") + ", " + strings.Join(f.state, " or ") + ", " + strings.Join(f.owners, " or ") + " (" + f.name + ")"
}

// missing are the columns of a form that a header lacks.
func (f form) missing(header []string) int {
	n := 0
	for _, any := range [][]string{f.address, f.state, f.owners} {
		if !slices.ContainsFunc(any, func(name string) bool { return slices.Contains(header, name) }) {
			n++
		}
	}
	return n
}

// Read reads one table. path is what it is called in errors, which are *trouble.Trouble.
func Read(path string, text []byte) ([]Row, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	reader := csv.NewReader(bytes.NewReader(text))
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		reader.Comma = ';'
	}
	header, err := reader.Read()
	if err != nil {
		return nil, failed(path, err)
	}
	plain := strings.NewReplacer(" ", "", "_", "", "-", "")
	for i := range header {
		header[i] = plain.Replace(strings.ToLower(strings.TrimSpace(header[i])))
	}
	i := slices.IndexFunc(forms, func(f form) bool { return f.missing(header) == 0 })
	if i < 0 {
		var known []string
		for _, f := range forms {
			known = append(known, f.columns())
		}
		return nil, wrong("name them in the first line: "+strings.Join(known, "; "), "%s:1: the header has no columns that are understood: %s", path, strings.Join(header, ", "))
	}
	for k, name := range header {
		if name != "" && slices.Contains(header[:k], name) {
			return nil, wrong("which one counts, nobody could tell", "%s:1: the header has the column %s twice", path, name)
		}
	}
	var rows []Row
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, failed(path, err)
		}
		line, _ := reader.FieldPos(0)
		row, skip, err := forms[i].row(header, record, place.Place{File: path, Line: line, Column: 1})
		if err != nil {
			return nil, err
		}
		if !skip {
			rows = append(rows, row)
		}
	}
}

func failed(path string, err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return wrong("its first line names the columns", "%s is empty", path)
	case errors.As(err, &parse):
		return wrong("", "%s:%d:%d: %s", path, parse.Line, parse.Column, parse.Err)
	}
	return wrong("", "%s: %s", path, err)
}

// row reads one line. skip says that the address is of nobody by the file's own state.
func (f form) row(header, record []string, at place.Place) (row Row, skip bool, err error) {
	field := func(name string) string {
		if i := slices.Index(header, name); i >= 0 && i < len(record) {
			return strings.Join(strings.FieldsFunc(live(strings.TrimSpace(record[i])), unicode.IsSpace), " ") // a description has lines
		}
		return ""
	}
	oneOf := func(names []string) string {
		for _, name := range names {
			if text := field(name); text != "" {
				return text
			}
		}
		return ""
	}
	if state := strings.ToLower(oneOf(f.state)); !slices.Contains(f.inUse, state) {
		if f.name == "ipguard" && (state == "quarantined" || state == "released") {
			return row, true, nil
		}
		states := slices.DeleteFunc(slices.Clone(f.inUse), func(s string) bool { return s == "" })
		return row, false, wrong("there are "+strings.Join(states, ", "), "%s: %q is no state of an address", at, oneOf(f.state))
	}
	address := oneOf(f.address)
	if row.Range, err = rangeOf(address, f.name); err != nil {
		return row, false, wrong("", "%s: %q is no address", at, address)
	}
	owner := ""
	for _, name := range f.owners {
		if owner == "" {
			owner = strings.Trim(field(name), "/ ")
		}
	}
	if owner == "" {
		return row, false, wrong("fill in one of "+strings.Join(f.owners, ", "), "%s: nobody is named who has %s", at, address)
	}
	if row.For, err = ledger.ParseHolder(owner); err != nil {
		return row, false, wrong("", "%s: %s", at, err)
	}
	row.At, row.Pool = at, field("pool")
	if number := field("number"); number != "" && f.name == "ipguard" {
		if row.For.Number, err = strconv.Atoi(number); err != nil || row.For.Number < 0 {
			return row, false, wrong("", "%s: %q is no number of an owner", at, number)
		}
	}
	for _, name := range f.why {
		if text := field(name); row.Why == "" && text != owner {
			row.Why = text
		}
	}
	if until := field("until"); until != "" && f.name == "ipguard" {
		if row.Until, err = time.Parse(time.RFC3339, until); err != nil {
			return row, false, wrong("", "%s: %q is no time such as 2026-11-26T16:40:00Z", at, until)
		}
	}
	if err := ledger.CheckEvent(ledger.Event{At: time.Unix(1, 0), What: ledger.WasAdopted, Owner: row.For.Owner, Why: row.Why}); err != nil {
		return row, false, wrong("", "%s: %s", at, err)
	}
	return row, false, nil
}

// rangeOf reads an address. NetBox writes it with the length of its network, of
// which nothing is booked but the address.
func rangeOf(text, form string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil && form == "NetBox" {
		text = p.Addr().String()
	}
	if p, err := netip.ParsePrefix(text); err == nil && p == p.Masked() && !p.Addr().Is4In6() {
		return p, nil
	}
	a, err := netip.ParseAddr(text)
	if err == nil && a.Zone() != "" {
		err = errors.New("it has a zone")
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), err
}

func wrong(hint, format string, args ...any) error {
	return &trouble.Trouble{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// IsOf reports whether a row is of a pool: it names it, or the pool delegates it.
func (r *Row) IsOf(pool *ledger.Pool) bool {
	return r.Pool == pool.Name || r.Pool == "" && pool.Contains(r.Range)
}

// Of are the rows of a pool.
func Of(rows []Row, pool *ledger.Pool) []ledger.Found {
	var list []ledger.Found
	for i := range rows {
		if rows[i].IsOf(pool) {
			list = append(list, rows[i].Found)
		}
	}
	return list
}

// OfNone are the rows that no pool takes, so that none is passed over.
func OfNone(rows []Row, pools []*ledger.Pool) []Row {
	var list []Row
	for i := range rows {
		if !slices.ContainsFunc(pools, rows[i].IsOf) {
			list = append(list, rows[i])
		}
	}
	return list
}
