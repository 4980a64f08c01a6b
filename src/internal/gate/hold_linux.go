package gate

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Hold keeps a text in memory, open for the program that this process becomes, and
// returns the path under which it opens it. Nobody can change it any more.
func Hold(text []byte) (path string, err error) {
	fd, err := unix.MemfdCreate("ipguard", unix.MFD_ALLOW_SEALING)
	if err != nil {
		return "", fmt.Errorf("memfd_create: %w", err)
	}
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return "", fmt.Errorf("write: %w", err)
		}
		text = text[max(n, 0):]
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return "", fmt.Errorf("F_ADD_SEALS: %w", err)
	}
	return fmt.Sprintf("/dev/fd/%d", fd), nil
}
