package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookingcsv"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Bookings is a list of bookings, with who uses their addresses.
type Bookings struct {
	List []BookingLine
	Now  time.Time
	// Failures are what could not be read: there may be more.
	Failures []trouble.Trouble
	// Stale is the server that does not answer, of which the list is what it said before.
	Stale *lint.Stale
}

// BookingLine is one of them.
type BookingLine struct {
	Pool string
	ledger.Booking
	// Users are who declares the address, was granted it or was seen there.
	Users []string
}

// WriteBookings writes the list as text, one booking a line.
func WriteBookings(w io.Writer, b Bookings, options Options) error {
	var out bytes.Buffer
	p := color.Painter(options.Color)
	width, pool := 0, 0
	for _, l := range b.List {
		width, pool = max(width, len(ledger.RangeText(l.Range))), max(pool, len(legible.Text(l.Pool)))
	}
	for _, l := range b.List {
		address := ledger.RangeText(l.Range)
		text := bookingText(l.Booking, b.Now)
		switch {
		case len(l.Users) > 0 && l.State.Taken():
			text = taken(l.Booking) + ", in use by " + strings.Join(l.Users, ", ")
		case len(l.Users) > 0:
			text += ", but in use by " + strings.Join(l.Users, ", ")
		}
		if l.Why != "" {
			text += ": " + l.Why
		}
		fmt.Fprintf(&out, "%s%s  %-*s  %s\n", p.Paint(bold, address), strings.Repeat(" ", width-len(address)), pool, legible.Text(l.Pool), legible.Text(text))
	}
	switch {
	case len(b.List) == 0 && len(b.Failures) > 0:
		out.WriteString("no bookings that could be read\n")
	case len(b.List) == 0:
		out.WriteString("no bookings\n")
	}
	_, err := w.Write(out.Bytes())
	return err
}

// WriteBookingsJSON writes the list as JSON.
func WriteBookingsJSON(w io.Writer, b Bookings) error {
	list := []jsonBooking{}
	for _, l := range b.List {
		j := newJSONBooking(l.Pool, l.Booking)
		j.Users = l.Users
		list = append(list, j)
	}
	return encodeJSON(w, struct {
		Bookings []jsonBooking `json:"bookings"`
		Failures []jsonFailure `json:"failures"`
		Stale    *jsonStale    `json:"stale,omitempty"`
	}{list, jsonFailures(b.Failures), staleJSON(b.Stale)})
}

// BookingColumns are the header of bookings as CSV.
var BookingColumns = []string{"address", "pool", "state", "owner", "number", "team", "since", "until", "by", "why", "approved_by"}

// WriteBookingsCSV writes the list as CSV (RFC 4180), with a header.
func WriteBookingsCSV(w io.Writer, b Bookings) error {
	return writeRows(w, BookingColumns, len(b.List), func(i int) []string {
		j := newJSONBooking(b.List[i].Pool, b.List[i].Booking)
		return bookingcsv.Inert(j.Address, j.Pool, j.State, j.Owner, strconv.Itoa(j.Number), j.Team, j.Since, j.Until, j.By, j.Why, j.ApprovedBy)
	})
}

// Changes is what a command did to bookings, or would do.
type Changes struct {
	Done []ChangedBooking
	// DryRun says that nothing was written.
	DryRun bool
	Book   // for where it was written
}

// ChangedBooking is one booking before and after.
type ChangedBooking struct {
	Pool          string
	Before, After ledger.Booking
	// Kept are those for whose sake nothing changed.
	Kept []string
}

