package watch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// returnMemory returns what is free of the heap, and all pages of the program's
// own file: most were needed to start, or to read a plan, and never again. The
// kernel maps the others anew when they are touched, from its cache.
func returnMemory() error {
	debug.FreeOSMemory()
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer maps.Close()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	mappings, err := readMappings(maps)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		if m.path != program || !m.pristine() {
			continue
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, uintptr(m.from), uintptr(m.to-m.from), syscall.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise: %w", errno)
		}
	}
	return nil
}

// mapping is one range of addresses of a process (proc_pid_smaps(5)).
type mapping struct {
	from, to    uint64
	permissions string
	path        string
	// anonymous is how many KiB are not as in the file; -1 if that is not told.
	anonymous int
}

// pristine reports whether all of it can be had from the file again.
func (m mapping) pristine() bool {
	return strings.HasPrefix(m.permissions, "r") && !strings.Contains(m.permissions, "w") && m.anonymous == 0
}

// readMappings reads a smaps file: for each mapping a line "FROM-TO PERMISSIONS
// OFFSET DEVICE INODE PATH", then lines "NAME: VALUE".
func readMappings(r io.Reader) (mappings []mapping, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if !strings.HasSuffix(words[0], ":") {
			m, err := parseMapping(words)
			if err != nil {
				return nil, err
			}
			mappings = append(mappings, m)
			continue
		}
		if words[0] == "Anonymous:" && len(words) > 1 && len(mappings) > 0 {
			if mappings[len(mappings)-1].anonymous, err = strconv.Atoi(words[1]); err != nil {
				return nil, err
			}
		}
	}
	return mappings, lines.Err()
}

func parseMapping(words []string) (m mapping, err error) {
	from, to, ok := strings.Cut(words[0], "-")
	if !ok || len(words) < 5 {
		return m, errors.New("no mapping: " + strconv.Quote(strings.Join(words, " ")))
	}
	m = mapping{permissions: words[1], path: strings.Join(words[5:], " "), anonymous: -1}
	if m.from, err = strconv.ParseUint(from, 16, 64); err != nil {
		return m, err
	}
	if m.to, err = strconv.ParseUint(to, 16, 64); err != nil {
		return m, err
	}
	if m.to <= m.from {
		return m, fmt.Errorf("mapping %s ends before it begins", words[0])
	}
	return m, nil
}
