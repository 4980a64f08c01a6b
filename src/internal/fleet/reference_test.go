package fleet

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/source"
)

// section is a part of docs/fleet.md: one type of the model.
type section struct {
	of reflect.Type
	// at is where in a fleet file such mappings stand.
	at string
}

var sections = []section{
	{reflect.TypeFor[File](), "the whole file"},
	{reflect.TypeFor[Server](), "`server`"},
	{reflect.TypeFor[Director](), "each element of `directors`"},
	{reflect.TypeFor[Environment](), "`environment` of a director"},
	{reflect.TypeFor[Config](), "each element of `cloud_configs` and `runtime_configs`"},
	{reflect.TypeFor[Manifest](), "each element of `deployments` and `create_env`"},
	{reflect.TypeFor[Segment](), "each element of `segments`"},
	{reflect.TypeFor[Match](), "each element of `subnets` of a segment"},
	{reflect.TypeFor[External](), "each element of `external`"},
	{reflect.TypeFor[Pool](), "each element of `pools`"},
	{reflect.TypeFor[Team](), "each element of `teams`"},
	{reflect.TypeFor[Allowance](), "each element of `allow`"},
	{reflect.TypeFor[RuleSeverity](), "each element of `severities`"},
	{reflect.TypeFor[VIPProperties](), "`vip_properties`"},
	{reflect.TypeFor[Gate](), "`gate`"},
}

// TestReference writes docs/fleet.md from the types, their comments and the examples
// of testdata/reference.txtar. Every example is a whole fleet file without a mistake,
// and has every key of its type.
func TestReference(t *testing.T) {
	const path = "../../../docs/fleet.md"
	examples := pages(t, "testdata/reference.txtar")[0]
	comments := modelComments()
	var doc strings.Builder
	doc.WriteString(referenceTop)
	documented := map[reflect.Type]bool{}
	for _, s := range sections {
		documented[s.of] = true
		text, ok := examples.file(s.of.Name())
		if !ok {
			t.Fatalf("testdata/reference.txtar has no example named %s", s.of.Name())
		}
		checkExample(t, s.of, text)
		s.write(&doc, comments, text)
	}
	for used := range mappingsBelow(reflect.TypeFor[File](), map[reflect.Type]bool{}) {
		if !documented[used] {
			t.Errorf("%s is a mapping of the fleet file and stands in no section", used.Name())
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), doc.String()); diff != "" {
		t.Errorf("docs/fleet.md is not what the types say; go test ./src/internal/fleet -update writes it:\n%s", diff)
	}
}

const referenceTop = `# The fleet file

` + "`ipguard.yml`" + ` tells where the files of all directors are, and what nobody could know from them.
` + "`ipguard init`" + ` writes a first one, ` + "`ipguard schema`" + ` prints the JSON Schema for editors. Paths are
relative to the file's folder. A key that is not known, given twice or of the wrong type is
refused with its line.

This page is made from the types that the program reads the file into; a test loads every
example.
`

func (s section) write(doc *strings.Builder, comments map[string]string, example string) {
	fmt.Fprintf(doc, "\n## %s\n\n%s\n\n%s\n\n| key | | |\n| --- | --- | --- |\n", s.of.Name(), upperFirst(s.at)+".", comments[s.of.Name()])
	for _, f := range fieldsOf(s.of) {
		structField := s.of.FieldByIndex(f.index)
		owner := s.of
		if len(f.index) > 1 {
			owner = s.of.Field(f.index[0]).Type
		}
		var notes []string
		if f.required {
			notes = append(notes, "required")
		}
		if f.shorthand {
			notes = append(notes, "may stand alone, in place of the mapping")
		}
		comment := comments[owner.Name()+"."+structField.Name]
		fmt.Fprintf(doc, "| `%s` | %s | %s |\n", f.key, strings.Join(append([]string{formName(structField.Type)}, notes...), ", "), strings.ReplaceAll(comment, "|", "\\|"))
	}
	fmt.Fprintf(doc, "\n```yaml\n%s```\n", example)
}

// formName is what a value of a type looks like.
func formName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Date]():
		return "day"
	case reflect.TypeFor[Duration]():
		return "length of time"
	case reflect.TypeFor[Address]():
		return "address"
	case reflect.TypeFor[Range]():
		return "address, CIDR or range"
	case reflect.TypeFor[Prefix]():
		return "CIDR"
	case reflect.TypeFor[source.Value]():
		return "any value"
	case reflect.TypeFor[Text](), reflect.TypeFor[SeverityName](), reflect.TypeFor[Version](), reflect.TypeFor[Pattern]():
		return "text"
	case reflect.TypeFor[VariableName]():
		return "name of a variable"
	case reflect.TypeFor[Properties]():
		return "mapping"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list: " + formName(t.Elem())
	case reflect.Map:
		return "mapping: " + formName(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "[" + t.Name() + "](#" + strings.ToLower(t.Name()) + ")"
	}
	return t.Kind().String()
}

func upperFirst(s string) string {
	if strings.HasPrefix(s, "`") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// checkExample holds that the text is a fleet file without a mistake that has every
// key of the type.
func checkExample(t *testing.T, of reflect.Type, text string) {
	t.Helper()
	file, troubles := Parse("ipguard.yml", []byte(text))
	for _, trouble := range troubles {
		t.Errorf("the example of %s: %v", of.Name(), trouble)
	}
	doc, err := source.Parse("ipguard.yml", []byte(text))
	if file == nil || err != nil {
		t.Fatalf("the example of %s cannot be read: %v", of.Name(), err)
	}
	used := map[string]bool{}
	keysUsed(doc.Root(), reflect.TypeFor[File](), of, used)
	for _, f := range fieldsOf(of) {
		if !used[f.key] {
			t.Errorf("the example of %s in testdata/reference.txtar does not show %s", of.Name(), f.key)
		}
	}
}

// keysUsed collects the keys of mappings of a type below a value of type t.
func keysUsed(v source.Value, t, of reflect.Type, used map[string]bool) {
	switch t.Kind() {
	case reflect.Slice:
		for _, item := range v.Items() {
			keysUsed(item, t.Elem(), of, used)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(t) {
			value := v.Field(f.key)
			if !value.Present() {
				continue
			}
			if t == of {
				used[f.key] = true
			}
			keysUsed(value, t.FieldByIndex(f.index).Type, of, used)
		}
	}
}

// mappingsBelow are the types of all mappings with keys of their own.
func mappingsBelow(t reflect.Type, found map[reflect.Type]bool) map[reflect.Type]bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		mappingsBelow(t.Elem(), found)
	case reflect.Struct:
		if fields := fieldsOf(t); len(fields) > 0 && !found[t] {
			found[t] = true
			for _, f := range fields {
				mappingsBelow(t.FieldByIndex(f.index).Type, found)
			}
		}
	}
	return found
}
