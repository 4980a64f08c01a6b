//go:build !vm

package cli

import "github.com/spf13/cobra"

// onVM says that this is the program that a BOSH release compiles for its VMs.
const onVM = false

// deskCommands are those that nobody needs on a VM of BOSH: there every MB counts a
// thousand times. Such a program is built with the tag vm.
func deskCommands(streams Streams) []*cobra.Command {
	return []*cobra.Command{
		newBookCommand(streams), newBookingsCommand(streams), newRenewCommand(streams), newReleaseCommand(streams),
		newAdoptCommand(streams), newHistoryCommand(streams), newRequestsCommand(streams),
		newPushCommand(streams), newLoginCommand(streams), newLogoutCommand(streams),
		newAuditCommand(streams),
		newBaselineCommand(streams),
		newInitCommand(streams),
		newFenceCommand(streams),
		newGateCommand(streams),
		newMapCommand(streams),
		newSchemaCommand(streams),
		newCompletionCommand(streams),
	}
}
