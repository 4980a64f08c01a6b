package interpolate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cppforlife/go-patch/patch"
	yaml2 "gopkg.in/yaml.v2"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// operation is one entry of an ops file: go-patch's operation, and what the
// tracer needs to do the same to nodes.
type operation struct {
	kind string // one of operationKinds
	path patch.Pointer
	// at is where the path was written; it is the place of what the path
	// creates, and of an error if the operation does not apply.
	at    place.Place
	value *node // of a replace
	// engine is the same value as the engine has it.
	engine any
	op     patch.Op
}

var operationKinds = []string{"remove", "replace", "test"}

// readOpsFiles reads ops files in their order. A file without any operation is
// as good as none, as for bosh.
func (l *Loader) readOpsFiles(paths []string, s *scalars) (ops []operation, passedOver []source.PassedOver, err error) {
	for _, path := range paths {
		text, err := l.files.Read(path)
		if err != nil {
			return nil, nil, err
		}
		if isBlank(text) {
			if err := checkBlank(path, text); err != nil {
				return nil, nil, err
			}
			continue
		}
		doc, err := source.Parse(path, text)
		if err != nil {
			return nil, nil, err
		}
		fileOps, err := readOps(doc, text, s)
		if err != nil {
			return nil, nil, err
		}
		ops, passedOver = append(ops, fileOps...), append(passedOver, doc.PassedOver()...)
	}
	return ops, passedOver, nil
}

// readOps reads the operations of one file.
func readOps(doc *source.Document, text []byte, s *scalars) ([]operation, error) {
	root, err := buildDocument(doc, s)
	if err != nil {
		return nil, err
	}
	list, ok := root.value.(*sequence)
	if root.value == nil {
		list = &sequence{}
	} else if !ok {
		return nil, &trouble.Trouble{At: root.at, Message: "an ops file must be a list of operations, not " + root.kind(),
			Hint: "write each operation as an element: \"- type: replace\""}
	}
	if err := checkOperationFields(list); err != nil {
		return nil, err
	}
	var definitions []patch.OpDefinition
	if err := yaml2.Unmarshal(text, &definitions); err != nil {
		return nil, engineYAMLError(doc.File(), err)
	}
	if len(definitions) != len(list.items) {
		return nil, &trouble.Trouble{At: root.at, Message: fmt.Sprintf(
			"the bosh CLI sees %d operations in a list of %d elements", len(definitions), len(list.items))}
	}
	return newOperations(definitions, list)
}

// isBlank reports whether a text holds nothing but comments and empty lines.
func isBlank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// checkBlank refuses what the engine's YAML library does not take even in a
// comment, such as control characters.
func checkBlank(path string, text []byte) error {
	var nothing any
	if err := yaml2.Unmarshal(text, &nothing); err != nil {
		return engineYAMLError(path, err)
	}
	return nil
}

// checkOperationFields refuses what does not fit into an operation, with a place
// for each; the YAML library would know the line only.
func checkOperationFields(list *sequence) error {
	for i, item := range list.items {
		m, ok := item.value.(*mapping)
		if !ok {
			return &trouble.Trouble{At: item.at, Message: fmt.Sprintf("operation %d must be a map with type and path, not %s", i, item.kind())}
		}
		for _, name := range []string{"type", "path", "error"} {
			if field := m.get(name); field != nil && !isScalar(field) {
				return &trouble.Trouble{At: field.at, Message: fmt.Sprintf("the %s of operation %d must be text, not %s", name, i, field.kind())}
			}
		}
		if field := m.get("absent"); field != nil && field.value != nil {
			if _, ok := field.value.(bool); !ok {
				return &trouble.Trouble{At: field.at, Message: fmt.Sprintf("absent of operation %d must be true or false, not %s", i, field.kind())}
			}
		}
	}
	return nil
}

// newOperations pairs go-patch's definitions with the list's elements.
func newOperations(definitions []patch.OpDefinition, list *sequence) ([]operation, error) {
	ops := make([]operation, len(definitions))
	for i, definition := range definitions {
		op, err := newOperation(definition, list.items[i], i)
		if err != nil {
			return nil, err
		}
		ops[i] = op
	}
	return ops, nil
}

