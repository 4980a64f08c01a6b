package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// mostSpots is how many parts that hide a text tells one by one.
const mostSpots = 100

// tellSpots tells what hides, of many the first.
func tellSpots(spots []*plan.BlindSpot, tell func(at, text string), rest func(text string)) {
	for i, s := range spots {
		if i == mostSpots {
			rest(fmt.Sprintf("and %s: ipguard lint tells which", plural.Of(len(spots)-i, "more hidden part")))
			return
		}
		tell(position(s.At), legible.Text(s.Text()))
	}
}

// writeRows writes a table of CSV (RFC 4180, but for the ends of lines), n rows below the
// headings. Each write ends at the end of a row, so that no name is in two of them: what
// w keeps back it finds in the text of one write.
func writeRows(w io.Writer, headings []string, n int, row func(i int) []string) error {
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	for i := -1; i < n; i++ {
		cells := headings
		if i >= 0 {
			cells = row(i)
		}
		if err := out.Write(cells); err != nil {
			return err
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return err
		}
		if text.Len() >= atOnce || i == n-1 {
			if _, err := w.Write(text.Bytes()); err != nil {
				return err
			}
			text.Reset()
		}
	}
	return nil
}
