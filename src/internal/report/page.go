package report

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"github.com/ipguard/ipguard/src/internal/color"
)

// page is text that is laid out in lines.
type page struct {
	out     bytes.Buffer
	painter color.Painter
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// column writes a line for each address, with what is said of it behind.
func (p *page) column(list iter.Seq2[string, string]) {
	width := 0
	for address := range list {
		width = max(width, len(address))
	}
	for address, text := range list {
		p.line("%s%s  %s", p.painter.Paint(bold, address), strings.Repeat(" ", width-len(address)), text)
	}
}
