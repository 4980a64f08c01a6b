package cli

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"
)

// statusLine is one line on a terminal that tells how far something is. Where
// standard error is no terminal, nothing is told.
type statusLine struct {
	out io.Writer
	// width is how many characters fit on the line; 0: any number.
	width func() int
	shown time.Time
}

func newStatusLine(streams Streams) *statusLine {
	fd, isTerminal := terminalOf(streams.Stderr)
	if !isTerminal {
		return &statusLine{}
	}
	return &statusLine{out: streams.Stderr, width: func() int {
		width, _, err := term.GetSize(fd)
		if err != nil {
			return 0
		}
		return width
	}}
}

// eraseLine moves to the begin of the line and clears it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

// show writes the line that text returns, if the last one has stood long enough.
// text must be ASCII.
func (l *statusLine) show(text func() string) {
	if l.out == nil || time.Since(l.shown) < progressEvery {
		return
	}
	l.shown = time.Now()
	line := text()
	if width := l.width(); width > 0 && len(line) >= width {
		line = line[:width-1] // one that goes on below is not erased
	}
	fmt.Fprint(l.out, eraseLine+line)
}

// end clears the line, so that what follows stands alone.
func (l *statusLine) end() {
	if !l.shown.IsZero() {
		fmt.Fprint(l.out, eraseLine)
	}
}
