// Package filemodel tells of a file that is read into Go types what these types say of
// it: its JSON Schema, and its page of reference. It is for tests, which write both into
// the tree; programs carry the texts.
//
//	types, comments of their source ──Schema, Reference──▶ *.schema.json, docs/*.md
package filemodel

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Model is a file, by the types that it is read into.
type Model struct {
	// Title is the file's name, as editors show it.
	Title string
	// Root is the type of the whole file.
	Root reflect.Type
	// Sources are the Go files in which the types are written: the descriptions are
	// the comments of the types themselves.
	Sources []string
	// Properties says that the file has cloud_properties somewhere.
	Properties bool
}

// Schema is the text of the file's JSON Schema.
func (m *Model) Schema() []byte {
	comments := m.comments()
	types := map[string]reflect.Type{}
	reflector := jsonschema.Reflector{
		Anonymous:      true,
		ExpandedStruct: true,
		FieldNameTag:   "yaml",
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			types[t.Name()] = t
			return valueSchema(t)
		},
		LookupComment: func(t reflect.Type, field string) string {
			return comments[strings.TrimSuffix(t.Name()+"."+field, ".")]
		},
	}
	schema := notEmpty(reflector.ReflectFromType(m.Root))
	schema.Title = m.Title
	for name, definition := range schema.Definitions {
		schema.Definitions[name] = withShorthand(types[name], notEmpty(definition))
	}
	if m.Properties {
		schema.Definitions["Properties"] = propertiesSchema()
		schema.Definitions["Property"] = propertySchema()
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("filemodel: the types of " + m.Title + " have no schema: " + err.Error())
	}
	return append(text, '\n')
}

// valueSchema is the schema of the types that read their value themselves.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[fleet.Properties]():
		return &jsonschema.Schema{Ref: "#/$defs/Properties"}
	case reflect.TypeFor[source.Value]():
		return &jsonschema.Schema{}
	case reflect.TypeFor[fleet.Date]():
		date := nonEmptyString()
		date.Format = "date"
		return date
	case reflect.TypeFor[fleet.Duration]():
		duration := nonEmptyString()
		duration.Pattern = fleet.DurationForm()
		return duration
	case reflect.TypeFor[fleet.VariableName]():
		name := nonEmptyString()
		name.Pattern = fleet.VariableNameForm()
		return name
	case reflect.TypeFor[fleet.Count]():
		return &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(fleet.LargestCount))}
	case reflect.TypeFor[fleet.BookMode]():
		return wordsSchema(fleet.BookModes())
	case reflect.TypeFor[fleet.SeverityName]():
		return wordsSchema(fleet.SeverityNames())
	case reflect.TypeFor[fleet.Strategy]():
		return wordsSchema(fleet.Strategies())
	case reflect.TypeFor[fleet.Text](), reflect.TypeFor[fleet.Version](), reflect.TypeFor[fleet.Address](),
		reflect.TypeFor[fleet.Range](), reflect.TypeFor[fleet.Prefix](), reflect.TypeFor[fleet.Pattern]():
		return nonEmptyString()
	}
	return nil
}

func wordsSchema(words []string) *jsonschema.Schema {
	schema := &jsonschema.Schema{Type: "string"}
	for _, w := range words {
		schema.Enum = append(schema.Enum, w)
	}
	return schema
}

func nonEmptyString() *jsonschema.Schema {
	one := uint64(1)
	return &jsonschema.Schema{Type: "string", MinLength: &one}
}

// propertiesSchema is the schema of cloud_properties: scalars, mappings and lists
// of them.
func propertiesSchema() *jsonschema.Schema {
	return notEmpty(&jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Property"}})
}

// propertySchema is the schema of one value in cloud_properties.
func propertySchema() *jsonschema.Schema {
	one := uint64(1)
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string"}, {Type: "number"}, {Type: "boolean"},
		{Type: "array", MinItems: &one, Items: &jsonschema.Schema{Ref: "#/$defs/Property"}},
		{Ref: "#/$defs/Properties"},
	}}
}

// notEmpty refuses a mapping without a key.
func notEmpty(s *jsonschema.Schema) *jsonschema.Schema {
	one := uint64(1)
	s.MinProperties = &one
	return s
}

// withShorthand lets the value of t's shorthand key stand for the whole mapping.
func withShorthand(t reflect.Type, mapping *jsonschema.Schema) *jsonschema.Schema {
	for _, f := range fleet.Keys(t) {
		if f.Shorthand {
			alone := nonEmptyString()
			alone.Description = mapping.Properties.Value(f.Name).Description
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{alone, mapping}}
		}
	}
	return mapping
}

// comments are those of the model's types and fields, by their names: "Director",
// "Director.Name". Line breaks become blanks.
func (m *Model) comments() map[string]string {
	comments := map[string]string{}
	for _, text := range m.Sources {
		file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			panic("filemodel: " + err.Error())
		}
		for _, decl := range file.Decls {
			if general, ok := decl.(*ast.GenDecl); ok && general.Tok == token.TYPE {
				note(comments, general)
			}
		}
	}
	return comments
}

// note adds the comments of one type.
func note(comments map[string]string, general *ast.GenDecl) {
	spec := general.Specs[0].(*ast.TypeSpec)
	comments[spec.Name.Name] = oneLine(general.Doc)
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range structure.Fields.List {
		for _, name := range field.Names {
			comments[spec.Name.Name+"."+name.Name] = oneLine(field.Doc)
		}
	}
}

func oneLine(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
