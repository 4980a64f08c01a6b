//go:build vm

package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const onVM = true

func deskCommands(Streams) []*cobra.Command { return nil }

func (f *lintFlags) fixFirst([]string, func(string) bool, *outputs, Streams) (done bool, err error) {
	return false, nil
}

func (f *lintFlags) addFix(*pflag.FlagSet) {}
