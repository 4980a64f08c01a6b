//go:build linux

// Command measure measures ipguard against its peers and prints ratios.
//
// Both sides of a ratio run in turn, in one run on one machine, so that what
// slows one slows the other. Figures are medians. Nothing is asserted: a missed
// target is printed as missed and leaves the exit code 0; only what could not
// be measured at all makes it 1.
//
// It is linux only for the peak of memory, which other systems count in other
// units. scripts/bench builds everything that it needs and calls it.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
)

// settings is what the command line says.
type settings struct {
	ipguard, server, bosh, yamlnodes, fleet, directors string // programs
	goipam                                             string // program
	public                                             string // folder of public manifests
	work                                               string // folder for made files
	postgres                                           string // URL of a PostgreSQL to make databases in
	runs                                               int
}

// part is one group of measurements. A program that fails, or an answer that is
// not the expected one, is an error: there is nothing to measure then.
type part struct {
	name, title string
	run         func(*settings, *table) error
	// live prints each row when it is measured.
	live bool
}

// parts are in the order in which they must run: a child's peak of memory is at
// least that of its parent at the start, so what measures memory comes before
// what makes this process large.
var parts = []part{
	{"alone", "one manifest: ipguard lint, and bosh int", measureAlone, false},
	{"fleet", "a whole fleet: ipguard lint, and yaml.v3 parsing the same files into nodes", measureFleet, false},
	{"planted", "planted conflicts: found by ipguard, and planted", measurePlanted, false},
	{"answers", "a whole fleet: ipguard who and ipguard free, and ipguard lint", measureAnswers, false},
	{"collect", "50 live directors: ipguard collect, and the slowest of them alone", measureCollect, false},
	{"snapshots", "one manifest: ipguard lint against snapshots of 100 directors, and bosh int", measureSnapshots, false},
	{"sizes", "size of the ranges: time with large ranges, and with ranges of 16 addresses", measureSizes, false},
	{"book", "choosing an address to book", measureBook, false},
	{"bookings", "the server's bookings, and the database without them", measureBookings, false},
	{"history", "the history of addresses, and what is hoped for", measureHistory, false},
	{"server", "a server with 1,000,000 claims: what it answers, and what is hoped for", measureServer, false},
	{"bounds", "inputs of any size: processor time and output for n, 2n and 4n; excerpts; memory", measureBounds, true},
	{"growth", "everything after reading: time, and what n·log n predicts", measureGrowth, false},
}

func main() {
	var s settings
	flag.StringVar(&s.ipguard, "ipguard", "", "the ipguard program")
	flag.StringVar(&s.server, "server", "", "the ipguard-server program")
	flag.StringVar(&s.bosh, "bosh", "", "the bosh program")
	flag.StringVar(&s.yamlnodes, "yamlnodes", "", "the yamlnodes program")
	flag.StringVar(&s.fleet, "fleet", "", "the fleet program")
	flag.StringVar(&s.directors, "directors", "", "the directors program")
	flag.StringVar(&s.goipam, "goipam", "", "the go-ipam program")
	flag.StringVar(&s.public, "public", "", "the folder of public manifests")
	flag.StringVar(&s.work, "work", "", "the folder for made files")
	flag.StringVar(&s.postgres, "postgres", "", "the URL of a PostgreSQL to make databases in")
	flag.IntVar(&s.runs, "runs", 7, "runs of each side")
	flag.Parse()
	if unknown := slices.IndexFunc(flag.Args(), func(name string) bool { return !known(name) }); unknown >= 0 || s.runs < 1 {
		fmt.Fprintf(os.Stderr, "measure: unknown part %q, or less than one run\n", flag.Args())
		os.Exit(2)
	}
	failed := false
	for _, p := range parts {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), p.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", p.name, p.title)
		t := &table{}
		if p.live {
			t.live = os.Stdout
		}
		err := p.run(&s, t)
		t.print(os.Stdout)
		if err != nil {
			failed = true
			fmt.Printf("COULD NOT MEASURE %s: %v\n", p.name, err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func known(name string) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.name == name })
}
