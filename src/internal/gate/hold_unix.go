//go:build unix && !linux

package gate

import (
	"fmt"
	"os"
	"syscall"
)

// Hold keeps a text in a file without a name, open for the program that this
// process becomes, and returns the path under which it opens it.
func Hold(text []byte) (path string, err error) {
	file, err := os.CreateTemp("", "ipguard")
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return "", err
	}
	if _, err := file.Write(text); err != nil {
		return "", err
	}
	// Opening /dev/fd/N here is dup(2): the reader begins where the offset is.
	if _, err := file.Seek(0, 0); err != nil {
		return "", err
	}
	fd, err := syscall.Dup(int(file.Fd())) // the copy stays open over execve
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/dev/fd/%d", fd), nil
}