func newOperation(definition patch.OpDefinition, item *node, number int) (operation, error) {
	m := item.value.(*mapping)
	fault := func(field *node, hint, format string, arguments ...any) (operation, error) {
		at := item.at
		if field != nil {
			at = field.at
		}
		return operation{}, &trouble.Trouble{At: at, Message: fmt.Sprintf(format, arguments...), Hint: hint}
	}

	if !slices.Contains(operationKinds, definition.Type) {
		hint := "known types: " + strings.Join(operationKinds, ", ")
		if definition.Type == "" {
			return fault(m.get("type"), hint, "operation %d has no type", number)
		}
		return fault(m.get("type"), hint, "operation %d has the unknown type %q", number, definition.Type)
	}
	if definition.Path == nil {
		return fault(m.get("path"), "", "operation %d (%s) has no path", number, definition.Type)
	}
	path, err := patch.NewPointerFromString(*definition.Path)
	if err != nil {
		return fault(m.get("path"), "", "operation %d (%s) has an invalid path %q: %s", number, definition.Type, *definition.Path, lowerFirst(err.Error()))
	}
	if definition.Type == "replace" && definition.Value == nil {
		return fault(m.get("value"), "", "operation %d (replace %s) has no value", number, *definition.Path)
	}
	if definition.Type == "remove" && definition.Value != nil {
		return fault(m.get("value"), "", "operation %d (remove %s) must not have a value", number, *definition.Path)
	}
	if definition.Type == "test" && definition.Value == nil && definition.Absent == nil {
		return fault(m.get("value"), "", "operation %d (test %s) has neither value nor absent", number, *definition.Path)
	}
	built, err := patch.NewOpsFromDefinitions([]patch.OpDefinition{definition})
	if err != nil {
		return fault(nil, "", "operation %d (%s %s) is not one that the bosh CLI accepts", number, definition.Type, *definition.Path)
	}
	o := operation{kind: definition.Type, path: path, at: m.get("path").at, value: m.get("value"), op: built}
	if definition.Value != nil {
		o.engine = *definition.Value
	}
	return o, nil
}

// Apply has go-patch do the operation, and says of which one it was that does
// not apply. It implements patch.Op.
func (o operation) Apply(document any) (any, error) {
	result, err := o.op.Apply(document)
	if err != nil {
		reason, hint := whyNot(err)
		return nil, &trouble.Trouble{
			At:      o.at,
			Message: fmt.Sprintf("%s %s does not apply: %s", o.kind, cmp.Or(o.path.String(), `""`), reason),
			Hint:    hint,
		}
	}
	return result, nil
}

// whyNot puts go-patch's errors into words about the document.
func whyNot(err error) (reason, hint string) {
	var noKey patch.OpMissingMapKeyErr
	var noIndex patch.OpMissingIndexErr
	var matches patch.OpMultipleMatchingIndexErr
	var mismatch patch.OpMismatchTypeErr
	switch {
	case errors.As(err, &noKey):
		return fmt.Sprintf("there is no %s", noKey.Path), keysHint(noKey)
	case errors.As(err, &noIndex):
		return fmt.Sprintf("there is no %s, the list's length is %d", noIndex.Path, len(noIndex.Obj)), ""
	case errors.As(err, &matches) && len(matches.Idxs) == 0:
		return fmt.Sprintf("no element of the list matches %s", matches.Path), "operations apply in order: each sees what those before it left"
	case errors.As(err, &matches):
		return fmt.Sprintf("%d elements of the list match %s, not exactly one", len(matches.Idxs), matches.Path), ""
	case errors.As(err, &mismatch):
		found := &node{value: mismatch.Obj}
		switch mismatch.Obj.(type) {
		case map[any]any:
			found.value = &mapping{}
		case []any:
			found.value = &sequence{}
		}
		wanted := strings.Replace(mismatch.Type_, "an array", "a list", 1)
		return fmt.Sprintf("%s is needed to reach %s, but there is %s", wanted, mismatch.Path, found.kind()), ""
	}
	// go-patch's other messages tell of paths and tokens only, never of values.
	return lowerFirst(err.Error()), ""
}

func keysHint(e patch.OpMissingMapKeyErr) string {
	var keys []string
	for key := range e.Obj {
		if text, ok := key.(string); ok {
			keys = append(keys, text)
		}
	}
	if len(keys) == 0 {
		return "the map there is empty"
	}
	slices.Sort(keys)
	const shown = 12
	if len(keys) > shown {
		keys = append(keys[:shown], "...")
	}
	return "the keys there are " + strings.Join(keys, ", ")
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
