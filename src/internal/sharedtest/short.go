package sharedtest

import "testing"

// Short reports whether a test is to do less of what takes long: with -short, and under the
// race detector, where it takes several times as long and finds no more races.
func Short() bool { return testing.Short() || underRace }
