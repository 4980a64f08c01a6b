package cli

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/fencetext"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// finish tells the fence, writes it if that is wanted, and ends the run.
func (r *fencing) finish(fix bool) error {
	left := r.left()
	if r.json {
		if err := report.WriteFenceJSON(r.streams.Stdout, r.told(left)); err != nil {
			return incomplete("", "cannot write to standard output: %s", err)
		}
	} else if err := r.printDiffs(); err != nil {
		return err
	}
	tellSome(r, r.edits.ByHand, "change", r.tellByHand)
	tellSome(r, r.fence.Unknown, "subnet", func(s *plan.Subnet) {
		r.say("%s (%s) is left out: what it hands out hides, in part", s.Label(), s.At)
	})
	tellSome(r, r.fence.Shortages, "subnet", r.tellShortage)
	r.tellLeft(left)
	written, err := r.write(fix)
	if err != nil {
		return err
	}
	undone := len(left) + len(r.edits.ByHand) + len(r.fence.Shortages)
	r.tellHidden()
	unknown := len(r.failures) + len(r.Unread) + len(r.fence.Unknown) + len(r.fence.Blind)
	switch {
	case fix && !written && !r.refused:
		return exitCode(ExitIncomplete)
	case undone > 0 || !written:
		return exitCode(ExitFindings)
	case unknown > 0:
		return exitCode(ExitIncomplete)
	}
	if len(r.edits.Files) == 0 {
		r.say("nothing to do: no two directors can hand out one address, and none an address that is in use elsewhere")
	}
	return nil
}

// told is the whole fence, as programs are told it.
func (r *fencing) told(left []lint.Finding) report.Fence {
	f := report.Fence{
		Conflicts: left, Unknown: r.fence.Unknown, Failures: slices.Concat(r.failures, r.Unread), Stale: r.stale(),
	}
	for _, spot := range r.hidden() {
		f.Failures = append(f.Failures, trouble.Trouble{At: spot.At, Message: spot.Text(), Hint: spot.Hint})
	}
	for _, file := range r.edits.Files {
		for _, c := range file.Changes {
			f.Changes = append(f.Changes, report.FenceChange{Change: c})
		}
	}
	for _, h := range r.edits.ByHand {
		f.Changes = append(f.Changes, report.FenceChange{Change: h.Change, ByHand: h.Reason})
	}
	for _, s := range r.fence.Shortages {
		f.Short = append(f.Short, s.Subnet)
	}
	return f
}

// write writes the files, or says why not. It reports whether none is left to
// be written.
func (r *fencing) write(fix bool) (written bool, err error) {
	files := r.edits.Files
	switch {
	case len(files) == 0:
		return true, nil
	case r.refused:
		r.say("nothing is written as long as a director would refuse it")
		return false, nil
	case !fix:
		hint(r.streams.Stderr, "write this into %s with --fix", plural.Of(len(files), "file"))
		return false, nil
	case len(r.failures)+len(r.Unread)+len(r.fence.Unknown)+len(r.fence.Blind) > 0:
		r.say("nothing was written: what could not be read may use the same addresses")
		return false, nil
	}
	for _, f := range files {
		if err := atomicfile.Exchange(f.Path, f.Before, f.After); err != nil {
			return false, incomplete("", "cannot write %s: %s", f.Path, err)
		}
		r.say("wrote %s", f.Path)
	}
	return true, nil
}

// printDiffs prints one diff for each file to standard output.
func (r *fencing) printDiffs() error {
	for _, f := range r.edits.Files {
		if err := printDiff(r.streams, color.Painter(r.color), f.Path, f.Before, f.After); err != nil {
			return err
		}
	}
	return nil
}

// mostTold is how many changes, subnets or refusals are told of one kind, and mostLines
// how many lines of one change.
const (
	mostTold  = 20
	mostLines = 100
)

// tellSome tells the first of many, and how many more there are.
func tellSome[T any](r *fencing, list []T, what string, tell func(T)) {
	for i, v := range list {
		if i == mostTold {
			r.say("and %s: name a network or a CIDR to see fewer, or see all with --format json", plural.Of(len(list)-i, "more "+what))
			return
		}
		tell(v)
	}
}

