package survey

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// namesakes tells of directors of the fleet file that have the name of another one which
// the server knows: the two would be taken for one. Where both UUIDs are known they decide.
// Else it is another if it answers elsewhere, or if the two have no deployment in common;
// what a team changes in its files leaves some.
func (f *Fleet) namesakes(all []opened, read []judged) (failures map[int]trouble.Trouble) {
	failures = map[int]trouble.Trouble{}
	for i := range f.Directors {
		d := &f.Directors[i]
		if d.Pushed == nil {
			continue
		}
		pushed, err := snapshot.ReadNames(d.Pushed.Path)
		if err != nil {
			failures[i] = trouble.Trouble{At: d.At, Message: fmt.Sprintf("what was pushed of director %s cannot be read: %s", d.Name, err), Hint: "run it again"}
			continue
		}
		own := slices.Concat(all[i].own.Deployments, read[i].own)
		if why := namesake(d, all[i].own.UUID, own, pushed); why != "" {
			failures[i] = trouble.Trouble{
				At: d.At, Message: fmt.Sprintf("the server has a director %s that %s: the two would be taken for one", d.Name, why),
				Hint: "if it is another one, give this one another name; if it is the same, tell the server what it has now: ipguard push " + d.Name,
			}
		}
	}
	return failures
}

// namesake says why what was pushed is, or may be, of another director of that name;
// empty: it is of the same.
func namesake(d *fleet.Sources, uuid string, own []string, pushed snapshot.Names) string {
	if uuid != "" && pushed.UUID != "" {
		if uuid == pushed.UUID {
			return ""
		}
		return fmt.Sprintf("has the UUID %s, and this one has %s", pushed.UUID, uuid)
	}
	var answers []string
	for _, r := range d.Reached {
		if !r.Proxy {
			answers = append(answers, r.Range.From().String())
		}
	}
	shares := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
	}
	switch {
	case shares(answers, pushed.AnswersAt):
		return ""
	case len(answers) > 0 && len(pushed.AnswersAt) > 0:
		return fmt.Sprintf("answers at %s, and this one at %s", several(pushed.AnswersAt), several(answers))
	case len(own) > 0 && len(pushed.Deployments) > 0 && !shares(own, pushed.Deployments):
		return fmt.Sprintf("has no deployment of this one's, and perhaps is another: it has %s, and this one has %s", several(pushed.Deployments), several(own))
	}
	return ""
}
