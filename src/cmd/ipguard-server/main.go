// Command ipguard-server keeps one address plan for many teams: what their directors
// have, and who booked what.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ipguard/ipguard/src/internal/servecli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(servecli.Run(ctx, servecli.Streams{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}))
}
