package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/source"
)

// TestProgress drives the line with a clock of its own.
func TestProgress(t *testing.T) {
	start := time.Unix(0, 0)
	for name, c := range map[string]struct {
		after []time.Duration
		want  string
	}{
		"a quick run":    {[]time.Duration{200 * time.Millisecond, 999 * time.Millisecond}, ""},
		"a slow run":     {[]time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second}, "\ripguard: 2 files read\ripguard: 3 files read\r\x1b[K"},
		"no tick at all": {nil, ""},
	} {
		var out bytes.Buffer
		asked := 0
		read := func() int { asked++; return asked + 1 }
		ticks, done := make(chan time.Time), make(chan struct{})
		go func() {
			for _, d := range c.after {
				ticks <- start.Add(d)
			}
			close(done)
		}()
		tellProgress(&out, read, start, ticks, done)
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", name, out.String(), c.want)
		}
	}
}

// TestNoProgressWithoutTerminal: a pipeline's log must not fill with it.
func TestNoProgressWithoutTerminal(t *testing.T) {
	var stderr bytes.Buffer
	stop := showProgress(Streams{Stderr: &stderr}, source.NewFiles(strings.NewReader("")))
	stop()
	if stderr.Len() > 0 {
		t.Errorf("%q", stderr.String())
	}
}
