// Package proposal proposes a first fleet file from what lies below a folder.
//
//	folder ──walk──▶ files ──classify──▶ kinds ─┐
//	scripts ──shell──▶ calls of bosh ───────────┤──draft──▶ entries ──try──▶ directors ──write──▶ text, notes
//	known layouts ──────────────────────────────┘
//
// Three sources tell which inputs belong to a manifest, the surest first: what
// scripts call bosh with (shell.go), layouts that are known by their form
// (layout.go), and names (pair.go). An entry is only proposed with inputs that
// apply: each is tried by package interpolate. Which files belong to one director is
// told from folders (directors.go). What was guessed or left out stands in a
// comment or a note; the caller shows both.
package proposal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/source"
)

// ErrExists is for callers of Of: a fleet file is never overwritten.
var ErrExists = errors.New("there is an " + fleet.FileName + " already, and it is never overwritten; remove it first")

// ErrNothingFound says that a folder holds nothing that a director reads.
var ErrNothingFound = errors.New("no cloud-config and no manifest was found")

// Of proposes the text of a fleet file for the folder dir, and notes what it passed
// over. Comments in the text say what was guessed. It writes nothing and runs
// nothing. The error is ErrNothingFound, or that dir cannot be read.
func Of(dir string) (text []byte, notes []string, err error) {
	d := &draft{root: dir, loader: interpolate.NewLoader(source.NewFiles(nil), nil)}
	tree, err := walk(dir, d.note)
	if err != nil {
		return nil, nil, err
	}
	d.tree = tree
	d.classify()
	d.addCalls()
	d.addLayouts()
	d.addRest()
	d.dropRefused()
	directors := d.directors()
	if len(directors) == 0 {
		if len(tree.modules) > 0 {
			return nil, d.allNotes(), fmt.Errorf("%w but in checkouts of somebody else's repositories (%s), which are templates", ErrNothingFound, strings.Join(tree.modules, ", "))
		}
		return nil, d.allNotes(), ErrNothingFound
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	return write(directors, d.names(directors, filepath.Base(absolute)), d.leftOut), d.allNotes(), nil
}

// draft is what is known so far.
type draft struct {
	root    string
	loader  *interpolate.Loader
	tree    *tree
	entries []*entry
	notes   []string
	// leftOut are those of the notes that tell of something with addresses that nobody
	// looks at, so that they stand in the file, too.
	leftOut []string
	// foreign counts, by folder, files of somebody else that directors would read.
	foreign map[string]int
}

// leave notes what is left out and may have addresses.
func (d *draft) leave(format string, args ...any) {
	d.note(format, args...)
	if note := printable(fmt.Sprintf(format, args...)); !slices.Contains(d.leftOut, note) {
		d.leftOut = append(d.leftOut, note)
	}
}

// allNotes are the notes, with one for each folder of somebody else.
func (d *draft) allNotes() []string {
	for _, folder := range sortedKeys(d.foreign) {
		d.note("%s: somebody else's repository; files of it that are left out, unless a script here gives them to bosh: %d", folder, d.foreign[folder])
	}
	return d.notes
}

func (d *draft) note(format string, args ...any) {
	note := printable(fmt.Sprintf(format, args...))
	if !slices.Contains(d.notes, note) {
		d.notes = append(d.notes, note)
	}
}

// printable writes out what a comment cannot hold and a terminal would obey.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// entry is one entry of the fleet file to be.
type entry struct {
	kind fleet.Kind
	file string // slash-separated, below the root, as are all paths here
	// home is the folder that tells whose it is: that of the script or of the file.
	home string
	name string // of the deployment, where the manifest does not tell it
	// environment tells apart what one script does to several directors or VMs: the -e
	// of its call, or the --state of create-env; empty where the call has none.
	environment string
	inputs      inputs
	// remarks say where the inputs come from and what is not sure.
	remarks []string
	// covered says that the glob of another entry names it.
	covered bool
}

// inputs are what bosh would get beside a file; a path may be a glob.
type inputs struct {
	ops, vars []string
	varFiles  []pair
	values    []pair
	store     string
}

type pair struct{ name, value string }

func (in inputs) empty() bool {
	return len(in.ops)+len(in.vars)+len(in.varFiles)+len(in.values) == 0 && in.store == ""
}

// has reports whether there is an entry for the file already.
func (d *draft) has(file string) bool {
	return slices.ContainsFunc(d.entries, func(e *entry) bool { return e.file == file })
}

// add adds an entry. Of two that would be one deployment of one director, or one VM, the
// later one stays: a script's last call is what is there.
func (d *draft) add(e *entry) {
	for i, o := range d.entries {
		if o.kind != e.kind || o.file != e.file || o.name != e.name || o.home != e.home {
			continue
		}
		if o.environment != "" && e.environment != "" && o.environment != e.environment {
			continue
		}
		stays, goes := e, o
		if e.environment == "" && o.environment != "" { // nobody knows which one it is for
			stays, goes = o, e
		}
		if !o.inputs.equal(e.inputs) {
			stays.remarks = append(stays.remarks, "not sure: another call has other inputs ("+goes.remarks[0]+")")
		}
		d.entries[i] = stays
		return
	}
	d.entries = append(d.entries, e)
}

func (in inputs) equal(o inputs) bool {
	return slices.Equal(in.ops, o.ops) && slices.Equal(in.vars, o.vars) && slices.Equal(in.varFiles, o.varFiles) &&
		slices.Equal(in.values, o.values) && in.store == o.store
}
