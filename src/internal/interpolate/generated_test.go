//go:build !race

package interpolate

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/cppforlife/go-patch/patch"
	yaml2 "gopkg.in/yaml.v2"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// texts are a base document, one ops file and one vars file.
type texts struct{ base, ops, vars []byte }

// engine evaluates texts with bosh-cli's code alone.
func (x texts) engine(opts boshtpl.EvaluateOpts) (output []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			output, err = nil, fmt.Errorf("the engine panics: %v", cause)
		}
	}()
	var definitions []patch.OpDefinition
	if err := yaml2.Unmarshal(x.ops, &definitions); err != nil {
		return nil, err
	}
	ops, err := patch.NewOpsFromDefinitions(definitions)
	if err != nil {
		return nil, err
	}
	vars := boshtpl.StaticVariables{}
	if err := yaml2.Unmarshal(x.vars, &vars); err != nil {
		return nil, err
	}
	return boshtpl.NewTemplate(x.base).Evaluate(vars, ops, opts)
}

func (x texts) load(t *testing.T) (*evaluated, error) {
	t.Helper()
	files := source.NewFiles(nil)
	files.Keep("base.yml", x.base)
	files.Keep("ops.yml", x.ops)
	files.Keep("vars.yml", x.vars)
	return everyWay(t, NewLoader(files, nil), "base.yml", Inputs{OpsFiles: []string{"ops.yml"}, VarsFiles: []string{"vars.yml"}})
}

func (x texts) String() string {
	return fmt.Sprintf("-- base.yml --\n%s-- ops.yml --\n%s-- vars.yml --\n%s", x.base, x.ops, x.vars)
}

// TestGenerated compares with the engine on documents, operations and variables
// made at random from few words, so that paths and names often meet.
func TestGenerated(t *testing.T) {
	runs := 2000
	if sharedtest.Short() {
		runs = 200
	}
	outcomes := map[string]int{}
	for seed := range uint64(runs) {
		outcomes[compareGenerated(t, seed)]++
	}
	t.Log(outcomes)
	for _, outcome := range []string{"applied", "refused"} {
		if outcomes[outcome] < runs/10 {
			t.Errorf("%d of %d runs %s: too few to tell anything", outcomes[outcome], runs, outcome)
		}
	}
}

func FuzzGenerated(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compareGenerated(t, seed) })
}

func compareGenerated(t *testing.T, seed uint64) (outcome string) {
	t.Helper()
	x := newGenerator(seed).texts()
	want, wantErr := x.engine(boshtpl.EvaluateOpts{})
	got, err := x.load(t)
	if err != nil && strings.Contains(err.Error(), "left to chance") {
		return "chance"
	}
	if (err == nil) != (wantErr == nil) {
		if x.isChance(wantErr) {
			return "chance"
		}
		t.Errorf("seed %d\nengine: %v\nhere: %v\n%s", seed, wantErr, err, x)
		return "different"
	}
	if err != nil {
		var e *trouble.Trouble
		if !errors.As(err, &e) || !e.At.IsValid() {
			t.Errorf("seed %d: an error without a place: %v\n%s", seed, err, x)
		}
		if strings.Contains(err.Error(), "cannot apply ops and variables") {
			t.Errorf("seed %d: no reason for: %v\n%s", seed, wantErr, x)
		}
		return "refused"
	}
	if got.untraced != 0 {
		t.Errorf("seed %d: %d values lost their place\n%s\nengine:\n%s\nhere:\n%s", seed, got.untraced, x, want, listing(got.document))
	}
	if have := normalised(t, got.document.Node()); !bytes.Equal(have, want) {
		t.Errorf("seed %d: engine:\n%s\nhere:\n%s\n%s", seed, want, have, x)
	}
	return "applied"
}

// isChance reports whether the engine does not always do what it did once, which
// it does not where keys become equal.
func (x texts) isChance(once error) bool {
	for range 50 {
		if _, err := x.engine(boshtpl.EvaluateOpts{}); (err == nil) != (once == nil) {
			return true
		}
	}
	return false
}