func (r *fencing) tellByHand(h fencetext.ByHand) {
	lines := h.Lines
	if rest := len(lines) - mostLines; rest > 0 {
		lines = append(slices.Clone(lines[:mostLines]), "and "+plural.Of(rest, "more line")+", which --format json has")
	}
	r.say("add by hand to reserved of %s, subnet %s (%s):\n    %s\nbecause %s",
		h.Change.Subnet.Label(), h.Change.Subnet.Range.Masked(), h.At, strings.Join(lines, "\n    "), h.Reason)
}

func (r *fencing) tellShortage(s fence.Shortage) {
	if s.Needs > 0 {
		r.say("%s (%s) keeps %s of its own and needs %d", s.Subnet.Label(), s.Subnet.At, plural.Of(s.Keeps, "address"), s.Needs)
	} else {
		r.say("%s (%s) keeps no address that it may hand out by itself", s.Subnet.Label(), s.Subnet.At)
	}
	hint(r.streams.Stderr, "the range is too small for all who share it: give it a larger one, or move something")
}

// tellHidden tells of what nobody can see and may lie in a pool, or be one.
func (r *fencing) tellHidden() {
	for _, t := range r.Said {
		if len(t.Unseen) > 0 {
			r.say("%s: director %s did not show %s: what is there may be in use elsewhere, too", t.File, t.Director, strings.Join(t.Unseen, "; "))
		}
	}
	tellSome(r, r.hidden(), "part that hides", func(spot *plan.BlindSpot) {
		r.say("%s: %s: nobody knows whose pool that lies in", spot.At, spot.Text())
		if spot.Hint != "" {
			hint(r.streams.Stderr, "%s", spot.Hint)
		}
	})
}

// hidden are the spots that no failure tells of.
func (r *fencing) hidden() []*plan.BlindSpot {
	type told struct {
		at   place.Place
		what string
	}
	known := map[told]bool{}
	for _, t := range slices.Concat(r.failures, r.Unread) {
		known[told{t.At, t.Message}] = true
	}
	return slices.DeleteFunc(slices.Clone(r.fence.Blind), func(s *plan.BlindSpot) bool { return known[told{s.At, s.Text()}] })
}

// left are the findings that are left with all lines added, by hand or not.
func (r *fencing) left() []lint.Finding {
	return r.ofSegments(r.findings(lint.NewFacts(fence.Apply(r.Facts.Plan, r.fence.Changes)), r.streams))
}

// tellLeft tells which findings are left.
func (r *fencing) tellLeft(left []lint.Finding) {
	if len(left) == 0 {
		return
	}
	r.say("%s for people to decide, since reserved cannot settle who gives way:", plural.Of(len(left), "conflict"))
	concise, _, _ := report.ParseFormat("concise")
	_ = concise.Write(r.streams.Stderr, lint.Result{Findings: lint.Folded(left)}, report.Options{})
	hint(r.streams.Stderr, "ipguard lint shows both sides and proposes addresses")
}

// ofSegments keeps the findings about addresses of the segments to fence.
func (r *fencing) ofSegments(findings []lint.Finding) []lint.Finding {
	return slices.DeleteFunc(findings, func(f lint.Finding) bool {
		if !f.Range.IsValid() || r.unknown(f) {
			return true
		}
		return r.subnets != nil && !r.touches(f)
	})
}

// unknown reports whether a finding is about a pool that is left out of the
// fence; that is told already.
func (r *fencing) unknown(f lint.Finding) bool {
	for _, party := range f.Claims {
		for _, s := range r.fence.Unknown {
			o := party.Owner
			if party.Kind.Pool() && o.Director == s.Director && o.Deployment == s.Deployment && o.Network == s.Network {
				return true
			}
		}
	}
	return false
}

// subnetOf tells whose subnets have a range: those of a director, or, with a deployment,
// of that alone.
type subnetOf struct {
	director, deployment string
	of                   netip.Prefix
}

// touches reports whether a finding's addresses lie in a subnet that is to be fenced, and
// one of its parties is whose that is.
func (r *fencing) touches(f lint.Finding) bool {
	at := f.Range.From()
	for bits := range at.BitLen() + 1 {
		of := netip.PrefixFrom(at, bits).Masked()
		for _, party := range f.Claims {
			o := party.Owner
			if r.there[subnetOf{o.Director, "", of}] || r.there[subnetOf{o.Director, o.Deployment, of}] {
				return true
			}
		}
	}
	return false
}
