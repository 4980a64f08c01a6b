package ignore

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
)

// Directive is one comment for ipguard, or what was to be one.
type Directive struct {
	// Rules are those whose findings on the line are accepted, none of them empty.
	Rules []string
	// With are the others whose part in a finding is accepted, as in allow; empty
	// means the only one there is.
	With []string
	// Until is the last day of that, at midnight UTC.
	Until  time.Time
	Reason string
	// At is the comment.
	At place.Place
	// Problem says why the comment cannot be understood, and so accepts nothing;
	// empty if it can.
	Problem string
}

// marker matches a comment for ipguard in a line: YAML begins a comment at the
// start of a line or behind a blank (YAML 1.2.2, section 6.6). A # inside of a
// quoted value would match too; nobody writes one there.
var marker = lazyregexp.New(`(?:^|[ \t])(#[ \t]*ipguard:[ \t]*)(.*)$`)

// word is what every such comment holds; looking for it first keeps scanning
// cheap.
var word = []byte("ipguard:")

// Scan returns all comments for ipguard in a text, in its order; name is the
// file of their places.
func Scan(name string, text []byte) []Directive {
	var list []Directive
	line := 1
	for {
		i := bytes.Index(text, word)
		if i < 0 {
			return list
		}
		line += bytes.Count(text[:i], []byte("\n"))
		start := bytes.LastIndexByte(text[:i], '\n') + 1
		end := len(text)
		if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
			end = i + n
		}
		content := strings.TrimSuffix(string(text[start:end]), "\r")
		if m := marker().FindStringSubmatchIndex(content); m != nil {
			d := parse(strings.TrimSpace(content[m[4]:m[5]]))
			d.At = place.Place{File: name, Line: line, Column: utf8.RuneCountInString(content[:m[2]]) + 1}
			list = append(list, d)
		}
		text = text[end:]
	}
}

// form is the form of a directive, shown where one is wrong.
const form = "# ipguard: ignore[RULE] until 2027-01-31 -- REASON"

// parse reads "ignore[RULE, …] with OWNER, … until DATE -- REASON", where with and
// the owners may be left out.
func parse(text string) Directive {
	rest, ok := strings.CutPrefix(text, "ignore")
	if !ok {
		found, _, _ := strings.Cut(cmp.Or(text, "nothing"), " ")
		return Directive{Problem: "a comment for ipguard begins with ignore[RULE], not with " + found}
	}
	inside, rest, ok := strings.Cut(rest, "]")
	inside, open := strings.CutPrefix(strings.TrimLeft(inside, " \t"), "[")
	if !ok || !open {
		return Directive{Problem: "the comment does not say which rule it ignores"}
	}
	var d Directive
	for _, rule := range strings.Split(inside, ",") {
		rule = strings.TrimSpace(rule)
		if rule == "" {
			return Directive{Problem: "the comment does not say which rule it ignores"}
		}
		d.Rules = append(d.Rules, rule)
	}
	condition, reason, _ := strings.Cut(rest, "--")
	d.Reason = strings.TrimSpace(reason)
	fields := strings.Fields(condition)
	if len(fields) > 0 && fields[0] == "with" {
		end := max(slices.Index(fields, "until"), 1)
		for _, owner := range strings.Split(strings.Join(fields[1:end], " "), ",") {
			d.With = append(d.With, strings.TrimSpace(owner))
		}
		fields = fields[end:]
		if slices.Contains(d.With, "") {
			return Directive{Problem: "behind with come the owners, separated by commas, and then until"}
		}
	}
	switch {
	case len(fields) == 0:
		d.Problem = "the comment does not say until when it holds"
	case fields[0] != "until" || len(fields) != 2:
		d.Problem = "behind ignore[RULE] comes until and a date, not " + strings.Join(fields, " ")
	case d.Reason == "":
		d.Problem = "the comment gives no reason"
	default:
		var err error
		if d.Until, err = time.Parse(time.DateOnly, fields[1]); err != nil {
			d.Problem = "the comment's date is no day of the form 2027-01-31: " + fields[1]
		}
	}
	return d
}
