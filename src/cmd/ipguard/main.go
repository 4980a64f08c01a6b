// Command ipguard finds IP addresses that two BOSH directors both believe to
// be theirs: in their files, before a deploy, and on the wire.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ipguard/ipguard/src/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
