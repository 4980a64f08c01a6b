package bookfile

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// maxEvents is how many events one address may have: an address that is booked and
// released every hour has as many after a year.
const maxEvents = 20_000

// written is an event as it stands in a file. The order of the fields is that of
// the lines.
type written struct {
	At     string `yaml:"at"`
	What   string `yaml:"what"`
	Owner  string `yaml:"owner"`
	Number int    `yaml:"number,omitempty"`
	Team   string `yaml:"team,omitempty"`
	Until  string `yaml:"until,omitempty"`
	By     string `yaml:"by,omitempty"`
	Why    string `yaml:"why,omitempty"`
}

// text is the event as YAML, an item of a list.
func text(e ledger.Event) ([]byte, error) {
	if err := ledger.CheckEvent(e); err != nil {
		return nil, err
	}
	w := written{At: moment(e.At), What: string(e.What), Owner: e.Owner, Number: e.Number, Team: e.Team, By: e.By, Why: e.Why}
	if !e.Until.IsZero() {
		w.Until = moment(e.Until)
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := errors.Join(encoder.Encode([]written{w}), encoder.Close())
	return out.Bytes(), err
}

// moment is a time as it stands in a file: to the second, in UTC (RFC 3339).
func moment(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// appended is a file's text with some events more; before is empty for a new file.
func appended(before []byte, pool string, r netip.Prefix, events []ledger.Event) ([]byte, error) {
	after := slices.Clone(before)
	if len(after) == 0 {
		after = fmt.Appendf(nil, "# What became of %s in pool %s, the newest below. ipguard book writes this file.\n",
			ledger.RangeText(r), strconv.QuoteToGraphic(pool))
	}
	if after[len(after)-1] != '\n' {
		after = append(after, '\n')
	}
	for _, e := range events {
		item, err := text(e)
		if err != nil {
			return nil, err
		}
		after = append(after, item...)
	}
	// Somebody may have written the list in another form, to which nothing can be added.
	name := PathOf(pool, r)
	last := events[len(events)-1]
	last.At = last.At.UTC().Truncate(time.Second)
	if !last.Until.IsZero() {
		last.Until = last.Until.UTC().Truncate(time.Second)
	}
	record, err := parse(name, r, after)
	if err != nil || record.Events[len(record.Events)-1] != last {
		return nil, stop("write it as a list of items that begin with - at the line's beginning, or take it back to what ipguard wrote",
			"%s is not in the form that ipguard writes: nothing can be added to it", name)
	}
	return after, nil
}

// parse reads the text of one address's file. path names it in places. The error is
// a *trouble.Trouble; the record has then what came before it.
func parse(path string, r netip.Prefix, content []byte) (ledger.Record, error) {
	record := ledger.Record{Range: r, At: place.Place{File: path, Line: 1, Column: 1}}
	doc, err := source.Parse(path, content)
	if err != nil {
		return record, err
	}
	root := doc.Root()
	if !root.IsList() || len(root.Items()) == 0 {
		return record, wrong(root.Place(), "a booking's file is a list of events")
	}
	for _, item := range root.Items() {
		e, err := parseEvent(item)
		if err != nil {
			return record, err
		}
		record.Events, record.At = append(record.Events, e), item.Place()
		if len(record.Events) > maxEvents {
			return record, wrong(item.Place(), "more than %d events", maxEvents)
		}
	}
	if doc.HasMore() {
		return record, wrong(record.At, "something follows the list of events, which may be a second document")
	}
	if _, err := record.Booking(); err != nil {
		var misordered *ledger.MisorderedError
		if errors.As(err, &misordered) {
			return record, wrong(root.Items()[misordered.Index].Place(), "%s", misordered)
		}
		return record, wrong(record.At, "%s", err)
	}
	return record, nil
}

func wrong(at place.Place, format string, args ...any) error {
	return &trouble.Trouble{
		At: at, Message: fmt.Sprintf(format, args...),
		Hint: "take the file as the last good commit has it (git log), and let ipguard book, renew and release write it",
	}
}

// parseEvent reads one item. Every key is known, and stands once.
func parseEvent(item source.Value) (e ledger.Event, err error) {
	if !item.IsMap() {
		return e, wrong(item.Place(), "an event is a mapping with at, what and owner")
	}
	seen := map[string]bool{}
	content := item.Node().Content
	for i := 0; i+1 < len(content); i += 2 {
		key, value := item.At(content[i]), item.At(content[i+1])
		name := key.Text()
		if seen[name] {
			return e, wrong(key.Place(), "%q stands twice", name)
		}
		seen[name] = true
		if err := parseField(&e, name, key, value); err != nil {
			return e, err
		}
	}
	for _, name := range []string{"at", "what", "owner"} {
		if !seen[name] {
			return e, wrong(item.Place(), "the event has no %q", name)
		}
	}
	if err := ledger.CheckEvent(e); err != nil {
		return e, wrong(item.Place(), "%s", err)
	}
	return e, nil
}

func parseField(e *ledger.Event, name string, key, value source.Value) error {
	node := value.Node()
	if !value.IsScalar() || node.ShortTag() == "!!null" {
		return wrong(value.Place(), "%q takes one value", name)
	}
	var err error
	switch name {
	case "at":
		e.At, err = parseMoment(value)
	case "until":
		e.Until, err = parseMoment(value)
	case "what":
		e.What = ledger.What(value.Text())
		if !slices.Contains(ledger.Whats(), e.What) {
			err = wrong(value.Place(), "%q is no event; there are %s", value.Text(), whats())
		}
	case "number":
		e.Number, err = strconv.Atoi(value.Text())
		if err != nil || e.Number < 0 {
			err = wrong(value.Place(), "a number is 0 or above, and not %q", value.Text())
		}
	case "owner":
		e.Owner = value.Text()
	case "team":
		e.Team = value.Text()
	case "by":
		e.By = value.Text()
	case "why":
		e.Why = value.Text()
	default:
		err = wrong(key.Place(), "an event has no %q", name)
	}
	return err
}

func whats() string {
	var words []string
	for _, w := range ledger.Whats() {
		words = append(words, string(w))
	}
	return strings.Join(words, ", ")
}

func parseMoment(value source.Value) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value.Text())
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return t, wrong(value.Place(), "%q is no time such as 2026-11-26T16:40:00Z", value.Text())
	}
	return t.UTC(), nil
}
