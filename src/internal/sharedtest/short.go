package sharedtest

import (
	"os"
	"testing"
)

// Short reports whether a test is to do less of what takes long: with -short, and under the
// race detector, where it takes several times as long and finds no more races.
func Short() bool { return testing.Short() || underRace }

// Thorough reports whether a test is to do all that it can, however long that takes: where the
// step whole of scripts/test is named.
func Thorough() bool { return os.Getenv("IPGUARD_THOROUGH") != "" }
