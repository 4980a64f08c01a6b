// Command verdicts holds ipguard lint against what the director's own code said
// about the same files. Each case is a folder:
//
//	manifest.yml, cloud-config.yml, cloud-config-2.yml …   the question
//	options.json   director_ips, ignore_missing_gateway, managed_networks, existing
//	verdict.json   accepted, with networks and addresses; or error and message
//
// It writes a fleet file for each case, runs the real command line on it, and
// prints how often verdict, error class of the first finding and predicted
// addresses agree. It exits with 1 if they agree less than asked for.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	classes := flag.Float64("classes", 98, "percentage of error classes that must agree")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: verdicts [-classes PERCENT] FOLDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	folders, err := filepath.Glob(filepath.Join(flag.Arg(0), "*", "verdict.json"))
	if err != nil || len(folders) == 0 {
		fmt.Fprintf(os.Stderr, "verdicts: no case with a verdict.json below %s\n", flag.Arg(0))
		os.Exit(2)
	}
	sort.Strings(folders)
	var total tally
	for _, path := range folders {
		if err := total.add(filepath.Dir(path)); err != nil {
			fmt.Fprintf(os.Stderr, "verdicts: %s: %v\n", filepath.Dir(path), err)
			os.Exit(2)
		}
	}
	fmt.Print(total)
	if !total.enough(*classes) {
		os.Exit(1)
	}
}

// tally counts agreement.
type tally struct {
	left                int // cases about stemcells, config servers
	cases, verdicts     int
	refused, classes    int
	accepted, addresses int
	list                []string
}

func (t *tally) add(dir string) error {
	want, err := readVerdict(dir)
	if err != nil {
		return err
	}
	if want.isNotOurs() {
		t.left++
		return nil
	}
	got, err := lint(dir)
	if err != nil {
		return err
	}
	name := filepath.Base(dir)
	t.cases++
	if got.refused() == want.Accepted {
		t.note("verdict", name, got.answer(), want.answer())
		return nil
	}
	t.verdicts++
	if !want.Accepted {
		t.refused++
		if got.class == want.class() {
			t.classes++
		} else {
			t.note("class", name, got.answer(), want.answer())
		}
		return nil
	}
	t.accepted++
	if g, w := got.words(), want.words(); g == w {
		t.addresses++
	} else {
		t.note("addresses", name, g, w)
	}
	return nil
}

func (t *tally) note(what, name, got, want string) {
	t.list = append(t.list, fmt.Sprintf("%s: %s: ipguard says %s, the director %s", name, what, got, want))
}

func (t tally) enough(classes float64) bool {
	return t.verdicts == t.cases && t.addresses == t.accepted && percent(t.classes, t.refused) >= classes
}

func (t tally) String() string {
	text := ""
	for _, line := range t.list {
		text += line + "\n"
	}
	for _, row := range []struct {
		what      string
		same, all int
	}{
		{"verdict", t.verdicts, t.cases},
		{"error class of the first finding", t.classes, t.refused},
		{"predicted addresses", t.addresses, t.accepted},
	} {
		text += fmt.Sprintf("%-33s %4d of %4d  %6.2f %%\n", row.what, row.same, row.all, percent(row.same, row.all))
	}
	return text + fmt.Sprintf("%d cases are about stemcells or config servers and do not count\n", t.left)
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}
