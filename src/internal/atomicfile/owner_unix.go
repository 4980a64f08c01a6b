//go:build unix

package atomicfile

import (
	"os"
	"syscall"
)

// keepOwner gives the next file the owner and the group of the one that it replaces:
// who runs the program as root must still be able to read their own files. Only root
// may do that for others; everybody else has made both.
func keepOwner(target string, next *os.File) {
	info, err := os.Stat(target)
	if err != nil {
		return // it is new
	}
	if old, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = next.Chown(int(old.Uid), int(old.Gid))
	}
}
