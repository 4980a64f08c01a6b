// Package madefleet makes fleets of any size, for tests and benchmarks: many
// directors with cloud-configs, deployment manifests, create-env manifests, ops
// and vars files, and the fleet file ipguard.yml that names them all.
//
// The same Size gives the same bytes. Shape and mix of sizes follow public
// deployments: most manifests have a few groups, one in fifty is as large as
// cf-deployment. Four directors at a time share the VLANs of one site and keep
// apart by their reserved ranges; every tenth has a cloud network of its own,
// whose ranges equal those of all others of its kind. Nothing conflicts, unless
// conflicts are asked for:
//
//	Size ──layOut──▶ directors, subnets, groups, addresses ──plant──▶ conflicts ──write──▶ texts
package madefleet

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
)

// Size says how large a fleet is, and what is wrong with it.
type Size struct {
	// Directors is at least 1 and at most 1,000.
	Directors int
	// Deployments are dealt out to the directors one by one.
	Deployments int
	// StaticAddresses is how many addresses stand in static_ips of manual
	// networks, some 1,000 per director at most. Addresses of vip networks,
	// virtual addresses in job properties and planted conflicts come on top.
	StaticAddresses int
	// Conflicts is how many addresses two directors claim.
	Conflicts int
	// AsWritten leaves out ops files and variables: every file is used as it is.
	AsWritten bool
	// Seed varies names, sizes and properties.
	Seed uint64
}

// Large is the size that benchmarks use.
func Large() Size {
	return Size{Directors: 100, Deployments: 2000, StaticAddresses: 40000, Seed: 1}
}

// Fleet is a made fleet.
type Fleet struct {
	// Files are sorted by path.
	Files []File
	// Planted are the conflicts, in the order in which they were planted.
	Planted []Planted
}

// File is one text of a fleet. Path is relative and has slashes.
type File struct {
	Path string
	Text []byte
}

// Planted is one address that two directors claim.
type Planted struct {
	Kind    PlantedKind
	Address netip.Addr
	// Directors are the names of the two, the one that is in the wrong first.
	Directors [2]string
	// Files are where the two claims stand.
	Files [2]string
}

// FleetFile is the path of the file that names all others.
const FleetFile = "ipguard.yml"

// Make makes a fleet. The error says what about size cannot be.
func Make(size Size) (*Fleet, error) {
	if size.Directors < 1 || size.Directors > maxDirectors {
		return nil, fmt.Errorf("%d directors: must be 1 to %d", size.Directors, maxDirectors)
	}
	if size.Deployments < 0 || size.StaticAddresses < 0 || size.Conflicts < 0 {
		return nil, fmt.Errorf("a fleet cannot have fewer than no deployments, addresses or conflicts")
	}
	directors, err := layOut(size)
	if err != nil {
		return nil, err
	}
	fleet := &Fleet{}
	if fleet.Planted, err = plant(directors, size.Conflicts); err != nil {
		return nil, err
	}
	fleet.Files = append(fleet.Files, writeFleetFile(directors))
	for _, d := range directors {
		fleet.Files = append(fleet.Files, d.files()...)
	}
	slices.SortFunc(fleet.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return fleet, nil
}

// Write writes all files below dir, which need not exist. It replaces files of
// the same names and leaves others alone.
func (f *Fleet) Write(dir string) error {
	for _, file := range f.Files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.Text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is the size of all files together.
func (f *Fleet) Bytes() int {
	n := 0
	for _, file := range f.Files {
		n += len(file.Text)
	}
	return n
}
