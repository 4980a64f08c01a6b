package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/source"
)

const (
	// progressAfter is how long reading may take before anything is said.
	progressAfter = time.Second
	// progressEvery is how often the line is written anew.
	progressEvery = 200 * time.Millisecond
)

// showProgress tells on standard error how many files were read, if that is a
// terminal and takes longer than a second. The function that it returns takes the
// line away; nothing else may be written before.
func showProgress(streams Streams, files *source.Files) (stop func()) {
	if _, isTerminal := terminalOf(streams.Stderr); !isTerminal {
		return func() {}
	}
	ticker := time.NewTicker(progressEvery)
	done := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() {
		defer ticker.Stop()
		tellProgress(streams.Stderr, files.Len, time.Now(), ticker.C, done)
	})
	return func() {
		close(done)
		told.Wait()
	}
}

// tellProgress writes one line again and again: with each tick that comes
// progressAfter after start or later, until done is closed.
func tellProgress(w io.Writer, read func() int, start time.Time, ticks <-chan time.Time, done <-chan struct{}) {
	shown := false
	for {
		select {
		case now := <-ticks:
			if now.Sub(start) >= progressAfter {
				shown = true
				fmt.Fprintf(w, "\ripguard: %s read", plural.Of(read(), "file"))
			}
		case <-done:
			if shown {
				fmt.Fprint(w, eraseLine)
			}
			return
		}
	}
}
