package fleet

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

var update = flag.Bool("update", false, "write the results of the pages in testdata; look at the difference before committing")

// page is one page of testdata: a description and files.
type page struct {
	path    string
	archive *txtar.Archive
}

func pages(t testing.TB, pattern string) []page {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pages %s: %v", pattern, err)
	}
	var list []page
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, page{absolute, archive})
	}
	return list
}

func (p page) name() string { return strings.TrimSuffix(filepath.Base(p.path), ".txtar") }

func (p page) file(name string) (string, bool) {
	for _, f := range p.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

// compare holds a result against the page's file of that name.
func (p page) compare(t *testing.T, name, got string) {
	t.Helper()
	want, _ := p.file(name)
	if want == got {
		return
	}
	if !*update {
		t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, got))
		return
	}
	p.archive.Files = slices.DeleteFunc(p.archive.Files, func(f txtar.File) bool { return f.Name == name })
	p.archive.Files = append(p.archive.Files, txtar.File{Name: name, Data: []byte(got)})
	if err := os.WriteFile(p.path, txtar.Format(p.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// extract writes the page's files, but for those named, into a new folder named
// fleet, which becomes the working directory.
func (p page) extract(t *testing.T, but ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, f := range p.archive.Files {
		if slices.Contains(but, f.Name) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// lines writes errors as the pages do: place, message, hint.
func lines(errs []*trouble.Trouble) string {
	var b strings.Builder
	for _, e := range errs {
		fmt.Fprintf(&b, "%d:%d %s\n", e.At.Line, e.At.Column, e.Message)
		if e.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", e.Hint)
		}
	}
	return b.String()
}

// TestForm reads each page of testdata/form strictly and holds it against the
// schema: both must agree, but for what a schema cannot say.
func TestForm(t *testing.T) {
	schema := compiledSchema(t)
	for _, p := range pages(t, "testdata/form/*.txtar") {
		t.Run(p.name(), func(t *testing.T) {
			text, _ := p.file(FileName)
			_, errs := Parse(FileName, []byte(text))
			p.compare(t, "want", lines(errs))
			want, ok := p.file("schema")
			doc, err := source.Parse(FileName, []byte(text))
			if !ok {
				if err == nil {
					t.Error("the page does not say what the schema does")
				}
				return
			}
			if got := verdict(schema, doc); got != strings.TrimSpace(want) {
				t.Errorf("the schema %s it", got)
			}
			agree(t, schema, doc, errs)
		})
	}
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("ipguard.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("ipguard.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func verdict(schema *jsonschema.Schema, doc *source.Document) string {
	if schema.Validate(jsonValue(doc.Root())) != nil {
		return "refuses"
	}
	return "accepts"
}

// beyondSchema are parts of the messages about what a schema cannot see.
var beyondSchema = []string{"which logs in", "the range ends before it begins", "the block of", "neither directors nor pools", "has no `directors`",
	"is already defined at", "of this file is named", "stands here twice", "a second YAML document",
	"must be an IP address", "must be an address", "must be a CIDR", "must be a version", "must be a date", "is no property pattern",
	"a key must be a word", "with the tag", "stands for more than",
}

// agree fails unless what is read without an error is accepted by the schema, and
// what the schema accepts has no errors but those that it cannot see.
func agree(t *testing.T, schema *jsonschema.Schema, doc *source.Document, errs []*trouble.Trouble) {
	t.Helper()
	refused := schema.Validate(jsonValue(doc.Root()))
	if len(errs) == 0 && refused != nil {
		t.Errorf("read without an error, but the schema refuses it: %v", refused)
	}
	for _, e := range errs {
		visible := !slices.ContainsFunc(beyondSchema, func(part string) bool { return strings.Contains(e.Message, part) })
		if visible && refused == nil {
			t.Errorf("the schema accepts what is refused here: %v", e)
		}
	}
}

// jsonValue is what an editor makes of YAML (version 1.2) before it asks the schema.
func jsonValue(v source.Value) any {
	switch {
	case v.IsMap():
		object := map[string]any{}
		for key, value := range v.Fields() {
			if key.IsScalar() {
				object[key.Text()] = jsonValue(value)
			}
		}
		return object
	case v.IsList():
		list := []any{}
		for _, item := range v.Items() {
			list = append(list, jsonValue(item))
		}
		return list
	}
	switch v.Node().ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return true
	case "!!int", "!!float":
		return json.Number("1")
	}
	return v.Text()
}

// TestEveryKeyIsDescribed keeps the schema useful: an editor shows the
// description of the key under the cursor.
func TestEveryKeyIsDescribed(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Description string } `json:"properties"`
		Defs       map[string]json.RawMessage              `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(Schema()), &schema); err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]struct{ Description string }
		AnyOf      []struct {
			Properties map[string]struct{ Description string }
		}
	}
	keys := 0
	check := func(where string, properties map[string]struct{ Description string }) {
		for name, p := range properties {
			if keys++; p.Description == "" {
				t.Errorf("%s: %s has no description", where, name)
			}
		}
	}
	check("file", schema.Properties)
	for name, text := range schema.Defs {
		var o object
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		check(name, o.Properties)
		for _, alternative := range o.AnyOf {
			check(name, alternative.Properties)
		}
	}
	if keys < 30 {
		t.Errorf("only %d keys were looked at", keys)
	}
}

// TestExamples reads and follows every fleet file of the examples.
func TestExamples(t *testing.T) {
	schema := compiledSchema(t)
	paths, err := filepath.Glob("../../../manifests-examples/*/" + FileName)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range paths {
		file, errs := Load(source.NewFiles(strings.NewReader("")), path)
		if len(errs) > 0 {
			t.Errorf("%s: %v", path, errs)
			continue
		}
		if _, errs := file.Resolve(); len(errs) > 0 {
			t.Errorf("%s: %v", path, errs)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := source.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(schema, doc); got != "accepts" {
			t.Errorf("the schema %s %s", got, path)
		}
	}
}

func TestLoadOfMissingFile(t *testing.T) {
	file, errs := Load(source.NewFiles(strings.NewReader("")), filepath.Join(t.TempDir(), FileName))
	if file != nil || len(errs) != 1 || errs[0].Message != "no such file" {
		t.Errorf("%v, %v", file, errs)
	}
}

// TestWhatCannotBeReadIsLeftOut: beside its errors, a file yields only values that
// were really written in it.
func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	file, errs := Parse(FileName, []byte(`directors:
- {director_ips: [10.0.0.1], deployments: [m.yml]}
- name: a
  director_ips: [nonsense, 10.0.0.2]
  deployments: [{manifest: m.yml, var_files: {a: 1, b: b.pem}, ops_files: [7]}]
external: [{owner: x, addresses: [10.0.0.9 - 10.0.0.1, 10.0.0.3]}]
vip_properties: {add: ["a b", lb.ip], ignore: ["?"]}
`))
	if len(errs) != 7 {
		t.Errorf("%d errors: %s", len(errs), lines(errs))
	}
	a := file.Directors[1]
	if len(a.Addresses) != 1 || a.Addresses[0].Range.From().String() != "10.0.0.2" {
		t.Errorf("director_ips %v", a.Addresses)
	}
	if in := a.Deployments[0]; len(in.VarFiles) != 1 || len(in.OpsFiles) != 0 {
		t.Errorf("inputs %v", in)
	}
	if got := file.External[0].Addresses; len(got) != 1 || got[0].Range.From().String() != "10.0.0.3" {
		t.Errorf("external %v", got)
	}
	defaults, patterns := bosh.DefaultPatterns(), file.VIPPatterns()
	if len(patterns.Find) != len(defaults.Find)+1 || len(patterns.Ignore) != 0 {
		t.Errorf("patterns %v", patterns)
	}
	directors, _ := file.Resolve()
	if len(directors) != 1 || directors[0].Name != "a" {
		t.Errorf("directors %v", directors)
	}
}

// TestAliasBomb shows that a file that stands for more values than a fleet has is
// refused, and not unfolded.
func TestAliasBomb(t *testing.T) {
	const text = "directors: [{name: a, deployments: &d [a.yml, b.yml, c.yml, d.yml], create_env: *d}, {name: b, create_env: *d}]"
	doc, err := source.Parse(FileName, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &decoder{left: 16}
	file := d.file(FileName, doc.Root())
	if got := lines(d.errs); got != "1:40 the fleet file stands for more than 1000000 values\n" {
		t.Errorf("errors: %s", got)
	}
	if read := len(file.Directors[0].Deployments); read != 4 {
		t.Errorf("of what came before the limit, %d deployments were kept", read)
	}
}

// FuzzParse looks for texts on which reading panics or disagrees with the schema.
func FuzzParse(f *testing.F) {
	for _, p := range pages(f, "testdata/form/*.txtar") {
		if text, ok := p.file(FileName); ok {
			f.Add(text)
		}
	}
	schema := compiledSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, errs := Parse(FileName, []byte(text))
		for _, e := range errs {
			if e.Message == "" || !e.At.IsValid() {
				t.Errorf("an error without message or place: %#v", e)
			}
		}
		doc, err := source.Parse(FileName, []byte(text))
		if err != nil {
			if len(errs) == 0 {
				t.Errorf("no error for %v", err)
			}
			return
		}
		agree(t, schema, doc, errs)
	})
}
