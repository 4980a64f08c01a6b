package snapshot

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Names are what tells whose a snapshot is.
type Names struct {
	// UUID is the director's; empty where its files told alone.
	UUID string
	// AnswersAt are addresses in the URLs by which it is asked, as texts.
	AnswersAt []string
	// Deployments are their names.
	Deployments []string
	// Outside are the owners of addresses outside of directors, and of bookings.
	Outside []string
}

// ReadNames reads them of a file that was found to be a whole snapshot before.
func ReadNames(path string) (n Names, err error) {
	text, err := regularfile.Read(path)
	if err != nil {
		return n, err
	}
	var s struct {
		Director    struct{ UUID string }
		Deployments []struct{ Name string }
		Settings    struct {
			AnswersAt []string `json:"answers_at"`
			External  []struct{ Owner string }
			Bookings  []struct{ Owner string }
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return n, errors.New("it is no snapshot") // the error may quote what it has
	}
	n.UUID, n.AnswersAt = s.Director.UUID, s.Settings.AnswersAt
	for _, d := range s.Deployments {
		n.Deployments = append(n.Deployments, d.Name)
	}
	for _, e := range slices.Concat(s.Settings.External, s.Settings.Bookings) {
		n.Outside = append(n.Outside, e.Owner)
	}
	return n, nil
}
