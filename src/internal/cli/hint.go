package cli

import (
	"fmt"
	"io"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// hint writes a hint, one line, to standard error. It names what others have named: what
// would steer a terminal or begin a line, as commands to a pipeline's runner do, is written out.
func hint(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "hint: %s\n", legible.Text(fmt.Sprintf(format, args...)))
}
