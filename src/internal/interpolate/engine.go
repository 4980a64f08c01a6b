package interpolate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/cppforlife/go-patch/patch"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// errPanic stands for a panic of the engine, such as that of a list in the place
// of a map's key.
var errPanic = errors.New("the engine gave up")

// runEngine evaluates a document as bosh deploy does. Errors that know their
// place are *trouble.Trouble. last is applied to the engine's result.
func runEngine(path string, text []byte, vars *variables, ops []operation, last patch.Op) (output []byte, err error) {
	defer func() {
		if recover() != nil {
			output, err = nil, errPanic
		}
	}()
	list := make(patch.Ops, len(ops))
	for i, op := range ops {
		list[i] = op
	}
	output, err = boshtpl.NewTemplate(text).Evaluate(vars, list, boshtpl.EvaluateOpts{PostVarSubstitutionOp: last})
	if err != nil && strings.HasPrefix(err.Error(), "yaml: ") && !strings.Contains(err.Error(), "cannot unmarshal") {
		return nil, engineYAMLError(path, err) // else it is about the definitions of variables in a copy of the text
	}
	return output, err
}

// sizeLimit stops the engine before it writes out a document in which the same
// large variable stands a great many times.
type sizeLimit struct{ at place.Place }

// Apply returns the document as it is, or an error if it is too large.
func (l sizeLimit) Apply(document any) (any, error) {
	nodes, size := source.MaxNodes, source.MaxFileSize
	if !fits(document, &nodes, &size) {
		return nil, l.error()
	}
	return document, nil
}

func (l sizeLimit) error() error {
	return &trouble.Trouble{At: l.at, Message: fmt.Sprintf(
		"with its variables the document has more than %d values or %d MiB", source.MaxNodes, source.MaxFileSize>>20)}
}

// fits counts down the values and the bytes of text that are left.
func fits(value any, nodes, size *int) bool {
	*nodes--
	switch v := value.(type) {
	case map[any]any:
		for key, value := range v {
			if !fits(key, nodes, size) || !fits(value, nodes, size) {
				return false
			}
		}
	case []any:
		for _, item := range v {
			if !fits(item, nodes, size) {
				return false
			}
		}
	case string:
		*size -= len(v)
	}
	return *nodes >= 0 && *size >= 0
}

func isRecursion(err error) bool { return strings.Contains(err.Error(), "Detected recursion") }

var engineYAMLLine = lazyregexp.New(`(?s)^yaml: (?:unmarshal errors:\s+)?(?:line (\d+): )?(.*)$`)

// engineYAMLError says that the engine's YAML library refuses a text that
// yaml.v3 accepts. What the message quotes from the text is left out.
func engineYAMLError(path string, err error) *trouble.Trouble {
	e := &trouble.Trouble{At: place.Place{File: path, Line: 1, Column: 1}, Message: "the bosh CLI cannot read this document"}
	if m := engineYAMLLine().FindStringSubmatch(err.Error()); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil && line > 0 {
			e.At.Line = line
		}
		if !strings.Contains(m[2], "invalid map key") {
			e.Message += ": " + source.WithoutQuotes(strings.TrimSpace(m[2]))
		}
	}
	return e
}
