//go:build vm

package cli

import "github.com/spf13/cobra"

const onVM = true

func deskCommands(Streams) []*cobra.Command { return nil }
