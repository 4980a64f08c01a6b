// Package place names where a person wrote a value: the file, the line and the
// column that someone has to open and change.
//
// It is a leaf: every other package hands places on and none computes with
// them. A place is always the one that a person can edit. A value that came
// from an ops file, a vars file or the command line has its place there, and
// Through says by which variable it reached the manifest.
package place

import (
	"cmp"
	"strconv"
)

// Place is one position in one text. The zero value means "nowhere" and is
// told apart by IsValid.
type Place struct {
	// File is the path as it is shown to the user: relative to the working
	// directory where that is possible, "-" for standard input, or the flag
	// that carried the value ("-v NAME", "--vars-env NAME").
	File string
	// Line and Column count from 1. Columns count characters, not bytes.
	Line, Column int
	// Part tells the values apart that one flag carried: they have no lines of their own,
	// and are as many. They count from 0, which is the whole of it; so is any value of a file.
	Part int
	// Through is the name of the variable, without parentheses, by which the
	// value reached the document; empty for a value that stands where it is used.
	Through string
}

// IsValid reports whether p names a file and a line.
func (p Place) IsValid() bool { return p.File != "" && p.Line > 0 }

// String returns file:line:column, the form that editors and terminals open.
func (p Place) String() string {
	if !p.IsValid() {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Told is the place as a person sees it, which all values of one flag have in common.
func (p Place) Told() Place {
	p.Part = 0
	return p
}

// Compare orders places by file, line, column, part and variable.
func (p Place) Compare(o Place) int {
	return cmp.Or(
		cmp.Compare(p.File, o.File),
		cmp.Compare(p.Line, o.Line),
		cmp.Compare(p.Column, o.Column),
		cmp.Compare(p.Part, o.Part),
		cmp.Compare(p.Through, o.Through),
	)
}
