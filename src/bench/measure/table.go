//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// table gathers rows; all parts print the same columns. One with live has each row
// printed there when it is measured.
type table struct {
	rows []row
	live io.Writer
}

// row is one measurement: a figure of ipguard's and one to compare it with.
type row struct {
	what        string
	ours, peers string
	ratio       float64
	// target is the largest ratio, or the smallest if atLeast is set, that is
	// hoped for; 0 if there is no target.
	target  float64
	atLeast bool
}

func (t *table) add(r row) {
	if t.live == nil {
		t.rows = append(t.rows, r)
		return
	}
	target, verdict := r.judged()
	fmt.Fprintf(t.live, "%s\n    %s (%s): %.2f, target %s: %s\n", r.what, r.ours, r.peers, r.ratio, target, verdict)
}

// judged is what is hoped for, and whether it is met.
func (r row) judged() (target, verdict string) {
	if r.target == 0 {
		return "-", "-"
	}
	sign, met := "≤", r.ratio <= r.target
	if r.atLeast {
		sign, met = "≥", r.ratio >= r.target
	}
	target, verdict = fmt.Sprintf("%s %.2f", sign, r.target), "MISSED"
	if met {
		verdict = "met"
	}
	return target, verdict
}

// durations adds a comparison of two medians.
func (t *table) durations(what string, ours, peers []time.Duration, target float64) {
	a, b := median(ours), median(peers)
	t.add(row{what: what, ours: spread(ours), peers: spread(peers), ratio: float64(a) / float64(b), target: target})
}

func (t *table) print(w io.Writer) {
	if t.live != nil {
		return
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "what\tipguard\tpeer\tratio\ttarget\tverdict")
	for _, r := range t.rows {
		target, verdict := r.judged()
		fmt.Fprintf(out, "%s\t%s\t%s\t%.2f\t%s\t%s\n", r.what, r.ours, r.peers, r.ratio, target, verdict)
	}
	out.Flush()
}

func median[T interface{ ~int64 }](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread writes the median and the extremes.
func spread(d []time.Duration) string {
	return fmt.Sprintf("%s (%s…%s)", short(median(d)), short(slices.Min(d)), short(slices.Max(d)))
}

// short writes a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.3g µs", d.Seconds()*1e6)
	}
}