// WriteChanges writes what became of each booking.
func WriteChanges(w io.Writer, c Changes, options Options) error {
	t := &bookText{Book: c.Book, page: page{painter: color.Painter(options.Color)}}
	for _, d := range c.Done {
		t.line("%s  %s", t.painter.Paint(bold, ledger.RangeText(d.Before.Range)), legible.Text(d.text(c.Now)))
	}
	switch {
	case c.DryRun, t.Commit == "" && !t.Written: // all were kept
		t.line("nothing was written")
	default:
		t.line("%s", legible.Text(t.standing()))
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

func (d *ChangedBooking) text(now time.Time) string {
	switch {
	case len(d.Kept) > 0:
		return "kept for " + d.Before.For() + ": in use by " + strings.Join(d.Kept, ", ")
	case d.Before.State == d.After.State && d.Before.Until.Equal(d.After.Until):
		return bookingText(d.Before, now) + ", as before"
	case d.After.State == ledger.Quarantined:
		return "given back by " + d.Before.For() + "; it rests " + untilText(d.After.Until)
	}
	return bookingText(d.After, now)
}

// WriteChangesJSON writes the same as JSON.
func WriteChangesJSON(w io.Writer, c Changes) error {
	type change struct {
		Before jsonBooking `json:"before"`
		After  jsonBooking `json:"after"`
		Kept   []string    `json:"kept_for,omitempty"`
	}
	list := []change{}
	for _, d := range c.Done {
		list = append(list, change{newJSONBooking(d.Pool, d.Before), newJSONBooking(d.Pool, d.After), d.Kept})
	}
	return encodeJSON(w, map[string]any{"changes": list, "dry_run": c.DryRun, "commit": c.Commit, "pushed": c.Pushed})
}

// Adoptions is what could be adopted.
type Adoptions struct {
	List   []Adopted
	DryRun bool
	Book
}

// Adopted is one address that somebody has already.
type Adopted struct {
	Pool string
	ledger.Adoption
}

// WriteAdoptions writes the difference: what is new, what is in the way; what is
// booked already is counted.
func WriteAdoptions(w io.Writer, a Adoptions, options Options) error {
	t := &bookText{Book: a.Book, page: page{painter: color.Painter(options.Color)}}
	count := map[ledger.AdoptionStatus]int{}
	for _, l := range a.List {
		count[l.Status]++
		address := t.painter.Paint(bold, ledger.RangeText(l.Found.Range))
		switch where := position(l.Found.At); l.Status {
		case ledger.AdoptNew:
			t.line("+ %s  %s  for %s (%s)", address, legible.Text(l.Pool), legible.Text(l.Found.For.String()), where)
		case ledger.AdoptConflict:
			if len(l.Users) > 0 {
				t.line("! %s  %s  is %s's (%s), and in use by %s", address, legible.Text(l.Pool), legible.Text(l.Found.For.String()), where, legible.Text(l.Users[0].Text))
				break
			}
			t.line("! %s  %s  is %s's (%s), and %s", address, legible.Text(l.Pool), legible.Text(l.Found.For.String()), where, legible.Text(bookingText(l.Other, a.Now)))
		case ledger.AdoptUnfit:
			t.line("! %s  %s  is in use (%s), and cannot be booked: %s", address, legible.Text(l.Pool), where, legible.Text(l.Reason))
		case ledger.AdoptOutside:
			t.line("? %s  %s  is none of the pool's (%s)", address, legible.Text(l.Pool), where)
		}
	}
	text := fmt.Sprintf("%d to adopt, %d booked already, %d in conflict", count[ledger.AdoptNew], count[ledger.AdoptSame], count[ledger.AdoptConflict])
	if n := count[ledger.AdoptUnfit]; n > 0 {
		text += fmt.Sprintf(", %d with names that no booking can have", n)
	}
	t.line("%s", text)
	switch {
	case a.DryRun:
		t.line("nothing was written")
	case a.Commit != "" || a.Written:
		t.line("%s", legible.Text(t.standing()))
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

// WriteAdoptionsJSON writes the same as JSON.
func WriteAdoptionsJSON(w io.Writer, a Adoptions) error {
	type adoption struct {
		Address string       `json:"address"`
		Pool    string       `json:"pool"`
		Owner   string       `json:"owner"`
		Status  string       `json:"status"`
		Place   string       `json:"place,omitempty"`
		Other   *jsonBooking `json:"other,omitempty"`
		Users   []string     `json:"users,omitempty"`
		Reason  string       `json:"reason,omitempty"`
	}
	list := []adoption{}
	for _, l := range a.List {
		item := adoption{ledger.RangeText(l.Found.Range), l.Pool, l.Found.For.Owner, string(l.Status), l.Found.At.String(), nil, nil, l.Reason}
		for _, u := range l.Users {
			item.Users = append(item.Users, u.Text)
		}
		if l.Other.Owner != "" {
			other := newJSONBooking(l.Pool, l.Other)
			item.Other = &other
		}
		list = append(list, item)
	}
	return encodeJSON(w, map[string]any{"adoptions": list, "dry_run": a.DryRun, "commit": a.Commit, "pushed": a.Pushed})
}

// History is what became of an address.
type History struct {
	Asked string
	Pools []PoolHistory
	// Claims are who has it now, by files and directors.
	Claims []ClaimLine
	// Held are who had it, as a server was told; the latest beginning first.
	Held []HeldLine
	// Hidden are the blind spots that may have it now: nobody knows whether they ever had.
	Hidden []*plan.BlindSpot
	// HeldByServer says that a server was asked, and MoreHeld that it has more.
	HeldByServer, MoreHeld bool
	// Unread says that there may be bookings that could not be read.
	Unread bool
	// Failures are what could not be read, of bookings and of all else.
	Failures []trouble.Trouble
	// Stale is the server that does not answer, of which this is what it said before.
	Stale *lint.Stale
}

// HeldLine is who had an address from when to when; Until is the zero time of what goes on,
// and Unsure is since when it was not seen.
type HeldLine struct {
	Range, What, Director, Owner string
	Since, Unsure, Until         time.Time
}

// PoolHistory are the events of one pool's record.
type PoolHistory struct {
	Pool   string
	Record ledger.Record
}

// ClaimLine is one claim, and who wrote its line.
type ClaimLine struct {
	Text, Place string
	Change      *Change
}

// WriteHistory writes it as text, the oldest event first.
func WriteHistory(w io.Writer, h History, options Options) error {
	t := &bookText{page: page{painter: color.Painter(options.Color)}}
	t.line("%s", t.painter.Paint(bold, h.Asked))
	for _, p := range h.Pools {
		t.line("  pool %s, %s (%s)", legible.Text(p.Pool), ledger.RangeText(p.Record.Range), position(p.Record.At))
		for _, e := range p.Record.Events {
			t.line("    %s", legible.Text(eventText(e)))
		}
	}
	switch {
	case len(h.Pools) == 0 && h.Unread:
		t.line("  nobody ever booked it, as far as bookings could be read")
	case len(h.Pools) == 0:
		t.line("  nobody ever booked it")
	}
	for _, l := range h.Held {
		t.line("  %s", legible.Text(heldText(h.Asked, l)))
	}
	switch {
	case h.MoreHeld:
		t.line("  and earlier ones: see the address's page on the server")
	case h.HeldByServer && len(h.Held) == 0:
		t.line("  no director ever showed the server that it had it")
	}
	for i, c := range h.Claims {
		if i == mostClaims {
			t.line("  and %d more %s; --format json has all", len(h.Claims)-i, plural.Noun(len(h.Claims)-i, "claim"))
			break
		}
		line := c.Text + " (" + c.Place + ")"
		if c.Change != nil {
			line += ", " + changeText(*c.Change)
		}
		t.line("  %s", legible.Text(line))
	}
	tellSpots(h.Hidden, func(at, text string) {
		t.line("%s: %s: nobody knows whether that takes it, or ever did", at, text)
	}, func(text string) { t.line("%s", text) })
	_, err := w.Write(t.out.Bytes())
	return err
}

// heldText is "2026-11-26 12:00 UTC to now  declared by web/api of director promo".
func heldText(asked string, l HeldLine) string {
	const form = "2006-01-02 15:04 MST"
	until := "now"
	if !l.Until.IsZero() {
		until = l.Until.UTC().Format(form)
	}
	verb := map[string]string{"declared": "declared by ", "granted": "granted to "}[l.What]
	what := cmp.Or(verb, l.What+" ") + l.Owner + " of director " + l.Director
	if l.What == "hidden" {
		what = "a part of director " + l.Director + " could not be read, which may have had it"
	}
	text := l.Since.UTC().Format(form) + " to " + until + "  " + what
	if l.Range != asked {
		text += ": " + l.Range
	}
	if !l.Unsure.IsZero() {
		text += " (not seen since " + l.Unsure.UTC().Format(form) + ")"
	}
	return text
}

func eventText(e ledger.Event) string {
	text := e.At.UTC().Format("2006-01-02 15:04 MST") + "  " + string(e.What) + agreed(e.Approved) + " for " + ledger.Holder{Owner: e.Owner, Number: e.Number}.String()
	switch e.What {
	case ledger.WasReleased, ledger.WasExpired:
		text = strings.Replace(text, " for ", ", was booked for ", 1) + "; rests " + untilText(e.Until)
	case ledger.WasFreed:
		text = strings.Replace(text, " for ", ", was booked for ", 1)
	default:
		text += " " + untilText(e.Until)
	}
	if e.By != "" {
		text += ", by " + e.By
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// WriteHistoryJSON writes it as JSON.
func WriteHistoryJSON(w io.Writer, h History) error {
	type event struct {
		At         string `json:"at"`
		What       string `json:"what"`
		Pool       string `json:"pool"`
		Range      string `json:"address"`
		Owner      string `json:"owner"`
		Number     int    `json:"number"`
		Until      string `json:"until,omitempty"`
		By         string `json:"by,omitempty"`
		Why        string `json:"why,omitempty"`
		ApprovedBy string `json:"approved_by,omitempty"`
	}
	type claim struct {
		Text   string `json:"text"`
		Place  string `json:"place"`
		Author string `json:"author,omitempty"`
		Commit string `json:"commit,omitempty"`
		When   string `json:"when,omitempty"`
	}
	events, claims := []event{}, []claim{}
	for _, p := range h.Pools {
		for _, e := range p.Record.Events {
			item := event{At: e.At.UTC().Format(time.RFC3339), What: string(e.What), Pool: p.Pool, Range: ledger.RangeText(p.Record.Range), Owner: e.Owner, Number: e.Number, By: e.By, Why: e.Why, ApprovedBy: e.Approved}
			if !e.Until.IsZero() {
				item.Until = e.Until.UTC().Format(time.RFC3339)
			}
			events = append(events, item)
		}
	}
	for _, c := range h.Claims {
		item := claim{Text: c.Text, Place: c.Place}
		if c.Change != nil {
			item.Author, item.Commit, item.When = c.Change.Author.String(), c.Change.Commit, c.Change.When.Format(time.RFC3339)
		}
		claims = append(claims, item)
	}
	all := map[string]any{"address": h.Asked, "events": events, "claims": claims, "hidden": jsonSpots(h.Hidden), "failures": jsonFailures(h.Failures)}
	if h.Stale != nil {
		all["stale"] = staleJSON(h.Stale)
	}
	if h.HeldByServer {
		all["held"], all["more_held"] = heldJSON(h.Held), h.MoreHeld
	}
	return encodeJSON(w, all)
}

func heldJSON(lines []HeldLine) any {
	type held struct {
		Range    string     `json:"address"`
		What     string     `json:"what"`
		Director string     `json:"director"`
		Owner    string     `json:"owner"`
		Since    time.Time  `json:"since"`
		Unsure   *time.Time `json:"unsure,omitempty"`
		Until    *time.Time `json:"until,omitempty"`
	}
	list := []held{}
	for _, l := range lines {
		item := held{Range: l.Range, What: l.What, Director: l.Director, Owner: l.Owner, Since: l.Since.UTC()}
		if !l.Unsure.IsZero() {
			item.Unsure = &l.Unsure
		}
		if !l.Until.IsZero() {
			item.Until = &l.Until
		}
		list = append(list, item)
	}
	return list
}
