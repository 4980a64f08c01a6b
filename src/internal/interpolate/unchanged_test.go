//go:build !race

package interpolate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// words are scalars that YAML libraries do not agree about, among harmless ones.
var words = strings.Split(`a|static_ips|10.8.52.30|10.8.52.2 - 10.8.52.9|"10.8.52.30"|'x y'|y|n|Y|yes|No|on|off|true|"true"|True|~|null|""|''|010|0o14|0x1F|1_000|"1,000"|1,000|1:30|190:20:30|"1:30"|1.0|1.10|1.785|1e3|.inf|-.INF|.nan|2001-01-01|2001-01-01 10:00:00|"2001-01-01"|:sym|":sym"|=|"="|<<|"<<"|'<<'|!!binary c3RhdGljX2lwcw==|!!str 1|!!int "7"|!!float 1|!x a|! a|! "1"|((v))|"((v))"|-1|+1|0|00|08|9007199254740993|18446744073709551615|1__0|_1|-_1|"\u00e9"|"a: b"|"a #b"|- 1|nats|tcp|t|f`, "|")

// randomYAML writes a document of nested maps and lists of words.
func randomYAML(r *rand.Rand) string {
	var value func(depth int) string
	word := func() string { return words[r.IntN(len(words))] }
	value = func(depth int) string {
		switch n := r.IntN(6); {
		case depth > 3 || n < 3:
			return word()
		case n == 3:
			var items []string
			for range r.IntN(4) {
				items = append(items, value(depth+1))
			}
			return "[" + strings.Join(items, ", ") + "]"
		}
		var pairs []string
		for range r.IntN(4) {
			key := word()
			if r.IntN(3) > 0 {
				key = []string{"a", "b", "static_ips", "name"}[r.IntN(4)]
			}
			if key[0] == '"' && key != `"<<"` || strings.HasPrefix(key, "!!str") || strings.HasPrefix(key, "!x") || strings.HasPrefix(key, "! ") {
				continue // "1" beside 1: readers of BOSH documents have no keys but texts
			}
			content := value(depth + 1)
			if strings.Contains(key, "<<") && r.IntN(4) > 0 {
				content = "{static_ips: [" + word() + "]}"
			}
			pairs = append(pairs, key+": "+content)
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	var doc strings.Builder
	for i := range 1 + r.IntN(3) {
		fmt.Fprintf(&doc, "k%d: %s\n", i, value(0))
	}
	return doc.String()
}

// meaning is what a director reads in a value.
func meaning(v source.Value) string {
	switch {
	case v.IsMap():
		var pairs []string
		for key, value := range v.Fields() {
			pairs = append(pairs, meaning(key)+": "+meaning(value))
		}
		slices.Sort(pairs)
		return "{" + strings.Join(pairs, ", ") + "}"
	case v.IsList():
		var items []string
		for _, item := range v.Items() {
			items = append(items, meaning(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	text := v.Text()
	if coerced, ok := v.Coerced(); ok {
		text = coerced
	}
	if v.Kind() == source.Nil || v.Kind() == source.Bool {
		text = fmt.Sprint(v.Bool())
	}
	return fmt.Sprintf("%s %q", v.Kind(), text)
}

// TestSameBytesSameMeaning: what is read of a document without inputs is what a
// director reads in the text that bosh makes of it, and is the same with an input
// that changes nothing. The oracle is bosh's own engine.
func TestSameBytesSameMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	read, asWritten, refused := 0, 0, 0
	documents := 6000
	if sharedtest.Short() {
		documents = 1200
	}
	for range documents {
		text := randomYAML(r)
		parsed, err := source.Parse("m.yml", []byte(text))
		if err != nil {
			continue
		}
		uploaded, engineErr := engineAlone([]byte(text))
		files := source.NewFiles(nil)
		files.Keep("m.yml", []byte(text))
		loader := NewLoader(files, nil)
		doc, err := loader.LoadProven("m.yml", Inputs{})
		if engineErr != nil || err != nil {
			if engineErr != nil && err == nil {
				t.Fatalf("%s\nbosh says %v, and nothing was said", text, engineErr)
			}
			if placed := (*trouble.Trouble)(nil); engineErr == nil && !errors.As(err, &placed) {
				t.Fatalf("%s\n%v", text, err)
			}
			refused++
			continue
		}
		read++
		if newScalars().meansTheSame(parsed, []byte(text)) {
			asWritten++
		}
		director, err := source.Parse("m.yml", uploaded)
		if err != nil {
			continue // the director cannot read it either
		}
		if got, want := meaning(doc.Root()), meaning(director.Root()); got != want {
			t.Fatalf("%s\nread:         %s\nthe director: %s\nuploaded:\n%s", text, got, want, uploaded)
		}
		changed, err := loader.LoadProven("m.yml", Inputs{Vars: []KV{{"unused", "1"}}})
		if err != nil || meaning(changed.Root()) != meaning(doc.Root()) {
			t.Fatalf("%s\nwith an unused variable: %v", text, err)
		}
	}
	t.Logf("%d read, %d of them as written; %d refused", read, asWritten, refused)
	if asWritten < documents/6 || read-asWritten < documents/6 || refused < documents/1200 {
		t.Error("the documents are not varied enough to say anything")
	}
}

// TestByteOrderMarkIsNotSent: with an input and without, bosh sends what it read, and that
// has no mark.
func TestByteOrderMarkIsNotSent(t *testing.T) {
	text := []byte("\ufeffname: x\nupdate: {}\n")
	files := source.NewFiles(nil)
	files.Keep("m.yml", text)
	if sent, err := engineAlone(text); err != nil || strings.Contains(string(sent), "\ufeff") {
		t.Fatalf("bosh sends %q, %v", sent, err)
	}
	for _, in := range []Inputs{{}, {Vars: []KV{{"unused", "1"}}}} {
		doc, err := NewLoader(files, nil).Load("m.yml", in)
		if err != nil || doc.HasByteOrderMark() || doc.Root().Field("update").Place().Line != 2 {
			t.Errorf("%v: %v", in, err)
		}
	}
	if doc, err := NewLoader(files, nil).Verbatim().Load("m.yml", Inputs{}); err != nil || !doc.HasByteOrderMark() {
		t.Errorf("as it stands: %v", err)
	}
}

// engineAlone is what bosh uploads of a document without inputs.
func engineAlone(text []byte) (output []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			output, err = nil, fmt.Errorf("the engine panics: %v", cause)
		}
	}()
	return boshtpl.NewTemplate(text).Evaluate(boshtpl.StaticVariables{}, nil, boshtpl.EvaluateOpts{})
}
