package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/report"
)

// csvRow is one address of a file.
type csvRow struct {
	ledger.Found
	// pool is the pool that the row names; empty for whichever delegates the address.
	pool string
}

// csvForm says in which column of a program's export what stands. Headers are
// compared without regard to case and to blanks.
type csvForm struct {
	name    string
	address string
	// owners are tried in this order; the first that is not empty counts.
	owners []string
	// state is the column whose value must be one of inUse; any if inUse is empty.
	state string
	inUse []string
	why   []string
}

// csvForms are tried in order: the first whose columns are all there is taken.
// NetBox 4 exports IP addresses as address, vrf, tenant, status, role, dns_name,
// description (its forms for bulk import have the same names), phpIPAM 1.7 as IP
// address, hostname, description, state, owner.
var csvForms = []csvForm{
	{name: "ipguard", address: "address", owners: []string{"owner"}, state: "state", inUse: []string{"held", "booked", ""}, why: []string{"why"}},
	{name: "netbox", address: "address", owners: []string{"dns_name", "dnsname", "description", "tenant"}, state: "status",
		inUse: []string{"active", "reserved", "dhcp", "slaac", "deprecated"}, why: []string{"description", "tenant"}},
	{name: "phpipam", address: "ipaddress", owners: []string{"hostname", "owner", "description"}, state: "state",
		inUse: []string{"active", "used", "reserved", "offline", "dhcp"}, why: []string{"description", "owner"}},
}

// readCSVs reads the files of --csv.
func (d *desk) readCSVs(paths []string) ([]csvRow, error) {
	var rows []csvRow
	for _, path := range paths {
		text, err := d.files.Read(path)
		if err != nil {
			return nil, storeError(err)
		}
		more, err := parseCSV(path, text)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// parseCSV reads one file. Nothing of it is passed over: a row that is not understood
// ends it.
func parseCSV(path string, text []byte) ([]csvRow, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	reader := csv.NewReader(bytes.NewReader(text))
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		reader.Comma = ';'
	}
	header, err := reader.Read()
	if err != nil {
		return nil, csvError(path, err)
	}
	for i := range header {
		header[i] = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(header[i])), " ", "")
	}
	i := slices.IndexFunc(csvForms, func(f csvForm) bool {
		return slices.Contains(header, f.address) && slices.Contains(header, f.state) && slices.ContainsFunc(f.owners, func(o string) bool { return slices.Contains(header, o) })
	})
	if i < 0 {
		return nil, incomplete("it takes address,owner,state (as ipguard bookings --format csv writes it), or NetBox's or phpIPAM's export of addresses",
			"%s:1: the header has no columns that are understood: %s", path, strings.Join(header, ", "))
	}
	var rows []csvRow
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, csvError(path, err)
		}
		line, _ := reader.FieldPos(0)
		row, skip, err := csvForms[i].row(header, record, place.Place{File: path, Line: line, Column: 1})
		if err != nil {
			return nil, err
		}
		if !skip {
			rows = append(rows, row)
		}
	}
}

func csvError(path string, err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return incomplete("its first line names the columns", "%s is empty", path)
	case errors.As(err, &wrong):
		return incomplete("", "%s:%d:%d: %s", path, wrong.Line, wrong.Column, wrong.Err)
	}
	return incomplete("", "%s: %s", path, err)
}

// row reads one line. skip says that the address is of nobody by the file's own state.
func (f csvForm) row(header, record []string, at place.Place) (row csvRow, skip bool, err error) {
	field := func(name string) string {
		if i := slices.Index(header, name); i >= 0 && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	if state := strings.ToLower(field(f.state)); !slices.Contains(f.inUse, state) {
		if f.name == "ipguard" && (state == "quarantined" || state == "released") {
			return row, true, nil
		}
		return row, false, incomplete("there are "+strings.Join(f.inUse, ", "), "%s: %q is no state of an address", at, field(f.state))
	}
	if row.Range, err = csvRange(field(f.address), f.name); err != nil {
		return row, false, incomplete("", "%s: %q is no address", at, field(f.address))
	}
	owner := ""
	for _, name := range f.owners {
		if owner == "" {
			owner = strings.Trim(field(name), "/ ")
		}
	}
	if owner == "" {
		return row, false, incomplete("fill in one of "+strings.Join(f.owners, ", "), "%s: nobody is named who has %s", at, field(f.address))
	}
	if row.For, err = ledger.ParseHolder(owner); err != nil {
		return row, false, incomplete("", "%s: %s", at, err)
	}
	row.At, row.pool = at, field("pool")
	if number := field("number"); number != "" && f.name == "ipguard" {
		if row.For.Number, err = strconv.Atoi(number); err != nil || row.For.Number < 0 {
			return row, false, incomplete("", "%s: %q is no number of an owner", at, number)
		}
	}
	for _, name := range f.why {
		if text := field(name); row.Why == "" && text != owner {
			row.Why = text
		}
	}
	if until := field("until"); until != "" && f.name == "ipguard" {
		if row.Until, err = time.Parse(time.RFC3339, until); err != nil {
			return row, false, incomplete("", "%s: %q is no time such as 2026-11-26T16:40:00Z", at, until)
		}
	}
	return row, false, nil
}

// csvRange reads an address. NetBox writes it with the length of its network, of
// which nothing is booked but the address.
func csvRange(text, form string) (netip.Prefix, error) {
	if form == "netbox" {
		text, _, _ = strings.Cut(text, "/")
	}
	list, err := parseBlocks("", []string{text})
	if err != nil {
		return netip.Prefix{}, err
	}
	return list[0], nil
}

// isOf reports whether a row is of a pool: it names it, or the pool delegates it.
func (r *csvRow) isOf(pool *ledger.Pool) bool {
	return r.pool == pool.Name || r.pool == "" && pool.Contains(r.Range)
}

// rowsOf are the rows of a pool.
func rowsOf(rows []csvRow, pool *ledger.Pool) []ledger.Found {
	var list []ledger.Found
	for i := range rows {
		if rows[i].isOf(pool) {
			list = append(list, rows[i].Found)
		}
	}
	return list
}

// rowsOfNone are the rows that no pool takes, so that none is passed over.
func rowsOfNone(rows []csvRow, pools []*ledger.Pool) []report.Adopted {
	var list []report.Adopted
	for i := range rows {
		if !slices.ContainsFunc(pools, rows[i].isOf) {
			list = append(list, report.Adopted{Pool: rows[i].pool, Adoption: ledger.Adoption{Found: rows[i].Found, Status: ledger.AdoptOutside}})
		}
	}
	return list
}
