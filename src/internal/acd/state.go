package acd

import (
	"encoding/json"
	"fmt"
	"slices"
)

// State is what a Detector thinks of an address.
type State uint8

// The states, in the order of their gravity.
const (
	// Clean: no foreign claim within the time that conflicts are remembered.
	Clean State = iota
	// Proxied: only a station that answers for every address has answered for this
	// one. Its answers prove nothing, and those of others may not be heard.
	Proxied
	// Latched: there was a conflict, and now there is silence. Rogues are silent
	// most of the time, so it is not over.
	Latched
	// Suspected: one claim that nobody has repeated yet.
	Suspected
	// Conflicted: claimed twice, or once and confirmed.
	Conflicted
	// Flapping: the owner changes again and again within a minute.
	Flapping
)

var stateNames = [...]string{Clean: "clean", Proxied: "proxy", Latched: "latched", Suspected: "suspect", Conflicted: "conflict", Flapping: "flapping"}

// String is the state's name in logs, metrics and the state file.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// States are the names of all states, by value.
func States() []string { return stateNames[:] }

// MarshalJSON writes the state's name.
func (s State) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads the state's name.
func (s *State) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	i := slices.Index(stateNames[:], name)
	if i < 0 {
		return fmt.Errorf("no state %q", name)
	}
	*s = State(i)
	return nil
}
