package central

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// ErrFleetFile says that the server's fleet file cannot be read as a whole: what it says
// of directors is not known.
var ErrFleetFile = errors.New("the server's fleet file cannot be read as a whole")

// Alone is the plan of one director by one snapshot, whatever else is known, and that
// snapshot. A snapshot is of its moment: it is never too old.
func (p *Plan) Alone(director string, text []byte) (*plan.Plan, *snapshot.Snapshot, error) {
	name := "push of " + director
	s, err := snapshot.Read(name, text)
	if err != nil {
		return nil, nil, fmt.Errorf("what was pushed of director %s cannot be read: %w", director, err)
	}
	files := source.NewFiles(nil)
	files.Keep(name, text)
	reading := workspace.Reading{Files: files, Environ: p.Environ, Now: p.Now(), OfServer: true}
	var w *workspace.Workspace
	if p.FleetFile == "" {
		w = workspace.Empty(reading, fleet.Sources{})
		w.Fleet.Directors = nil
	} else if w = workspace.Open(p.FleetFile, reading); len(w.Troubles) > 0 {
		return nil, nil, ErrFleetFile
	}
	pushed(&w.Fleet, director, name)
	w.Fleet.Directors = slices.DeleteFunc(w.Fleet.Directors, func(d fleet.Sources) bool { return d.Name != director })
	for i := range w.Fleet.Directors {
		w.Fleet.Directors[i].Snapshot.MaxAge = 0
	}
	return survey.Read(w.Fleet, w.Loader).Facts.Plan, s, nil
}
