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

// gone are the parts that the last version had and a snapshot has not. Files that have none
// of them, or lack what another one pushed, are refused unless they are said to replace all.
func (s *Store) gone(ctx context.Context, now *snapshot.Snapshot, last *Push, by string, replaces bool) ([]string, error) {
	if last == nil || last.Retired() {
		return nil, nil
	}
	text, err := s.Text(ctx, last.Director, last.Version)
	if err != nil {
		return nil, err
	}
	before, err := snapshot.Read(last.Director+".json", text)
	if err != nil {
		return nil, err
	}
	had, has := partsOf(before), partsOf(now)
	lost := slices.DeleteFunc(slices.Clone(had), func(part string) bool { return slices.Contains(has, part) })
	switch {
	case len(lost) == 0 || replaces || now.Director.UUID != "":
		return lost, nil
	case len(has) == 0 || len(lost) < len(had) && by == last.By: // it is empty, or somebody took some away
		return lost, nil
	}
	return lost, &RefusedError{fmt.Sprintf("these files lack %s, which %s pushed at %s: push all that the director has together, or say that this replaces it (ipguard push --replaces)",
		someParts(lost), last.By, last.At.Format(time.RFC3339))}
}

// partsOf are the deployments of a snapshot, and its machines of create-env.
func partsOf(s *snapshot.Snapshot) (list []string) {
	for i := range s.Deployments {
		list = append(list, "deployment "+s.Deployments[i].Name)
	}
	for _, c := range s.CreateEnvs {
		if c.Document != nil {
			list = append(list, "create-env "+c.Document.Root().Field("name").Text())
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
