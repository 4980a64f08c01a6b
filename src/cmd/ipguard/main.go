// Command ipguard finds IP addresses that two BOSH directors both believe to
// be theirs: in their files, before a deploy, and on the wire.
package main

import (
	"context"
	"os"

	"github.com/ipguard/ipguard/src/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background()))
}
