//go:build !unix

package atomicfile

import "os"

func keepOwner(string, *os.File) {}
