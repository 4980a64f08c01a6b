// Command histories holds ipguard lint against what real directors did, deploy by
// deploy. A history is a folder, and each of its steps a folder in it:
//
//	cloud-config.yml, manifest.yml   what was deployed
//	api-before/                      the director's answers right before
//	result.json                      accepted or refused, and the tables of instances and addresses after
//
// For each step it has ipguard collect ask a director that answers what was
// recorded, runs the real lint with that snapshot, and prints how often four
// things agree: accepted or refused, the class of the error, the addresses of
// each group in each zone after the step, and the index of each address that was
// leased before. It exits with 1 if they agree less than asked for.
//
// Some of what a director does follows from what none of its answers shows. Such
// steps are told by the recorded tables alone (unseen.go), are counted with the
// rest, and once more apart. Where lint says itself that it cannot tell (exit code
// 3), the step is left open if that is so, and a disagreement if it is not. Steps in
// which the CPI failed are left out: the director itself refused nothing.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	verbose := flag.Bool("v", false, "also print the disagreements of steps that cannot be told from a director's answers")
	only := flag.String("only", "", "take the histories whose names match this pattern")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: histories [-v] [-only PATTERN] FOLDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	total, err := replay(flag.Arg(0), *only)
	if err != nil {
		fmt.Fprintf(os.Stderr, "histories: %v\n", err)
		os.Exit(2)
	}
	fmt.Print(total.report(*verbose))
	if !total.enough() {
		os.Exit(1)
	}
}

// replay runs all steps below a folder.
func replay(folder, only string) (*tally, error) {
	if only == "" {
		only = "*"
	}
	histories, err := filepath.Glob(filepath.Join(folder, only))
	if err != nil {
		return nil, err
	}
	sort.Strings(histories)
	total := &tally{}
	for _, dir := range histories {
		steps, err := filepath.Glob(filepath.Join(dir, "*", "result.json"))
		if err != nil {
			return nil, err
		}
		if len(steps) == 0 {
			continue // a page beside the histories
		}
		sort.Strings(steps)
		for i := range steps {
			steps[i] = filepath.Dir(steps[i])
		}
		if err := total.history(steps); err != nil {
			return nil, err
		}
	}
	if total.steps == 0 {
		return nil, fmt.Errorf("no step with a result.json below %s", folder)
	}
	return total, nil
}
