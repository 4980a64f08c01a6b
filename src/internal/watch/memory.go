package watch

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// remembered is the state file: what must survive a restart, so that a rogue
// that speaks every 15 minutes is not met for the first time each time.
type remembered struct {
	Version   int                        `json:"version"`
	Addresses []rememberedAddress        `json:"addresses"`
	Learned   map[netip.Addr][]frame.MAC `json:"learned"`
}

type rememberedAddress struct {
	Interface string `json:"interface"`
	// Station is the interface's own: it stays when the interface is renamed.
	Station frame.MAC  `json:"station,omitzero"`
	Address netip.Addr `json:"address"`
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

// encode returns the file's content, the same for the same memory.
func (r remembered) encode() ([]byte, error) {
	r.Addresses = slices.Clone(r.Addresses)
	slices.SortFunc(r.Addresses, func(a, b rememberedAddress) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Interface, b.Interface), slices.Compare(a.Station[:], b.Station[:]))
	})
	return json.MarshalIndent(r, "", "  ")
}

// maxRemembered bounds the addresses that are remembered after they left.
const maxRemembered = 1024

// touch has the state file written within the delay.
func (d *daemon) touch(delay time.Duration) {
	if at := d.kernel.now().Add(delay); d.dirty.IsZero() || at.Before(d.dirty) {
		d.dirty = at
	}
}

// recall returns what is known about an address of an interface, which is told by
// its station, and then by its name: a renamed interface has the one, an exchanged
// one the other.
func (d *daemon) recall(at link.Interface, a netip.Addr, guarded bool) acd.Memory {
	var byName acd.Memory
	for _, r := range d.memory.Addresses {
		switch {
		case r.Address != a || r.Guarded != guarded:
		case r.Station == at.MAC:
			return r.Memory
		case r.Interface == at.Name:
			byName = r.Memory
		}
	}
	return byName
}

// remember keeps what is known about an address, if there is anything.
func (d *daemon) remember(at link.Interface, a netip.Addr, guarded bool, m acd.Memory) {
	d.memory.Addresses = slices.DeleteFunc(d.memory.Addresses, func(r rememberedAddress) bool {
		return r.Address == a && r.Guarded == guarded && (r.Station == at.MAC || r.Interface == at.Name)
	})
	if !worthRemembering(m) {
		return
	}
	d.memory.Addresses = append(d.memory.Addresses, rememberedAddress{at.Name, at.MAC, a, guarded, m})
	if len(d.memory.Addresses) > maxRemembered {
		d.memory.Addresses = d.memory.Addresses[len(d.memory.Addresses)-maxRemembered:]
	}
}

// worthRemembering reports whether anything was ever seen: hundreds of addresses
// that come and go leave nothing behind.
func worthRemembering(m acd.Memory) bool {
	m.Since = time.Time{}
	if len(m.Claims) == 0 {
		m.Claims = nil
	}
	if len(m.Claimants) == 0 {
		m.Claimants = nil
	}
	return !reflect.DeepEqual(m, acd.Memory{})
}

// save writes the state file, if that would change it. A failure is logged once,
// not each time.
func (d *daemon) save() {
	d.dirty = time.Time{}
	for _, s := range d.segments {
		for a, own := range s.own {
			d.remember(s.at, a, false, own.detector.Memory())
		}
	}
	for _, g := range d.guards {
		for a, other := range g.others {
			d.remember(g.at, a, true, other.holder.Memory())
		}
	}
	err := d.writeMemory()
	if err != nil {
		if d.stateErr == nil {
			d.log.Error("state file cannot be written", "error", err.Error())
		}
		d.touch(countsDelay) // a full disk may have room again
	}
	d.stateErr = err
}

func (d *daemon) writeMemory() error {
	if d.options.StateFile == "" {
		return nil
	}
	b, err := d.memory.encode()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	if sum == d.written {
		return nil
	}
	if err := atomicfile.Write(d.options.StateFile, atomicfile.Private, b); err != nil {
		return err
	}
	d.written = sum
	return nil
}
