// Package fencetext puts the entries of a fence into the texts of the files that
// the subnets stand in: cloud-configs, and manifests that bring their networks.
//
//	fence.Change ─▶ file and mapping ─▶ yamledit ─▶ new text of the file
//	                       └─▶ by hand: what to add, where, and why not here
//
// It changes texts, not files. What does not stand in a file of the fleet as it
// is used (it comes from an ops file, a variable, an anchor) is left to people,
// and so is a file from which several configs are made: a line in it would hold
// for all of them.
package fencetext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/yamledit"
)

// Files are the texts to edit.
type Files struct {
	// Read returns the text at a path, as it was read before.
	Read func(path string) ([]byte, error)
	// Uses counts the configs and manifests of the fleet that are made from the
	// file at a path; 0 for ops files, vars files and what is no file.
	Uses func(path string) int
}

// Edits are what became of a fence.
type Edits struct {
	// Files are sorted by path; each has at least one change.
	Files []File
	// ByHand are the changes that no file could be edited for.
	ByHand []ByHand
}

// File is one file, before and after its changes.
type File struct {
	Path          string
	Before, After []byte
	Changes       []fence.Change
}

// ByHand is a change that a person has to make.
type ByHand struct {
	Change fence.Change
	// At is where the entries belong, or the nearest place that is known.
	At place.Place
	// Reason says why they cannot be written there by themselves.
	Reason string
	// Lines are the entries, as items of a YAML list.
	Lines []string
}

// Edit works out the changes of all files. The error is that of a file that can
// not be read any more.
func Edit(changes []fence.Change, files Files) (*Edits, error) {
	edits := &Edits{}
	byFile := map[string][]fence.Change{}
	for _, c := range changes {
		if at, reason := outOfReach(c.Subnet, files); reason != "" {
			edits.byHand(c, at, reason)
			continue
		}
		byFile[c.Subnet.At.File] = append(byFile[c.Subnet.At.File], c)
	}
	paths := make([]string, 0, len(byFile))
	for path := range byFile {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		if err := edits.file(path, byFile[path], files); err != nil {
			return nil, err
		}
	}
	return edits, nil
}

func (e *Edits) byHand(c fence.Change, at place.Place, reason string) {
	h := ByHand{Change: c, At: at, Reason: reason}
	for _, item := range items(c, nil) {
		line := "- " + item.Text
		if item.Comment != "" {
			line += "  # " + item.Comment
		}
		h.Lines = append(h.Lines, line)
	}
	e.ByHand = append(e.ByHand, h)
}

// outOfReach says why a subnet's list cannot be edited where it stands, and
// where that is; or "".
func outOfReach(s *plan.Subnet, files Files) (place.Place, string) {
	at := s.At
	switch {
	case !at.IsValid() || at.File == "-":
		return at, "it was not read from a file"
	case at.Through != "":
		return at, fmt.Sprintf("the subnet is part of the variable ((%s))", at.Through)
	case files.Uses(at.File) == 0:
		return at, fmt.Sprintf("the subnet comes from %s, a file of operations or variables", at.File)
	case s.ReservedAt.Through != "":
		return s.ReservedAt, fmt.Sprintf("reserved is the value of the variable ((%s))", s.ReservedAt.Through)
	case s.ReservedAt.IsValid() && s.ReservedAt.File != at.File:
		return s.ReservedAt, fmt.Sprintf("reserved comes from %s", s.ReservedAt.File)
	case files.Uses(at.File) > 1:
		return at, fmt.Sprintf("%d configs of the fleet are made from this file, and the lines are for one of them: put them into an ops file of that one", files.Uses(at.File))
	}
	return at, ""
}

// file makes the changes of one file.
func (e *Edits) file(path string, changes []fence.Change, files Files) error {
	before, err := files.Read(path)
	if err != nil {
		return err
	}
	additions := make([]yamledit.Addition, len(changes))
	for i, c := range changes {
		additions[i] = yamledit.Addition{
			Line: c.Subnet.At.Line, Column: c.Subnet.At.Column, Key: "reserved", After: []string{"gateway", "range"},
			Items: func(existing []string) []yamledit.Item { return items(c, existing) },
		}
	}
	after, refused, err := yamledit.Add(before, additions)
	f := File{Path: path, Before: before, After: after}
	for i, c := range changes {
		switch {
		case err != nil:
			e.byHand(c, c.Subnet.ReservedAt, err.Error())
		case refused[i] != nil:
			e.refused(c, path, refused[i])
		default:
			f.Changes = append(f.Changes, c)
		}
	}
	if len(f.Changes) > 0 {
		e.Files = append(e.Files, f)
	}
	return nil
}

func (e *Edits) refused(c fence.Change, path string, err error) {
	at := c.Subnet.ReservedAt
	reason := err.Error()
	var refusal *yamledit.Refusal
	if errors.As(err, &refusal) {
		at, reason = place.Place{File: path, Line: refusal.Line, Column: refusal.Column}, refusal.Reason
	}
	e.byHand(c, at, reason)
}

// items are the entries of a change, written as the entries beside them are.
func items(c fence.Change, existing []string) []yamledit.Item {
	hyphen := " - "
	for _, text := range existing {
		if first, _, isRange := strings.Cut(text, "-"); isRange {
			if !strings.HasSuffix(first, " ") {
				hyphen = "-"
			}
			break
		}
	}
	list := make([]yamledit.Item, len(c.Entries))
	for i, entry := range c.Entries {
		list[i] = yamledit.Item{Text: entryText(entry.Range, hyphen), Comment: whose(entry.For)}
	}
	return list
}

func entryText(r netipx.IPRange, hyphen string) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	return r.From().String() + hyphen + r.To().String()
}

// whose is the comment beside an entry: whom it leaves the addresses to.
func whose(claims []*plan.Claim) string {
	const most = 2
	var names []string
	for _, c := range claims {
		if name := oneLine(nameOf(c)); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

func nameOf(c *plan.Claim) string {
	o := c.Owner()
	director := "director " + o.Director
	if o.Director == "" {
		director = o.Deployment
	}
	switch {
	case c.Kind == plan.External:
		return o.Property
	case c.Kind == plan.CreateEnvVM:
		return "VM " + o.Deployment
	case c.Kind == plan.VIP && o.Property != "":
		return o.Property + " of " + o.Deployment
	case c.Kind == plan.Gateway:
		return "gateway"
	case c.Kind == plan.DNS:
		return "DNS server"
	}
	return director
}

// oneLine leaves out what a comment cannot hold or a terminal would obey.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}
