package report

import "github.com/ipguard/ipguard/src/internal/lint"

// The styles of text, as SGR parameters (ECMA-48, section 8.3.117). Of the
// eight colours of a terminal only red and magenta can be read on white and on
// black alike (with xterm's palette both contrasts are above 3.5:1; yellow and
// cyan vanish on white, blue on black). So these two carry severity and the
// rest is bold or faint.
const (
	bold    = "1"
	faint   = "2"
	red     = "1;31"
	magenta = "1;35"
)

func severityStyle(s lint.Severity) string {
	switch s {
	case lint.Error:
		return red
	case lint.Warning:
		return magenta
	}
	return bold
}
