//go:build !linux

package watch

import "runtime/debug"

// returnMemory returns what is free of the heap.
func returnMemory() error {
	debug.FreeOSMemory()
	return nil
}
