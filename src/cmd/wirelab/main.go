//go:build linux

// Command wirelab plays the incident on a segment made of network namespaces,
// and measures the wire commands there beside the field's tools. Nothing leaves
// the machine. It is for people and scripts; it is no part of a release.
//
//	wirelab story IPGUARD    tell the incident, and how it is found and healed
//	wirelab bench IPGUARD    measure, and fail where a bound is missed
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: wirelab story|bench IPGUARD [ONLY...]")
		os.Exit(2)
	}
	run := map[string]func(program string, only []string) error{"story": story, "bench": bench}[os.Args[1]]
	if run == nil {
		fmt.Fprintf(os.Stderr, "wirelab: %q is neither story nor bench\n", os.Args[1])
		os.Exit(2)
	}
	if err := run(os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "wirelab:", err)
		os.Exit(1)
	}
}
