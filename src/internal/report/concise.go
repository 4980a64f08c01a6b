package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// writeConcise writes one line for each finding and failure and nothing else:
//
//	file:line:column: severity[rule]: message (also other-file:line:column)
func writeConcise(w io.Writer, result lint.Result, _ Options) error {
	var out bytes.Buffer
	for _, f := range result.Findings {
		text := fmt.Sprintf("%s[%s]: %s", f.Severity, legible.Text(f.Rule), legible.Text(f.Told()))
		at, also := "", ""
		if main, others, ok := mainParty(f); ok {
			at = position(main.At)
			also = alsoAt(others)
		}
		fmt.Fprintln(&out, located(at, text+also))
	}
	for _, f := range result.Failures {
		fmt.Fprintln(&out, located(position(f.At), "failure: "+legible.Text(f.Message)))
	}
	_, err := w.Write(out.Bytes())
	return err
}

func located(at, text string) string {
	if at == "" {
		return text
	}
	return at + ": " + text
}

// alsoAt names the places of the other parties in brackets, each once.
func alsoAt(others []lint.Party) string {
	var places []string
	seen := map[string]bool{"": true}
	for _, p := range others {
		if at := position(p.At); !seen[at] {
			seen[at] = true
			places = append(places, at)
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " (also " + strings.Join(places, ", ") + ")"
}
