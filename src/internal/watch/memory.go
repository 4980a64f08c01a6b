package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/frame"
)

// remembered is the state file: what must survive a restart, so that a rogue
// that speaks every 15 minutes is not met for the first time each time.
type remembered struct {
	Version   int                        `json:"version"`
	Addresses []rememberedAddress        `json:"addresses"`
	Learned   map[netip.Addr][]frame.MAC `json:"learned"`
}

type rememberedAddress struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
	// Guarded marks an address of another host.
	Guarded bool       `json:"guarded"`
	Memory  acd.Memory `json:"memory"`
}

const memoryVersion = 1

// readMemory reads the state file; one that is missing is empty. One that cannot
// be read is an error: to forget a conflict is worse than not to start.
func readMemory(file string) (remembered, error) {
	r := remembered{Version: memoryVersion, Learned: map[netip.Addr][]frame.MAC{}}
	if file == "" {
		return r, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("reading the state file: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s is no state file of this program: %w; move it away to begin anew", file, err)
	}
	if r.Version != memoryVersion {
		return r, fmt.Errorf("%s has version %d, this program knows %d; move it away to begin anew", file, r.Version, memoryVersion)
	}
	if r.Learned == nil {
		r.Learned = map[netip.Addr][]frame.MAC{}
	}
	return r, nil
}

// write replaces the file at once, so that a crash leaves the old or the new.
func (r remembered) write(file string) error {
	if file == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(file, atomicfile.Private, b)
}
