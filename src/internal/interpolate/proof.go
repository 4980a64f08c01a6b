package interpolate

import (
	"errors"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// errProven ends the engine's run: the tracer has the same values, and nobody needs
// the engine to write them out as text.
var errProven = errors.New("the tracer has the engine's values")

// proof has the tracer follow the engine, and holds both results against each
// other. It implements patch.Op: the engine applies it to its result.
type proof struct {
	limit sizeLimit
	trace *tracer
	ops   []operation
	// byText lets the engine write out its result even if the tracer has the same.
	byText bool

	ran bool
	err error // of the tracer
}

func newProof(path string, e *evaluation, byText bool) *proof {
	return &proof{limit: sizeLimit{at: place.Place{File: path, Line: 1, Column: 1}}, trace: newTracer(e.root, e.vars), ops: e.ops, byText: byText}
}

// Apply returns the engine's document as it is, or errProven where the tracer has
// the same one.
func (p *proof) Apply(document any) (any, error) {
	if _, err := p.limit.Apply(document); err != nil {
		return nil, err
	}
	if p.run() == nil && !p.byText && sameAsEngine(p.trace.root, document) {
		return nil, errProven
	}
	return document, nil
}

// run runs the tracer, once.
func (p *proof) run() error {
	if !p.ran {
		p.ran, p.err = true, p.trace.run(p.ops)
	}
	return p.err
}

// judge returns the tracer's document, nil if it could not follow the engine, or
// the error that best tells why there is none.
func (p *proof) judge(engineErr error) (*node, error) {
	var placed *trouble.Trouble
	if errors.As(engineErr, &placed) {
		return nil, placed
	}
	traceErr := p.run()
	if errors.As(traceErr, &placed) {
		return nil, placed // also where the engine accepts what it then decides by chance
	}
	if engineErr != nil {
		return nil, engineFailure(engineErr, p.trace)
	}
	if traceErr != nil {
		return nil, nil
	}
	return p.trace.root, nil
}

// sameAsEngine reports whether a traced value is the engine's, to the last scalar.
func sameAsEngine(traced *node, engine any) bool {
	switch e := engine.(type) {
	case map[any]any:
		m, ok := traced.value.(*mapping)
		if !ok || len(m.keys) != len(e) {
			return false
		}
		for i, key := range m.keys {
			value, ok := e[key.value]
			if !ok || !sameAsEngine(m.values[i], value) {
				return false
			}
		}
		return true
	case []any:
		list, ok := traced.value.(*sequence)
		if !ok || len(list.items) != len(e) {
			return false
		}
		for i, item := range list.items {
			if !sameAsEngine(item, e[i]) {
				return false
			}
		}
		return true
	}
	return isScalar(traced) && sameScalar(traced.value, engine)
}
