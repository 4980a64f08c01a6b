package workspace

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// useSeverities takes over the severities of the fleet file, and complains about rules
// that there are not, that may not have them, or that stand there twice.
func (w *Workspace) useSeverities(list []fleet.RuleSeverity) {
	fail := func(at place.Place, hint, format string, args ...any) {
		w.Troubles = append(w.Troubles, trouble.Trouble{Message: fmt.Sprintf(format, args...), At: at, Hint: hint})
	}
	rules := map[string]*lint.Rule{}
	var ids []string
	if len(list) > 0 {
		for _, r := range lint.Rules() {
			rules[r.ID], ids = &r, append(ids, r.ID)
		}
	}
	w.Fleet.Severities = map[string]lint.Severity{}
	for _, s := range list {
		id := s.Rule.Value
		severity, ok := lint.ParseSeverity(s.Severity.Value)
		if id == "" || !ok {
			continue // it could not be read, which was said
		}
		rule := rules[id]
		_, twice := w.Fleet.Severities[id]
		switch {
		case !slices.Contains(ids, id):
			hint := "ipguard rules lists them"
			if near, ok := spelling.Nearest(id, ids); ok {
				hint = "did you mean `" + near + "`?"
			}
			fail(s.Rule.At, hint, "there is no rule `%s`", id)
		case twice:
			fail(s.Rule.At, "keep one of the two", "the severity of `%s` is given twice", id)
		case rule.Change() == lint.NoChange:
			fail(s.Severity.At, "", "`%s` is about exceptions: its severity cannot be changed", id)
		case rule.Change() == lint.OnlyWorse && severity < rule.Severity:
			fail(s.Severity.At, "accept single findings with `allow`", "`%s` guards what nobody else does: it can be raised, and not lowered to %s", id, severity)
		default:
			w.Fleet.Severities[id] = severity
		}
	}
}
