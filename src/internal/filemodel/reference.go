package filemodel

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Section is a part of a page of reference: one type of the model.
type Section struct {
	Of reflect.Type
	// At is where in the file such mappings stand.
	At string
}

// Reference is the page of the file: what stands before, and its sections with an example
// for each type, by the type's name.
func (m *Model) Reference(top string, sections []Section, examples map[string]string) string {
	comments := m.comments()
	var doc strings.Builder
	doc.WriteString(top)
	for _, s := range sections {
		s.write(&doc, comments, examples[s.Of.Name()])
	}
	return doc.String()
}

// Missing are what the page lacks: types that stand in no section, and keys that no
// example of their type shows.
func (m *Model) Missing(sections []Section, examples map[string]string) (missing []string) {
	documented := map[reflect.Type]bool{}
	for _, s := range sections {
		documented[s.Of] = true
		doc, err := source.Parse(m.Title, []byte(examples[s.Of.Name()]))
		if err != nil {
			missing = append(missing, fmt.Sprintf("an example of %s that can be read: %v", s.Of.Name(), err))
			continue
		}
		used := map[string]bool{}
		keysUsed(doc.Root(), m.Root, s.Of, used)
		for _, f := range fleet.Keys(s.Of) {
			if !used[f.Name] {
				missing = append(missing, fmt.Sprintf("%s in the example of %s", f.Name, s.Of.Name()))
			}
		}
	}
	for used := range mappingsBelow(m.Root, map[reflect.Type]bool{}) {
		if !documented[used] {
			missing = append(missing, "a section of "+used.Name())
		}
	}
	return missing
}

func (s Section) write(doc *strings.Builder, comments map[string]string, example string) {
	fmt.Fprintf(doc, "\n## %s\n\n%s\n\n%s\n\n| key | | |\n| --- | --- | --- |\n", s.Of.Name(), upperFirst(s.At)+".", comments[s.Of.Name()])
	for _, f := range fleet.Keys(s.Of) {
		structField := s.Of.FieldByIndex(f.Index)
		owner := s.Of
		if len(f.Index) > 1 {
			owner = s.Of.Field(f.Index[0]).Type
		}
		var notes []string
		if f.Required {
			notes = append(notes, "required")
		}
		if f.Shorthand {
			notes = append(notes, "may stand alone, in place of the mapping")
		}
		comment := comments[owner.Name()+"."+structField.Name]
		fmt.Fprintf(doc, "| `%s` | %s | %s |\n", f.Name, strings.Join(append([]string{formName(structField.Type)}, notes...), ", "), strings.ReplaceAll(comment, "|", "\\|"))
	}
	fmt.Fprintf(doc, "\n```yaml\n%s```\n", example)
}

// formName is what a value of a type looks like.
func formName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[fleet.Date]():
		return "day"
	case reflect.TypeFor[fleet.Duration]():
		return "length of time"
	case reflect.TypeFor[fleet.Address]():
		return "address"
	case reflect.TypeFor[fleet.Range]():
		return "address, CIDR or range"
	case reflect.TypeFor[fleet.Prefix]():
		return "CIDR"
	case reflect.TypeFor[source.Value]():
		return "any value"
	case reflect.TypeFor[fleet.Text](), reflect.TypeFor[fleet.SeverityName](), reflect.TypeFor[fleet.Version](), reflect.TypeFor[fleet.Pattern]():
		return "text"
	case reflect.TypeFor[fleet.VariableName]():
		return "name of a variable"
	case reflect.TypeFor[fleet.Properties]():
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

// keysUsed collects the keys of mappings of a type below a value of type t.
func keysUsed(v source.Value, t, of reflect.Type, used map[string]bool) {
	switch t.Kind() {
	case reflect.Slice:
		for _, item := range v.Items() {
			keysUsed(item, t.Elem(), of, used)
		}
	case reflect.Struct:
		for _, f := range fleet.Keys(t) {
			value := v.Field(f.Name)
			if !value.Present() {
				continue
			}
			if t == of {
				used[f.Name] = true
			}
			keysUsed(value, t.FieldByIndex(f.Index).Type, of, used)
		}
	}
}

// mappingsBelow are the types of all mappings with keys of their own.
func mappingsBelow(t reflect.Type, found map[reflect.Type]bool) map[reflect.Type]bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		mappingsBelow(t.Elem(), found)
	case reflect.Struct:
		if fields := fleet.Keys(t); len(fields) > 0 && !found[t] {
			found[t] = true
			for _, f := range fields {
				mappingsBelow(t.FieldByIndex(f.Index).Type, found)
			}
		}
	}
	return found
}
