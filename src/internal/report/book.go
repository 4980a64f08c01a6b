package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/legible"
)

// Book is the answer to somebody who wants addresses, or what became of bookings.
type Book struct {
	Pool string
	// For is whose the addresses are.
	For string
	// Bookings are what the owner has; none with Refusal.
	Bookings []ledger.Booking
	// New are how many of them it did not have before.
	New int
	// Refusal says why not, with what to do.
	Refusal *BookRefusal
	// Commit holds the booking; empty if nothing had to be written. Pushed says that
	// the remote has it, and Branch where it is if that is not the current branch.
	Commit, Branch string
	Pushed         bool
	// Server is the URL of the server that keeps the bookings; empty: they are in git.
	// Written says that it had to write something.
	Server  string
	Written bool
	// Notes are what is to be known of single addresses: where they may be used.
	Notes []string
	Now   time.Time
}

// BookRefusal is a no.
type BookRefusal struct {
	Reason  ledger.Reason
	Message string
	// Lines are what it rests on.
	Lines []string
	Hint  string
}

// WriteBook writes the answer as text: the addresses, one a line, and below them what
// can be pasted.
func WriteBook(w io.Writer, b Book, options Options) error {
	t := &bookText{Book: b, page: page{painter: color.Painter(options.Color)}}
	if b.Refusal != nil {
		t.line("%s", t.painter.Paint(bold, legible.Text(b.Refusal.Message)))
		for _, l := range b.Refusal.Lines {
			t.line("  %s", legible.Text(l))
		}
		if b.Refusal.Hint != "" {
			t.line("%s", visibleLines(b.Refusal.Hint))
		}
	} else {
		t.addresses()
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

type bookText struct {
	Book
	page
}

func (t *bookText) addresses() {
	t.column(func(yield func(address, text string) bool) {
		for _, b := range t.Bookings {
			if !yield(ledger.RangeText(b.Range), legible.Text(bookingText(b, t.Now))) {
				return
			}
		}
	})
	if len(t.Bookings) > 0 && t.Bookings[0].Range.IsSingleIP() {
		t.line("\nstatic_ips: [%s]", strings.Join(addressTexts(t.Bookings), ", "))
	}
	for _, n := range t.Notes {
		t.line("%s", legible.Text(n))
	}
	t.line("%s", legible.Text(t.standing()))
}

// standing is whether the booking counts for others already.
func (t *bookText) standing() string {
	switch {
	case t.Server != "" && t.Written:
		return "written on " + t.Server + ": everybody sees it"
	case t.Commit == "" && t.Branch != "":
		return "already booked: nothing was written; it counts when branch " + t.Branch + " is merged"
	case t.Commit == "":
		return "already booked: nothing was written"
	case t.Branch != "" && t.Pushed:
		return fmt.Sprintf("pushed to branch %s (%s): open a pull request for it; the booking counts when that is merged", t.Branch, short(t.Commit))
	case t.Branch != "":
		return fmt.Sprintf("committed to branch %s (%s): push it and open a pull request; the booking counts when that is merged", t.Branch, short(t.Commit))
	case t.Pushed:
		return "pushed: others see it (" + short(t.Commit) + ")"
	}
	return "committed (" + short(t.Commit) + "): others see it when it is pushed; until then they may book the same"
}

func short(commit string) string { return commit[:min(shortCommit, len(commit))] }

// bookingText is "booked for promo/web/api until 2026-12-10".
func bookingText(b ledger.Booking, now time.Time) string {
	text := taken(b)
	switch {
	case b.State == ledger.Quarantined:
		text = "rests after the booking for " + b.For()
	case b.State == ledger.Released:
		text = "free again, last booked for " + b.For()
		return text
	}
	text += " " + untilText(b.Until)
	if b.Over(now) {
		text += ", which is over"
	}
	return text
}

// taken is "booked for promo/web/api". Who agreed stands before all that others wrote.
func taken(b ledger.Booking) string { return string(b.State) + agreed(b.Approved) + " for " + b.For() }

// agreed is " (approved by token network)"; empty where nobody had to agree.
func agreed(by string) string {
	if by == "" {
		return ""
	}
	return " (approved by " + by + ")"
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "without an end"
	}
	return "until " + t.UTC().Format("2006-01-02 15:04 MST")
}

func addressTexts(list []ledger.Booking) []string {
	texts := make([]string, len(list))
	for i, b := range list {
		texts[i] = ledger.RangeText(b.Range)
	}
	return texts
}

func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = legible.Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

// jsonBooking is a booking as it stands in JSON.
type jsonBooking struct {
	Address    string `json:"address"`
	Pool       string `json:"pool"`
	State      string `json:"state"`
	Owner      string `json:"owner"`
	Number     int    `json:"number"`
	Team       string `json:"team,omitempty"`
	Since      string `json:"since,omitempty"`
	Until      string `json:"until,omitempty"`
	By         string `json:"by,omitempty"`
	Why        string `json:"why,omitempty"`
	ApprovedBy string `json:"approved_by,omitempty"`
	// Users are who declares the address or was granted it, where that was looked up.
	Users []string `json:"users,omitempty"`
}

func newJSONBooking(pool string, b ledger.Booking) jsonBooking {
	j := jsonBooking{
		Address: ledger.RangeText(b.Range), Pool: pool, State: string(b.State), Owner: b.Owner, Number: b.Number, Team: b.Team, By: b.By, Why: b.Why, ApprovedBy: b.Approved,
	}
	if !b.Since.IsZero() {
		j.Since = b.Since.UTC().Format(time.RFC3339)
	}
	if !b.Until.IsZero() {
		j.Until = b.Until.UTC().Format(time.RFC3339)
	}
	return j
}

// WriteBookJSON writes the answer as JSON.
func WriteBookJSON(w io.Writer, b Book) error {
	type refusal struct {
		Reason  ledger.Reason `json:"reason"`
		Message string        `json:"message"`
		Details []string      `json:"details,omitempty"`
		Hint    string        `json:"hint,omitempty"`
	}
	out := struct {
		Answer   string        `json:"answer"`
		Pool     string        `json:"pool"`
		For      string        `json:"for"`
		Bookings []jsonBooking `json:"bookings"`
		New      int           `json:"new"`
		Commit   string        `json:"commit,omitempty"`
		Branch   string        `json:"branch,omitempty"`
		Pushed   bool          `json:"pushed"`
		Server   string        `json:"server,omitempty"`
		Notes    []string      `json:"notes,omitempty"`
		Refusal  *refusal      `json:"refusal,omitempty"`
	}{Answer: "yours", Pool: b.Pool, For: b.For, Bookings: []jsonBooking{}, New: b.New, Commit: b.Commit, Branch: b.Branch, Pushed: b.Pushed, Server: b.Server, Notes: b.Notes}
	for _, booking := range b.Bookings {
		out.Bookings = append(out.Bookings, newJSONBooking(b.Pool, booking))
	}
	switch {
	case b.Refusal != nil:
		out.Answer = "no"
		out.Refusal = &refusal{b.Refusal.Reason, b.Refusal.Message, b.Refusal.Lines, b.Refusal.Hint}
	case b.New > 0:
		out.Answer = "new"
	}
	return encodeJSON(w, out)
}

// WriteVars writes a vars file with one variable: the address, or the list if there
// are several.
func WriteVars(w io.Writer, name string, ranges []netip.Prefix) error {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = ledger.RangeText(r)
	}
	quoted, err := json.Marshal(name) // which is YAML, whatever the name is
	if err != nil {
		return err
	}
	if plainName(name) {
		quoted = []byte(name)
	}
	if len(texts) == 1 {
		_, err = fmt.Fprintf(w, "%s: %s\n", quoted, yamlAddress(texts[0]))
		return err
	}
	_, err = fmt.Fprintf(w, "%s:\n", quoted)
	for _, text := range texts {
		if err == nil {
			_, err = fmt.Fprintf(w, "- %s\n", yamlAddress(text))
		}
	}
	return err
}

