package pushes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// A push stands for all of a director. Where two repositories have a part of it each, the
// one that pushes later would take the other's part out of the plan, and its addresses
// would be free for everybody. A director that was asked tells all it has; files do not.
// No director tells of the machines of create-env beside it, nor of its own; and of what a
// team's fleet file says beside directors (external, vip_properties), and of what the team
// booked in git, there is no other source at all.

// part is something of a director that a push may lack.
type part struct {
	name string
	// untold says that no director tells it.
	untold bool
}

// lost is what a push lacks that was there before.
type lost struct {
	parts []part
	// all says that nothing of the director itself is left.
	all bool
}

func (l *lost) names() (list []string) {
	for _, p := range l.parts {
		list = append(list, p.name)
	}
	return list
}

// lostOf compares two snapshots of a director.
func lostOf(before, now *snapshot.Snapshot) *lost {
	had, has := partsOf(before), partsOf(now)
	l := &lost{parts: slices.DeleteFunc(slices.Clone(had), func(p part) bool { return slices.Contains(has, p) })}
	l.all = len(l.parts) > 0 && len(l.parts) == len(had)
	for _, name := range slices.Concat(externalGone(before, now), bookingsGone(before, now), virtualGone(before, now)) {
		l.parts = append(l.parts, part{name, true})
	}
	return l
}

// gone are the names of the parts that the last version had and the text of a snapshot has
// not. One that lacks all of the director, or what another one pushed, is refused unless it is said
// to replace all; one that the director told may lack whatever directors tell.
func (s *Store) gone(ctx context.Context, text []byte, last *Push, by string, replaces bool) (names []string, err error) {
	if last == nil || last.Retired() {
		return nil, nil
	}
	lastText, err := s.Text(ctx, last.Director, last.Version)
	if isDamaged(err) {
		if by == last.By || replaces {
			return []string{fmt.Sprintf("whatever version %d had beside this (it is damaged, and nobody can tell)", last.Version)}, nil
		}
		return nil, &RefusedError{fmt.Sprintf("what %s pushed of it at %s is damaged, and nobody knows whether this lacks something of that: push it again as %s, or say that this replaces it (ipguard push --replaces)",
			last.By, last.At.Format(time.RFC3339), last.By)}
	}
	if err != nil {
		return nil, err
	}
	before, err := snapshot.Read(last.Director+".json", lastText)
	if err != nil {
		return nil, err
	}
	now, err := snapshot.Read(last.Director+".json", text)
	if err != nil {
		return nil, err
	}
	l := lostOf(before, now)
	var lacks []string
	for _, p := range l.parts {
		if p.untold || now.Director.UUID == "" {
			lacks = append(lacks, p.name)
		}
	}
	if len(lacks) == 0 || replaces || !l.all && by == last.By { // somebody took his own away
		return l.names(), nil
	}
	return nil, &RefusedError{fmt.Sprintf("this lacks %s, which %s pushed at %s: push all that the director has together, or say that this replaces it (ipguard push --replaces)",
		someParts(lacks), last.By, last.At.Format(time.RFC3339))}
}

