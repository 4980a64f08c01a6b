package pushes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// withoutMarks takes out of what somebody pushed what the server alone says.
func withoutMarks(s *snapshot.Snapshot) {
	s.Settings.Files = nil
	for i := range s.Deployments {
		s.Deployments[i].Promise = snapshot.NoPromise
	}
}

// beside is what counts of a director after a push: files of a team beside what the server
// asked, or what it asked now beside the files; else what is pushed.
func (s *Store) beside(ctx context.Context, pushed *snapshot.Snapshot, last *Push, by string, replaces bool) (*snapshot.Snapshot, error) {
	asked := pushed.Director.UUID != ""
	if last == nil || last.Retired() || asked != (by == Server) || !asked && last.UUID == "" {
		return pushed, nil // there is one side alone, or a team tells both
	}
	text, err := s.Text(ctx, last.Director, last.Version)
	if isDamaged(err) && by == Server {
		return nil, &RefusedError{fmt.Sprintf("%v; what a team's files say may have stood beside what the director said, and is lost until it is pushed: an administrator retires the director first (DELETE /api/v1/directors/NAME)", err)}
	}
	if isDamaged(err) {
		return pushed, nil
	}
	if err != nil {
		return nil, err
	}
	before, err := snapshot.Read(last.Director+".json", text)
	if err != nil {
		return nil, err
	}
	files := before.FilesOf()
	switch {
	case asked && last.UUID == "":
		return pushed.Beside(before, last.By), nil
	case asked && pushed.Director.UUID == last.UUID && files != nil:
		return pushed.Beside(files, before.Settings.Files.By), nil
	case asked: // no director tells of the machines beside it, and of what its team says
		said := *pushed
		said.CreateEnvs, said.Settings = before.CreateEnvs, before.Settings
		return &said, nil
	case last.By != Server && files == nil:
		return pushed, nil // mayFollow looks whether it may
	}
	if last.Collected.Sub(pushed.Collected) > mostBehind {
		return nil, &RefusedError{fmt.Sprintf("these files were read at %s, and the director was asked at %s: read them again with ipguard push, and see whether both clocks are right",
			pushed.Collected.Format(time.RFC3339), last.Collected.Format(time.RFC3339))}
	}
	if err := mayStandBeside(pushed, before, files, last, by); err != nil && !replaces {
		return nil, err
	}
	return before.Beside(pushed, by), nil
}

// mayStandBeside refuses files that are of another director, or a part of it, by all signs.
func mayStandBeside(now, before, files *snapshot.Snapshot, last *Push, by string) error {
	if files != nil {
		l := lostOf(files, now)
		if len(l.parts) == 0 || !l.all && before.Settings.Files.By == by {
			return nil
		}
		return &RefusedError{fmt.Sprintf("these files lack %s, which %s pushed: push all that the director has together, or say that this replaces it (ipguard push --replaces)",
			someParts(l.names()), before.Settings.Files.By)}
	}
	deployments := func(s *snapshot.Snapshot) (names []string) {
		for i := range s.Deployments {
			names = append(names, s.Deployments[i].Name)
		}
		return names
	}
	here, there := deployments(now), deployments(before)
	if len(here) > 0 && len(there) > 0 && !slices.ContainsFunc(here, func(name string) bool { return slices.Contains(there, name) }) {
		return &RefusedError{fmt.Sprintf("the director %s that the server asked at %s has %s, and none of these files' deployments: if they are that director's, say so (ipguard push --replaces)",
			last.Director, last.Collected.Format(time.RFC3339), someParts(there))}
	}
	return nil
}
