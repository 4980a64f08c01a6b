package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tally counts agreement, of all steps and of those that can be told from a
// director's answers.
type tally struct {
	steps     int
	all, told counts
	list      []note
	// open are steps of which lint says itself that it cannot tell: of those that the
	// director refused, and of those that it accepted.
	openRefused, openAccepted int
	// unsure are accepted steps of which lint says that it cannot tell an address.
	unsure int
	// broken are steps in which a call of the CPI failed: the director refused nothing.
	broken int
}

// counts are how often each thing agrees, of how many.
type counts struct{ verdicts, classes, addresses, indexes count }

type count struct{ same, of int }

func (c *count) add(same bool) {
	c.of++
	if same {
		c.same++
	}
}

func (c count) percent() float64 {
	if c.of == 0 {
		return 100
	}
	return 100 * float64(c.same) / float64(c.of)
}

// note is one disagreement.
type note struct{ text, unseen string }

// history replays the steps of one history.
func (t *tally) history(steps []string) error {
	configs, err := configsOf(steps)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "histories")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, step := range steps {
		want, err := readResult(step)
		if err != nil {
			return err
		}
		if err := collectAt(step, filepath.Join(folder, "snapshot.json"), configs); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		got, err := lint(step, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		t.compare(want, got)
	}
	return nil
}

func (t *tally) compare(want result, got answer) {
	t.steps++
	if want.cpiFailed() {
		t.broken++
		return
	}
	unseen := want.unseen()
	each := []*counts{&t.all}
	if unseen == "" {
		each = append(each, &t.told)
	}
	differ := func(what, ours, theirs string) {
		t.list = append(t.list, note{fmt.Sprintf("%s: %s (%s): ipguard says %s, the director %s", want.name(), what, want.Mutation, ours, theirs), unseen})
	}
	if !got.refused && len(got.unknown) > 0 {
		if want.Accepted {
			t.openAccepted++
		} else {
			t.openRefused++
		}
		t.list = append(t.list, note{fmt.Sprintf("%s: open (%s): ipguard says %s; the director %s", want.name(), want.Mutation, strings.Join(got.unknown, "; "), want.answer()), unseen})
		if unseen == "" {
			t.told.verdicts.add(false) // it could have been told
			t.all.verdicts.add(false)
		}
		return
	}
	same := got.refused != want.Accepted
	for _, c := range each {
		c.verdicts.add(same)
	}
	ours := "that it is accepted"
	if got.refused {
		ours = got.class + " (" + got.message + ")"
	}
	switch {
	case !same:
		differ("verdict", ours, want.answer())
	case !want.Accepted:
		same := got.class == want.class()
		for _, c := range each {
			c.classes.add(same)
		}
		if !same {
			differ("class", ours, want.answer())
		}
	default:
		t.accepted(want, got, each, differ)
	}
}

func (t *tally) accepted(want result, got answer, each []*counts, differ func(what, ours, theirs string)) {
	ours, theirs := got.words(), want.words()
	unsure := slices.ContainsFunc(got.addresses, func(p predicted) bool { return p.Unsure })
	if unsure {
		t.unsure++
	}
	for _, c := range each {
		if !unsure {
			c.addresses.add(ours == theirs)
		}
	}
	if ours != theirs {
		only, missing := difference(ours, theirs)
		differ("addresses", "+ "+only, "+ "+missing)
	}
	right, of, wrong := want.indexes(got)
	for _, c := range each {
		c.indexes.same += right
		c.indexes.of += of
	}
	if len(wrong) > 0 {
		differ("index", "otherwise", "that "+strings.Join(wrong, ", "))
	}
}

// difference tells the words that only one of two texts has.
func difference(a, b string) (onlyA, onlyB string) {
	left := func(x, y string) string {
		has := map[string]bool{}
		for _, w := range strings.Fields(y) {
			has[w] = true
		}
		var list []string
		for _, w := range strings.Fields(x) {
			if !has[w] {
				list = append(list, w)
			}
		}
		return strings.Join(list, " ")
	}
	return left(a, b), left(b, a)
}

// The least that must agree, in percent, of all steps.
const (
	leastVerdicts  = 99
	leastClasses   = 98
	leastAddresses = 98.5
	leastIndexes   = 99
)

func (t *tally) enough() bool {
	c := t.all
	return c.verdicts.percent() >= leastVerdicts && c.classes.percent() >= leastClasses &&
		c.addresses.percent() >= leastAddresses && c.indexes.percent() >= leastIndexes
}

func (t *tally) report(verbose bool) string {
	var text strings.Builder
	for _, n := range t.list {
		switch {
		case n.unseen == "":
			text.WriteString(n.text + "\n")
		case verbose:
			text.WriteString("(" + n.unseen + ") " + n.text + "\n")
		}
	}
	for _, part := range []struct {
		title string
		c     counts
	}{{"all steps", t.all}, {"steps that can be told from the director's answers", t.told}} {
		fmt.Fprintf(&text, "%s:\n", part.title)
		for _, row := range []struct {
			what string
			c    count
		}{
			{"accepted or refused", part.c.verdicts}, {"error class, where both refuse", part.c.classes},
			{"addresses, where both accept", part.c.addresses}, {"index of addresses kept", part.c.indexes},
		} {
			fmt.Fprintf(&text, "  %-31s %5d of %5d  %6.2f %%\n", row.what, row.c.same, row.c.of, row.c.percent())
		}
	}
	fmt.Fprintf(&text, "accepted, and lint does not know some address: %d\n", t.unsure)
	fmt.Fprintf(&text, "left out, as a call of the CPI failed: %d\n", t.broken)
	fmt.Fprintf(&text, "left open, as what the director does not show decides: %d that it refused, %d that it accepted\n", t.openRefused, t.openAccepted)
	return text.String()
}
