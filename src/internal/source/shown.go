package source

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
)

// Unknown stands for a value of which nobody can say what it came from.
const Unknown = "…"

// Shown is what may be said of a scalar: its text, if that was written where it
// stands. What came through a variable may be a secret, so that it is shown only if
// it is an address, a block or a range; else as it was before, with ((variables)).
func (v Value) Shown() string {
	text := v.Raw()
	if v.node == nil {
		return ""
	}
	if trimmed := strings.TrimSpace(text); ipaddr.IsText(trimmed) {
		return trimmed // such as a file's whole text, with the end of its line
	}
	if before, ok := v.doc.before[v.node]; ok {
		return before
	}
	if through := v.Place().Through; through != "" {
		return "((" + through + "))"
	}
	return text
}

// Through is the place of a scalar of which a part is meant: Place names the first
// variable that a text was made with, and that may be the one of a password beside it.
// part cuts the part out of the text as it was written.
func (v Value) Through(part func(text string) string) place.Place {
	at := v.Place()
	if v.node == nil {
		return at
	}
	before, composed := v.doc.before[v.node]
	if !composed || before == Unknown {
		return at
	}
	at.Through = ""
	if _, rest, ok := strings.Cut(part(before), "(("); ok {
		name, _, _ := strings.Cut(rest, "))")
		at.Through = strings.TrimPrefix(strings.TrimSpace(name), "!")
	}
	return at
}

// Format is Shown for messages: a value that is formatted shows no more than that.
func (v Value) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), v.Shown())
}

// isWhole reports whether a scalar is as it was written, or all that a variable has.
func (v Value) isWhole() bool { _, composed := v.doc.before[v.node]; return !composed }

// isWithheld reports whether a scalar is all that a variable has and comes from where
// secrets are: it is shown nowhere, also if it is a plain name.
func (v Value) isWithheld() bool { return isVariable(v.doc.before[v.node]) }

// MayBeShown reports whether a scalar's text may be shown or sent where a name stands: it
// was written where it stands, or is an address, or is all that a variable has and a
// plain name.
func (v Value) MayBeShown() bool {
	text := v.Raw()
	return v.Shown() == strings.TrimSpace(text) || v.Shown() == text || v.isWhole() && isPlainName(text)
}

// Written is a scalar's text as others may get it in a document: as it is, and never a seal.
// ok is false where it may not be shown.
func (v Value) Written() (text string, ok bool) { return v.Raw(), v.MayBeShown() }

// WithheldKey is the first key, from the top down, that may not be shown.
func (v Value) WithheldKey() (key Value, found bool) {
	if v.IsList() {
		for _, item := range v.Items() {
			if key, found = item.WithheldKey(); found {
				return key, true
			}
		}
	}
	if !v.IsMap() {
		return key, false
	}
	for key, value := range v.Fields() {
		if !key.MayBeShown() {
			return key, true
		}
		if below, found := value.WithheldKey(); found {
			return below, true
		}
	}
	return key, false
}

// maxName is the most bytes of a name: no column of a director's database takes more.
const maxName = 255

// isPlainName reports whether a text has letters, digits and - _ + . only.
func isPlainName(text string) bool {
	return text != "" && len(text) <= maxName && strings.IndexFunc(text, func(r rune) bool {
		return !place.IsPlain(r)
	}) < 0
}
