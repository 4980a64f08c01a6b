package cli

import (
	"fmt"
	"io"

	"github.com/ipguard/ipguard/src/internal/collect"
)

// collectProgress is one line on a terminal that tells how far a collection is. Where
// standard error is no terminal, nothing is told.
type collectProgress struct {
	out   io.Writer
	shown bool
}

func newCollectProgress(streams Streams) *collectProgress {
	if _, isTerminal := terminalOf(streams.Stderr); !isTerminal {
		return &collectProgress{}
	}
	return &collectProgress{out: streams.Stderr}
}

// eraseLine moves to the begin of the line and clears it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *collectProgress) show(now collect.Progress) {
	if p.out == nil {
		return
	}
	p.shown = true
	fmt.Fprintf(p.out, eraseLine+"collecting: %d of %d directors, %d of %d deployments",
		now.DirectorsDone, now.Directors, now.DeploymentsDone, now.Deployments)
}

// end clears the line, so that what follows stands alone.
func (p *collectProgress) end() {
	if p.shown {
		fmt.Fprint(p.out, eraseLine)
	}
}