// generator makes random texts.
type generator struct {
	*rand.Rand
	// within tells that variables are being made. They use none that is given:
	// what the engine makes of those can be left to chance, or be endless.
	within bool
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 1))} }

func (g *generator) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g *generator) word() string { return g.pick("a", "b", "c", "name", "x") }

func (g *generator) texts() texts {
	base := map[any]any{"a": g.value(3), "b": g.value(3), g.key(): g.value(3)}
	if g.IntN(3) == 0 {
		base["variables"] = g.definitions()
	}
	text := g.marshal(base)
	return texts{base: text, ops: g.operations(text), vars: g.marshal(g.vars())}
}

func (g *generator) marshal(value any) []byte {
	text, err := yaml2.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func (g *generator) value(depth int) any {
	kind := g.IntN(10)
	if depth == 0 {
		kind = 9
	}
	switch {
	case kind < 3:
		m := map[any]any{}
		for range g.IntN(4) {
			m[g.key()] = g.value(depth - 1)
		}
		return m
	case kind < 5:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	case kind < 7:
		list := []any{}
		for _, name := range []string{"x", "y", g.pick("x", "z")}[:1+g.IntN(3)] {
			list = append(list, map[any]any{"name": name, g.word(): g.value(depth - 1)})
		}
		return list
	}
	return g.scalar()
}

func (g *generator) key() any {
	switch g.IntN(12) {
	case 0:
		return g.IntN(3)
	case 1:
		return g.variable()
	case 2:
		return g.IntN(2) == 0
	}
	return g.word()
}

func (g *generator) scalar() any {
	switch g.IntN(8) {
	case 0:
		return g.IntN(3)
	case 1:
		return 0.5 * float64(g.IntN(4))
	case 2:
		return nil
	case 3:
		return g.IntN(2) == 0
	case 4:
		return g.variable()
	case 5:
		if !g.within {
			return g.pick("", "http://", "x ") + "((" + g.pick("text", "number", "missing", "list.0", "map.name") + "))" + g.pick("", "/", "((number))")
		}
	case 6:
		if g.IntN(4) == 0 {
			return "x" + g.variable()
		}
	}
	return g.pick("x", "y", "10.0.0.1", "yes", "1:30", "two\nlines\n", "it's", " padded ")
}

func (g *generator) variable() string {
	if g.within {
		return "((unresolved))"
	}
	name := g.pick("text", "number", "map", "map.a", "map.a.b", "list.0", "list.-1", "bool", "float", "null", "missing", "missing.a", "/path", "digits.1")
	return g.pick("((", "((", "((", "((!", "(( ") + name + "))"
}

func (g *generator) vars() map[string]any {
	g.within = true
	defer func() { g.within = false }()
	all := map[string]any{
		"text": g.pick("word", "10.0.0.2", "", "((unresolved))"), "number": g.IntN(9), "bool": true, "float": 1.5, "null": nil,
		"map": map[any]any{"a": g.value(1), "name": "x"}, "list": []any{"first", map[any]any{"a": 1}},
		"/path": "p", "digits": map[any]any{"1": "one"}, "x": "given", "y": "given",
	}
	for name := range all {
		if g.IntN(8) == 0 {
			delete(all, name)
		}
	}
	return all
}

func (g *generator) definitions() any {
	list := []any{}
	for range g.IntN(4) {
		definition := map[any]any{"name": g.pick("text", "number", "missing", "x", "y"), "type": "password"}
		if g.IntN(3) == 0 {
			definition["options"] = map[any]any{"ca": "((" + g.pick("missing", "number", "y") + "))"}
		}
		if g.IntN(10) == 0 {
			definition["name"] = g.scalar()
		}
		list = append(list, definition)
	}
	return list
}

// operations makes up to five operations, most of which apply.
func (g *generator) operations(base []byte) []byte {
	list := []any{}
	for range g.IntN(6) {
		operation := map[string]any{"type": g.pick("replace", "replace", "replace", "remove", "test")}
		path := g.path(base)
		operation["path"] = path
		switch operation["type"] {
		case "replace":
			operation["value"] = g.value(2)
		case "test":
			operation["absent"] = true
		}
		next, err := texts{base: base, ops: g.marshal([]any{operation})}.engine(boshtpl.EvaluateOpts{})
		if err != nil && g.IntN(20) > 0 {
			continue
		}
		list = append(list, operation)
		if err != nil {
			break
		}
		base = next
	}
	return g.marshal(list)
}

// path walks into a document, and often a step too far.
func (g *generator) path(base []byte) string {
	var document any
	if err := yaml2.Unmarshal(base, &document); err != nil {
		panic(err)
	}
	path := ""
	optional := false
	for range 1 + g.IntN(4) {
		var step string
		switch v := document.(type) {
		case map[any]any:
			step = g.word()
			document = v[step]
		case []any:
			step, document = g.listStep(v)
		default:
			step = g.pick("a", "b", "-", "0", "name=x", "name=new")
		}
		if !optional && !strings.Contains(step, ":") && step != "-" && g.IntN(4) == 0 {
			step, optional = step+"?", true
		}
		path += "/" + step
	}
	return path
}

func (g *generator) listStep(list []any) (step string, next any) {
	modifier := g.pick("", "", "", "", ":prev", ":next", ":before", ":after", ":next:before", ":prev:after", ":next:next")
	if g.IntN(2) == 0 || len(list) == 0 {
		name := g.pick("x", "y", "z")
		for _, item := range list {
			if m, ok := item.(map[any]any); ok && m["name"] == name {
				next = item
			}
		}
		return "name=" + name + modifier, next
	}
	i := g.IntN(len(list))
	if g.IntN(4) == 0 {
		return g.pick("-", fmt.Sprint(i-len(list))+modifier), list[i]
	}
	return fmt.Sprint(i) + modifier, list[i]
}

// FuzzTexts feeds arbitrary texts. They must never make the loader panic, and
// what it makes of them must be what the engine makes of them.
func FuzzTexts(f *testing.F) {
	f.Add([]byte("a: 1\nb: [((x))]\n"), []byte("- {type: replace, path: /a, value: 2}\n"), []byte("x: [1, 2]\n"))
	f.Add([]byte("a: &a {b: 1}\nc: {<<: *a, b: 2}\n"), []byte("- type: remove\n  path: /a/b\n"), []byte("1: x\ntrue: y\n"))
	f.Add([]byte("variables: [{name: x}]\n((x)): y"), []byte("[]"), []byte("x: \"((y))\"\ny.z: 1"))
	f.Add([]byte("- ! 5\n- !!binary aGk=\n- !!float 1\n"), []byte("# none\n"), []byte("---\n---\n"))
	f.Add([]byte("a: |2\n   x\n  y\n? b\n: c\n"), []byte("- {type: test, path: /b, value: c}"), []byte("{}"))
	f.Fuzz(func(t *testing.T, base, ops, vars []byte) {
		x := texts{base, ops, vars}
		got, err := x.load(t)
		if err != nil {
			var e *trouble.Trouble
			if !errors.As(err, &e) || e.At.File == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		want, err := x.engine(boshtpl.EvaluateOpts{})
		if err != nil {
			t.Fatalf("the engine refuses this: %v", err)
		}
		again, err := x.engine(boshtpl.EvaluateOpts{})
		if err != nil || !bytes.Equal(want, again) {
			return // the engine's answer is left to chance
		}
		var value any
		if err := got.document.Node().Decode(&value); err != nil {
			return // such as keys that yaml.v3 holds to be equal
		}
		if have := normalised(t, got.document.Node()); !bytes.Equal(have, want) {
			t.Errorf("engine:\n%s\nhere:\n%s", want, have)
		}
	})
}
