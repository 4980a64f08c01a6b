package yamledit

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// backwards is a range as it stands in a text: two addresses and a dash.
var backwards = lazyregexp.New(`^(["']?[ \t]*)([0-9A-Fa-f.:]+)([ \t]*-[ \t]*)([0-9A-Fa-f.:]+)([ \t]*)`)

// Place is a line and a column, from 1; columns count characters.
type Place struct{ Line, Column int }

// SwapRanges puts the two addresses of the ranges at some places the other way round,
// and touches no other byte. It refuses a place where no range stands that is written
// as FIRST - LAST.
func SwapRanges(text []byte, places []Place) ([]byte, error) {
	after := bytes.Clone(text)
	e := editor{text: after, lines: lineStarts(after)}
	for _, p := range places {
		at, ok := e.offset(&yaml.Node{Line: p.Line, Column: p.Column})
		if !ok {
			return nil, &Refusal{Line: p.Line, Column: p.Column, Reason: "no range stands here"}
		}
		m := backwards().FindSubmatch(after[at:])
		if m == nil {
			return nil, &Refusal{Line: p.Line, Column: p.Column, Reason: "the range is not written as FIRST - LAST"}
		}
		// The whole has the same length, so that no other place moves.
		copy(after[at:], fmt.Sprintf("%s%s%s%s%s", m[1], m[4], m[3], m[2], m[5]))
	}
	return after, nil
}
