// Package trouble has the one shape in which every part of ipguard says that
// something could not be read or decided: what, where, and what to do about it.
package trouble

import (
	"errors"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Trouble is what keeps an answer from being whole. It is no finding: the exit
// code is 3 because of it. It never quotes the value of a variable.
type Trouble struct {
	// Message is lower case and without a full stop.
	Message string
	// At is where; nowhere for what stands in no file. Its line is 0 where the
	// file as a whole is meant.
	At place.Place
	// Hint is what the user can do; empty where that is nothing.
	Hint string
	// Excerpt is what may be shown of the line at fault; empty where a reader of the
	// message does not need it.
	Excerpt string
}

// Error is the place and the message. Hints are shown apart.
func (t *Trouble) Error() string {
	if t.At == (place.Place{}) {
		return t.Message
	}
	return t.At.String() + ": " + t.Message
}

// Of is the trouble that an error is: the error's own, else its text.
func Of(err error) Trouble {
	var t *Trouble
	if errors.As(err, &t) {
		return *t
	}
	return Trouble{Message: err.Error()}
}

// All are several troubles as values.
func All(errs []*Trouble) []Trouble {
	list := make([]Trouble, len(errs))
	for i, e := range errs {
		list[i] = *e
	}
	return list
}
