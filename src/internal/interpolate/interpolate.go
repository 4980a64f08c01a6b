// Package interpolate applies ops files and variables to a document exactly as
// the bosh CLI does, while every value keeps the place that a person has to
// change.
//
// The CLI's own engine (package director/template of bosh-cli, with go-patch and
// yaml.v2) forgets where anything was written. The tracer (node.go, patch.go,
// substitute.go) follows its rules over nodes that know their place:
//
//	texts ──yaml.v3──▶ traced nodes ──ops, variables──▶ traced nodes ──writer──▶ source.Document
//	texts ──engine──▶ values, held against the traced ones (proof.go)
//
// Load trusts the tracer, LoadProven has the engine confirm each value. Where they
// differ, the engine's value wins and takes the place of its nearest ancestor that
// was traced (overlay.go). Tests hold that this never happens, on public manifests
// and on random input; one exception is known, the definition of a variable whose
// options use a variable whose value uses another one that has none. Such
// definitions, and operations of type test, are left to the engine.
//
// Without ops and variables bosh writes the document anew all the same. Where
// that cannot change its meaning (unchanged.go), nothing of this runs.
//
// The values of variables may be secrets: no error contains one, nor the text
// of a YAML library's message that could quote one.
package interpolate

import (
	"errors"
	"slices"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
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
	// Withheld are those of VarsFiles that hold secrets, as the environment, var files and
	// the vars store do: their values are shown nowhere, also where they are plain names.
	Withheld []string
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
	files    *source.Files
	names    *source.Names
	environ  []string
	verbatim bool
}

// Verbatim returns a loader for files that are what a director got, not what bosh was
// given: without inputs they are read as they are.
func (l *Loader) Verbatim() *Loader {
	own := *l
	own.verbatim = true
	return &own
}

// NewLoader returns a loader that reads from files, where all texts stay, and
// takes environment variables ("NAME=value") from environ.
func NewLoader(files *source.Files, environ []string) *Loader {
	return &Loader{files: files, names: files.Names, environ: environ}
}

// Of returns a loader of the files of one director: what their variables keep back is kept
// back of that director alone.
func (l *Loader) Of(director string) *Loader {
	own := *l
	own.names = l.names.Of(director)
	return &own
}

// Own is a document that another loader read, as one of this loader's.
func (l *Loader) Own(doc *source.Document) *source.Document { return l.names.Own(doc) }

// Load reads the document at path as bosh deploy and bosh update-config do:
// variables without a value stay in it as ((name)). Paths are used as they are
// given. The tracer alone makes the document, and the engine is asked only where the
// tracer cannot tell. The error is a *trouble.Trouble.
func (l *Loader) Load(path string, in Inputs) (*source.Document, error) {
	return l.load(path, in, (*Loader).trace)
}

// LoadProven is Load for a document that bosh is about to get: the engine evaluates
// it, too, and where it has another value than the tracer the engine's counts.
func (l *Loader) LoadProven(path string, in Inputs) (*source.Document, error) {
	return l.load(path, in, (*Loader).prove)
}

func (l *Loader) load(path string, in Inputs, evaluate func(*Loader, string, Inputs) (*evaluated, error)) (*source.Document, error) {
	if in.Empty() {
		text, err := l.files.Read(path)
		if err != nil {
			return nil, err
		}
		doc, err := parseBase(path, text)
		if err != nil || l.verbatim || newScalars().meansTheSame(doc, text) {
			if err == nil {
				l.names.Withhold(doc)
			}
			return doc, err
		}
	}
	result, err := evaluate(l, path, in)
	if err != nil {
		return nil, err
	}
	l.names.Withhold(result.document)
	return result.document, nil
}

// evaluated is a document with its inputs applied.
type evaluated struct {
	document *source.Document
	// untraced counts the values that did not keep their place.
	untraced int
}

