// Command fleet writes a made fleet into a folder: all files of its directors
// and the fleet file ipguard.yml.
//
//	fleet [-directors N] [-deployments N] [-addresses N] [-conflicts N] [-seed N] FOLDER
//
// It prints one line for each planted conflict: the address, what is wrong, and
// the two files, separated by tabs.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/ipguard/ipguard/src/internal/madefleet"
)

func main() {
	size := madefleet.Large()
	flag.IntVar(&size.Directors, "directors", size.Directors, "number of directors")
	flag.IntVar(&size.Deployments, "deployments", size.Deployments, "number of deployments")
	flag.IntVar(&size.StaticAddresses, "addresses", size.StaticAddresses, "number of static addresses")
	flag.IntVar(&size.Conflicts, "conflicts", 0, "number of addresses that two directors claim")
	flag.BoolVar(&size.AsWritten, "as-written", false, "no ops files and variables")
	flag.Uint64Var(&size.Seed, "seed", size.Seed, "varies names, sizes and properties")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "fleet: name one folder to write to")
		os.Exit(2)
	}
	if err := write(size, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func write(size madefleet.Size, folder string) error {
	fleet, err := madefleet.Make(size)
	if err != nil {
		return err
	}
	if err := fleet.Write(folder); err != nil {
		return err
	}
	for _, p := range fleet.Planted {
		fmt.Printf("%s\t%s\t%s\t%s\n", p.Address, p.Kind, p.Files[0], p.Files[1])
	}
	fmt.Fprintf(os.Stderr, "%d files, %.1f MB, in %s\n", len(fleet.Files), float64(fleet.Bytes())/1e6, folder)
	return nil
}
