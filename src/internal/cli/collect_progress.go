package cli

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"

	"github.com/ipguard/ipguard/src/internal/collect"
)

// collectProgress is one line on a terminal that tells how far a collection is. Where
// standard error is no terminal, nothing is told.
type collectProgress struct {
	out io.Writer
	// width is how many characters fit on the line; 0: any number.
	width func() int
	shown time.Time
}

func newCollectProgress(streams Streams) *collectProgress {
	fd, isTerminal := terminalOf(streams.Stderr)
	if !isTerminal {
		return &collectProgress{}
	}
	return &collectProgress{out: streams.Stderr, width: func() int {
		width, _, err := term.GetSize(fd)
		if err != nil {
			return 0
		}
		return width
	}}
}

// eraseLine moves to the begin of the line and clears it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *collectProgress) show(now collect.Progress) {
	if p.out == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	line := fmt.Sprintf("collecting: %d of %d directors, %d of %d deployments",
		now.DirectorsDone, now.Directors, now.DeploymentsDone, now.Deployments)
	if width := p.width(); width > 0 && len(line) >= width {
		line = line[:width-1] // one that goes on below is not erased
	}
	fmt.Fprint(p.out, eraseLine+line)
}

// end clears the line, so that what follows stands alone.
func (p *collectProgress) end() {
	if !p.shown.IsZero() {
		fmt.Fprint(p.out, eraseLine)
	}
}
