package pushes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// A push stands for all of a director. Where two repositories have a part of it each, the
// one that pushes later would take the other's part out of the plan, and its addresses
// would be free for everybody. A director that was asked tells all it has; files do not.
// And no director tells of the machines of create-env beside it, nor of its own.

// part is something of a director that a push may lack.
type part struct {
	name string
	// untold says that no director tells it.
	untold bool
}

// gone are the names of the parts that the last version had and the text of a snapshot has
// not, and the owners of addresses outside of directors. One that lacks all of them, or what another one pushed, is refused unless it is said
// to replace all; one that the director told may lack whatever directors tell.
func (s *Store) gone(ctx context.Context, text []byte, last *Push, by string, replaces bool) (lost []string, err error) {
	if last == nil || last.Retired() {
		return nil, nil
	}
	lastText, err := s.Text(ctx, last.Director, last.Version)
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
	had, has := partsOf(before), partsOf(now)
	var lacks []string
	for _, p := range had {
		if slices.Contains(has, p) {
			continue
		}
		lost = append(lost, p.name)
		if p.untold || now.Director.UUID == "" {
			lacks = append(lacks, p.name)
		}
	}
	if len(lacks) == 0 || replaces || len(lost) < len(had) && by == last.By { // somebody took his own away
		return append(lost, externalGone(before, now)...), nil
	}
	return lost, &RefusedError{fmt.Sprintf("this lacks %s, which %s pushed at %s: push all that the director has together, or say that this replaces it (ipguard push --replaces)",
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
		list = append(list, part{"the addresses of the director's own machine", true})
	}
	slices.SortFunc(list, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(list)
}

// externalGone are owners of addresses outside of directors that were told and are not any
// more: they stand in a fleet file that may name several directors, and are no part of one.
func externalGone(before, now *snapshot.Snapshot) (list []string) {
	for _, e := range before.Settings.External {
		owner := "external " + e.Owner
		told := func(o snapshot.External) bool { return o.Owner == e.Owner }
		if !slices.ContainsFunc(now.Settings.External, told) && !slices.Contains(list, owner) {
			list = append(list, owner)
		}
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