// evaluation is everything that makes a document, read and not yet applied. Tracing
// changes it, so that it serves once.
type evaluation struct {
	text    []byte
	base    *source.Document
	scalars *scalars
	root    *node
	ops     []operation
	vars    *variables
	// passedOver are the parts of ops and vars files that bosh does not look at.
	passedOver []source.PassedOver
}

func (l *Loader) prepare(path string, in Inputs) (*evaluation, error) {
	text, err := l.files.Read(path)
	if err != nil {
		return nil, err
	}
	e := &evaluation{text: text, scalars: newScalars()}
	if e.base, err = parseBase(path, text); err != nil {
		return nil, err
	}
	if e.root, err = buildDocument(e.base, e.scalars); err != nil {
		return nil, err
	}
	var ofOps []source.PassedOver
	if e.ops, ofOps, err = l.readOpsFiles(in.OpsFiles, e.scalars); err != nil {
		return nil, err
	}
	if e.vars, err = l.readVariables(in, e.scalars); err != nil {
		return nil, err
	}
	e.passedOver = append(ofOps, e.vars.passedOver...)
	return e, e.checkExpansion()
}

// parseBase reads a document that is no template of another tool.
func parseBase(path string, text []byte) (*source.Document, error) {
	doc, err := source.Parse(path, text)
	if err == nil {
		err = source.AsTemplate(doc, text)
	}
	return doc, err
}

// trace evaluates a document by the tracer alone. Where that does not succeed, the
// engine has the word, also about what is wrong.
func (l *Loader) trace(path string, in Inputs) (*evaluated, error) {
	e, err := l.prepare(path, in)
	if err != nil {
		return nil, err
	}
	if doc, err := e.traceAlone(); err == nil {
		return &evaluated{document: doc}, nil
	}
	return l.prove(path, in)
}

func (e *evaluation) traceAlone() (*source.Document, error) {
	if !e.tracerTells() {
		return nil, errDiverged
	}
	trace := newTracer(e.root, e.vars)
	trace.alone = true
	if err := trace.run(e.ops); err != nil {
		return nil, err
	}
	return newWriter(e).document(trace.root)
}

// bareTag finds the tag "!" without a name, which makes any scalar a text for the
// engine, and of which yaml.v3 tells nothing.
var bareTag = lazyregexp.New(`!(\s|$)`)

// tracerTells reports whether the tracer knows all that the engine knows: a test is
// judged by the engine alone, and values may be read in another way.
func (e *evaluation) tracerTells() bool {
	return !bareTag().Match(e.text) && !slices.ContainsFunc(e.ops, func(o operation) bool {
		return o.kind == "test" || o.value != nil && !sameAsEngine(o.value, o.engine)
	})
}

// prove evaluates a document by the tracer and the engine.
func (l *Loader) prove(path string, in Inputs) (*evaluated, error) {
	result, err := l.evaluate(path, in, false)
	if errors.Is(err, errDiverged) {
		return l.evaluate(path, in, true)
	}
	return result, err
}

// evaluate has the engine evaluate a document and the tracer follow it. byText takes
// all values from the engine's text, also those which the tracer has, too; without it
// the error may be errDiverged.
func (l *Loader) evaluate(path string, in Inputs, byText bool) (*evaluated, error) {
	e, err := l.prepare(path, in)
	if err != nil {
		return nil, err
	}
	p := newProof(path, e, byText)
	output, engineErr := runEngine(path, e.text, e.vars, e.ops, p)
	if errors.Is(engineErr, errProven) {
		doc, err := newWriter(e).document(p.trace.root)
		return &evaluated{document: doc}, err
	}
	traced, err := p.judge(engineErr)
	if err != nil {
		return nil, err
	}
	return layOver(e, output, traced)
}

func layOver(e *evaluation, output []byte, traced *node) (*evaluated, error) {
	lay := newOverlay(e)
	doc, err := lay.document(output, traced)
	if err != nil {
		return nil, err
	}
	return &evaluated{document: doc, untraced: lay.untraced}, nil
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