// plainName reports whether a name is a string for YAML as it is.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && name[0] >= 'a' && name[0] <= 'z' &&
		name != "true" && name != "false" && name != "yes" && name != "no" && name != "on" && name != "off" && name != "null" && name != "y" && name != "n"
}

// yamlAddress quotes what YAML could take for something else: 2001:db8::1 is no
// number and no mapping, but not every reader knows.
func yamlAddress(text string) string {
	if strings.Contains(text, ":") {
		return `"` + text + `"`
	}
	return text
}

// StaticIPsOps is an ops file that sets the static_ips of an instance group on a network.
func StaticIPsOps(group, network string, ranges []netip.Prefix) ([]byte, error) {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = ledger.RangeText(r)
	}
	// What go-patch takes for something else in the path of an operation.
	escape := strings.NewReplacer("~", "~0", "/", "~1", ":", "~7")
	path, err := json.Marshal("/instance_groups/name=" + escape.Replace(group) + "/networks/name=" + escape.Replace(network) + "/static_ips?")
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "- type: replace\n  path: %s\n  value: %s\n", path, value), nil
}

// IsStaticIPsOps reports whether a text is one that StaticIPsOps wrote, and nothing else.
func IsStaticIPsOps(text []byte) bool {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	return len(lines) == 4 && lines[0] == "- type: replace" && strings.HasPrefix(lines[1], `  path: "/instance_groups/name=`) &&
		strings.HasSuffix(lines[1], `/static_ips?"`) && strings.HasPrefix(lines[2], "  value: [") && lines[3] == ""
}
