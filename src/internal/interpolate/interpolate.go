// Package interpolate applies ops files and variables to a document exactly as
// the bosh CLI does, while every value keeps the place that a person has to
// change.
//
// The values are those of the CLI's own engine (package director/template of
// bosh-cli, with go-patch and yaml.v2), which forgets where anything was
// written. So each document is evaluated twice:
//
//	texts ──engine──▶ text as the director would get it ──yaml.v3──▶ nodes ─┐
//	texts ──yaml.v3──▶ traced nodes ──ops, variables──▶ traced nodes ───────┴─overlay──▶ source.Document
//
// The second way (node.go, patch.go, substitute.go) follows the engine's rules
// over nodes that know their place. The overlay then walks both results side by
// side. The engine's value always wins; where the traced one is another, the
// value takes the place of its nearest ancestor that was traced. Tests hold that
// this never happens, on public manifests and on random input; one exception is
// known, the definition of a variable whose options use a variable whose value
// uses another one that has none.
//
// Without ops and variables nothing of this runs: the document is parsed and
// that is all.
//
// The values of variables may be secrets: no error contains one, nor the text
// of a YAML library's message that could quote one.
package interpolate

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Inputs are the ops and variables that bosh deploy would get beside a
// document, each list in the order of the command line. Later ones win over
// earlier ones, and kinds win in this order, lowest first: environment, vars
// files, var files, values, vars; the vars store is asked last, for names that
// nothing else gives (cmd/opts/var_flags.go of bosh-cli).
type Inputs struct {
	// OpsFiles are paths (-o).
	OpsFiles []string
	// VarsEnv are prefixes of environment variables (--vars-env): PREFIX_name
	// gives the variable name.
	VarsEnv []string
	// VarsFiles are paths of YAML maps (-l).
	VarsFiles []string
	// VarFiles are names and paths; the file's whole text is the value
	// (--var-file name=path).
	VarFiles []KV
	// Values are variables whose value stands in another YAML document, such
	// as a fleet file.
	Values []Value
	// Vars are names and YAML texts (-v name=value).
	Vars []KV
	// VarsStore is the path of a file of generated values (--vars-store). It is
	// only read: values are neither generated nor written, and as for bosh a
	// missing file is an empty store.
	VarsStore string
}

// KV is a variable's name and what the command line gives for it.
type KV struct{ Name, Value string }

// Value is a variable's name and its value, which keeps its place.
type Value struct {
	Name  string
	Value source.Value
}

// Empty reports whether a document is used as it was written.
func (in Inputs) Empty() bool {
	return len(in.OpsFiles) == 0 && len(in.VarsEnv) == 0 && len(in.VarsFiles) == 0 && len(in.VarFiles) == 0 &&
		len(in.Values) == 0 && len(in.Vars) == 0 && in.VarsStore == ""
}

// Loader reads documents together with their inputs. It is safe for concurrent
// use.
type Loader struct {
	files   *source.Files
	environ []string
}

// NewLoader returns a loader that reads from files, where all texts stay, and
// takes environment variables ("NAME=value") from environ.
func NewLoader(files *source.Files, environ []string) *Loader {
	return &Loader{files: files, environ: environ}
}

// Load reads the document at path as bosh deploy and bosh update-config do:
// variables without a value stay in it as ((name)). Paths are used as they are
// given. The error is a *trouble.Trouble.
func (l *Loader) Load(path string, in Inputs) (*source.Document, error) {
	if in.Empty() {
		text, err := l.files.Read(path)
		if err != nil {
			return nil, err
		}
		return source.Parse(path, text)
	}
	result, err := l.evaluate(path, in)
	if err != nil {
		return nil, err
	}
	return result.document, nil
}

// LoadCreateEnv reads the document at path as bosh create-env does, which
// refuses to start while a variable has no value. Each of those becomes one
// element of missing, at the first place of its use; the document is returned
// all the same, with ((name)) in it. With a vars store, variables that bosh would
// generate are not missing. err is a *trouble.Trouble.
func (l *Loader) LoadCreateEnv(path string, in Inputs) (doc *source.Document, missing []*trouble.Trouble, err error) {
	result, err := l.evaluate(path, in)
	if err != nil {
		return nil, nil, err
	}
	return result.document, missingErrors(result.missing), nil
}

// evaluated is a document with its inputs applied.
type evaluated struct {
	document *source.Document
	// missing holds the variables that create-env would miss, with the first place
	// of their use.
	missing map[string]place.Place
	// untraced counts the values that did not keep their place.
	untraced int
}

func (l *Loader) evaluate(path string, in Inputs) (*evaluated, error) {
	text, err := l.files.Read(path)
	if err != nil {
		return nil, err
	}
	base, err := source.Parse(path, text)
	if err != nil {
		return nil, err
	}
	scalars := newScalars()
	root, err := buildDocument(base, scalars)
	if err != nil {
		return nil, err
	}
	ops, err := l.readOpsFiles(in.OpsFiles, scalars)
	if err != nil {
		return nil, err
	}
	vars, err := l.readVariables(in, scalars)
	if err != nil {
		return nil, err
	}
	output, engineErr := runEngine(path, text, vars, ops)
	trace := newTracer(root, vars)
	traced, err := judge(engineErr, trace, ops)
	if err != nil {
		return nil, err
	}
	lay := newOverlay(base, scalars)
	doc, err := lay.document(output, traced)
	if err != nil {
		return nil, err
	}
	return &evaluated{document: doc, missing: trace.missing, untraced: lay.untraced}, nil
}

// judge runs the tracer and returns its document, nil if it could not follow the
// engine, or the error that best tells why there is none.
func judge(engineErr error, trace *tracer, ops []operation) (*node, error) {
	var placed *trouble.Trouble
	if errors.As(engineErr, &placed) {
		return nil, placed
	}
	traceErr := trace.run(ops)
	if errors.As(traceErr, &placed) {
		return nil, placed // also where the engine accepts what it then decides by chance
	}
	if engineErr != nil {
		return nil, engineFailure(engineErr, trace)
	}
	if traceErr != nil {
		return nil, nil
	}
	return trace.root, nil
}

func missingErrors(missing map[string]place.Place) []*trouble.Trouble {
	names := slices.SortedFunc(maps.Keys(missing), func(a, b string) int {
		return cmp.Or(missing[a].Compare(missing[b]), cmp.Compare(a, b))
	})
	list := make([]*trouble.Trouble, len(names))
	for i, name := range names {
		list[i] = &trouble.Trouble{
			At:      missing[name],
			Message: "variable " + cmp.Or(name, `""`) + " has no value, and create-env needs one for every variable",
			Hint:    "give it with -v " + name + "=... or in a vars file",
		}
	}
	return list
}

// engineFailure words a refusal of the engine for which the tracer found neither
// reason nor place. The engine's own text can quote a variable's value, so that
// it is never shown.
func engineFailure(engineErr error, trace *tracer) error {
	e := &trouble.Trouble{
		At:      trace.root.at,
		Message: "the bosh CLI cannot apply ops and variables to this document",
		Hint:    "bosh interpolate (bosh int) with the same arguments prints its reason",
	}
	if isRecursion(engineErr) {
		e.Message = "the options of this document's variables name each other in a circle"
		e.Hint = ""
		if defs := trace.definitions; defs != nil {
			e.At = defs.at
		}
	}
	return e
}

// atFlag is the place of a value that a command line flag carried.
func atFlag(flag string) place.Place { return place.Place{File: flag, Line: 1, Column: 1} }