// partsOf are the networks of a snapshot's cloud-configs, whichever they stand in, its
// runtime-configs, of which only those with virtual addresses are kept, its deployments,
// the machines of create-env beside it, and its own.
func partsOf(s *snapshot.Snapshot) (list []part) {
	for _, c := range s.CloudConfigs {
		if c.Latest && c.Content.Document != nil {
			for _, n := range c.Content.Document.Root().Field("networks").Items() {
				list = append(list, part{name: "network " + n.Field("name").Text() + " of the cloud-config"})
			}
		}
	}
	for _, c := range s.RuntimeConfigs {
		if c.Latest {
			list = append(list, part{name: "runtime-config " + c.Name})
		}
	}
	for i := range s.Deployments {
		list = append(list, part{name: "deployment " + s.Deployments[i].Name})
	}
	for _, c := range s.CreateEnvs {
		if c.Document != nil {
			list = append(list, part{"create-env " + c.Document.Root().Field("name").Text(), true})
		}
	}
	if len(s.Settings.Own) > 0 {
		list = append(list, part{"the machine of the director itself", true})
	}
	slices.SortFunc(list, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(list)
}

// externalGone are the addresses outside of directors that were told, and are not any more for
// the same owner.
func externalGone(before, now *snapshot.Snapshot) (list []string) {
	for _, e := range before.Settings.External {
		var gone netipx.IPSetBuilder
		for _, a := range e.Addresses {
			gone.AddRange(a.Range)
		}
		for _, n := range now.Settings.External {
			for _, a := range n.Addresses {
				if n.Owner == e.Owner && (n.Segment == "" || n.Segment == e.Segment) { // in any, or in the same
					gone.RemoveRange(a.Range)
				}
			}
		}
		set, err := gone.IPSet()
		if err != nil { // an address was no address
			continue
		}
		for _, r := range set.Ranges() {
			list = append(list, addressesText(r)+" of external "+e.Owner)
		}
	}
	return list
}

func addressesText(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	return r.String()
}

// bookingsGone are those in git that were told, had not ended, and are not told any more: by
// none of the same owner that is as young, and ends as late or was given back.
func bookingsGone(before, now *snapshot.Snapshot) (list []string) {
	told := map[netip.Prefix][]*snapshot.Booking{}
	for i := range now.Settings.Bookings {
		b := &now.Settings.Bookings[i]
		told[b.Range] = append(told[b.Range], b)
	}
	for i := range before.Settings.Bookings {
		b := &before.Settings.Bookings[i]
		ended := !b.Until.IsZero() && !b.Until.After(now.Collected)
		if !ended && !slices.ContainsFunc(told[b.Range], func(n *snapshot.Booking) bool { return follows(b, n) }) {
			list = append(list, addressesText(netipx.RangeOfPrefix(b.Range))+" of booking "+b.Owner+untilText(b.Until))
		}
	}
	return list
}

// follows reports whether a booking may be what became of one before: of two clones that do
// not see each other, the one that pushes later has the other's, or it is none of it. Where an
// address only rested, whoever has it now keeps it from others.
func follows(before, now *snapshot.Booking) bool {
	if now.Segment != "" && now.Segment != before.Segment { // in any, or in the same
		return false
	}
	younger := now.Since.After(before.Since)
	switch {
	case before.Rests:
		return !now.Rests || younger || endsLater(now, before)
	case now.Owner != before.Owner || now.Since.Before(before.Since):
		return false
	}
	return now.Rests || younger || endsLater(now, before)
}

// endsLater reports whether one booking ends with the other, or after it.
func endsLater(now, before *snapshot.Booking) bool {
	return now.Until.IsZero() || !before.Until.IsZero() && !now.Until.Before(before.Until)
}

func untilText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " until " + at.UTC().Format(time.RFC3339)
}

// virtualGone are the patterns of vip_properties by which virtual addresses were found, and
// those by which they are not found any more. What is kept for the server's own is found.
func virtualGone(before, now *snapshot.Snapshot) (list []string) {
	of := func(s *snapshot.Snapshot) (add, ignore []string) {
		if said := s.Settings.VIPs; said != nil {
			add, ignore = texts(said.Add), texts(said.Ignore)
		}
		return add, ignore
	}
	hadAdd, hadIgnore := of(before)
	hasAdd, hasIgnore := of(now)
	for _, p := range hadAdd {
		if !slices.Contains(hasAdd, p) && !slices.Contains(now.Kept.VIPProperties, p) {
			list = append(list, "what vip_properties.add finds by "+p)
		}
	}
	for _, p := range hasIgnore {
		if before.Settings.VIPs != nil && !slices.Contains(hadIgnore, p) {
			list = append(list, "what vip_properties.ignore hides by "+p)
		}
	}
	return list
}

func texts(patterns []bosh.Pattern) (list []string) {
	for _, p := range patterns {
		list = append(list, p.String())
	}
	return list
}

// mostParts is how many parts are named.
const mostParts = 5

func someParts(list []string) string {
	if len(list) <= mostParts {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(list[:mostParts], ", "), plural.Of(len(list)-mostParts, "part"))
}
