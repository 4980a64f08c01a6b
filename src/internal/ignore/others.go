package ignore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// mayAccept reports whether a comment at a party of the finding can settle it: what
// concerns one director alone, or the address on that very line.
func mayAccept(f *lint.Finding, at lint.Party) bool {
	if len(othersOf(f, at)) == 0 {
		return true
	}
	switch at.Kind {
	case plan.Static, plan.CreateEnvVM, plan.VIP, plan.DirectorOwn, plan.Gateway, plan.DNS:
		return true
	}
	return false
}

// othersOf are the owners, other than a party's director, who have part in a finding.
func othersOf(f *lint.Finding, of lint.Party) []string {
	var others []string
	for _, party := range f.Claims {
		if isForeign(party, of) {
			others = append(others, ownerName(party))
		}
	}
	return others
}

// isForeign reports whether a party is another owner than of.
func isForeign(party, of lint.Party) bool {
	return party.Kind == plan.External || party.Kind == plan.Booked || party.Owner.Director != of.Owner.Director
}

// ownerName is what allow calls a party.
func ownerName(party lint.Party) string {
	switch {
	case party.Kind == plan.External, party.Kind == plan.Booked:
		return party.Owner.Property
	case party.Owner.Deployment != "":
		return party.Owner.Director + "/" + party.Owner.Deployment
	}
	return party.Owner.Director
}

// means reports whether the directive is about everybody who has part in a finding.
func (d *Directive) means(f *lint.Finding, at lint.Party) bool {
	if len(d.With) == 0 {
		return true
	}
	for _, party := range f.Claims {
		if isForeign(party, at) && !slices.ContainsFunc(d.With, func(owner string) bool { return names(owner, party) }) {
			return false
		}
	}
	return true
}

// noteOthers remembers who else has part in what the comments on the finding's lines
// are about.
func (j *judge) noteOthers(f *lint.Finding) {
	for _, at := range f.Claims {
		for _, i := range j.byLine[line{at.At.File, at.At.Line}] {
			d := &j.exceptions.Directives[i]
			if len(d.With) > 0 || !slices.Contains(d.Rules, f.Rule) || !mayAccept(f, at) {
				continue
			}
			for _, party := range f.Claims {
				if !isForeign(party, at) {
					continue
				}
				if j.others[i][f.Rule] == nil {
					j.others[i][f.Rule] = map[string]bool{}
				}
				director, _, _ := strings.Cut(ownerName(party), "/")
				j.others[i][f.Rule][director] = true
			}
		}
	}
}

// isAmbiguous reports whether a comment that names nobody is about findings with
// several others.
func (j *judge) isAmbiguous(i int, rule string) bool { return len(j.others[i][rule]) > 1 }

// placeProblem says why a comment that is well formed accepts nothing where it
// stands; nil if it does.
func (j *judge) placeProblem(i int) *problem {
	d := &j.exceptions.Directives[i]
	if len(j.misplaced[i]) > 0 {
		f := &j.misplaced[i][0]
		return &problem{
			"a comment on the line of a range cannot accept findings of " + f.Rule + ": it would accept whatever others do there, now and later",
			"accept what is meant by allow in the fleet file, as the finding shows",
		}
	}
	for _, rule := range d.Rules {
		if j.isAmbiguous(i, rule) {
			owners := slices.Sorted(maps.Keys(j.others[i][rule]))
			return &problem{
				"the comment does not say with whom: findings of " + rule + " on its line are about " + strings.Join(owners, " and "),
				fmt.Sprintf("write ignore[%s] with %s until %s -- REASON, for the one that is meant", rule, owners[0], d.Until.Format(time.DateOnly)),
			}
		}
	}
	return nil
}

// showAllow adds the entry of allow to a finding that a comment was to accept.
func (j *judge) showAllow(f *lint.Finding) {
	for i := range j.misplaced {
		d := &j.exceptions.Directives[i]
		for k := range j.misplaced[i] {
			m := &j.misplaced[i][k]
			if m.Rule == f.Rule && m.Message == f.Message && f.Range.IsValid() {
				*f = f.Advised()
				f.Suggestion = strings.TrimPrefix(f.Suggestion+"\n", "\n") + "or accept it in the fleet file, which the comment cannot:\nallow:\n" + entry(f, d.Until, d.Reason)
				return
			}
		}
	}
}

// entry is the entry of allow that accepts a finding.
func entry(f *lint.Finding, until time.Time, reason string) string {
	var owners []string
	for _, party := range f.Claims {
		if name := quoted(ownerName(party)); !slices.Contains(owners, name) {
			owners = append(owners, name)
		}
	}
	return fmt.Sprintf("- {rule: %s, addresses: [%s], owners: [%s], until: %s, reason: %q}",
		f.Rule, rangeText(f.Range), strings.Join(owners, ", "), until.Format(time.DateOnly), reason)
}

func rangeText(r netipx.IPRange) string {
	if r.From() == r.To() {
		return quoted(r.From().String())
	}
	if prefix, ok := r.Prefix(); ok {
		return quoted(prefix.String())
	}
	return quoted(r.From().String() + " - " + r.To().String())
}

// plain matches what needs no quotes in a flow list of YAML: IPv4 addresses, and names
// that are too long for the words of YAML or have what no word has.
var plain = lazyregexp.New(`^(\d+(\.\d+){3}(/\d+)?( - \d+(\.\d+){3})?|[A-Za-z][A-Za-z0-9_./-]{5,}|[A-Za-z]+[-_/][A-Za-z0-9_./-]*)$`)

func quoted(text string) string {
	if plain().MatchString(text) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
