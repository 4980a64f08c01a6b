package fleet

import (
	_ "embed"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/ipguard/ipguard/src/internal/source"
)

// modelSource is where the descriptions of the schema are written: the comments
// of the types themselves.
//
//go:embed model.go
var modelSource string

// makeSchema returns the text of ipguard.schema.json, made of the model's types. It
// is no part of the program, which would have to carry a Go parser for it.
func makeSchema() []byte {
	comments := modelComments()
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
	schema := notEmpty(reflector.Reflect(&File{}))
	schema.Title = FileName
	for name, definition := range schema.Definitions {
		schema.Definitions[name] = withShorthand(types[name], notEmpty(definition))
	}
	schema.Definitions["Properties"] = propertiesSchema()
	schema.Definitions["Property"] = propertySchema()
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic("fleet: the types of the model have no schema: " + err.Error())
	}
	return append(text, '\n')
}

// valueSchema is the schema of the types that read their value themselves.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Properties]():
		return &jsonschema.Schema{Ref: "#/$defs/Properties"}
	case reflect.TypeFor[source.Value]():
		return &jsonschema.Schema{}
	case reflect.TypeFor[Date]():
		date := nonEmptyString()
		date.Format = "date"
		return date
	case reflect.TypeFor[Duration]():
		duration := nonEmptyString()
		duration.Pattern = durationForm().String()
		return duration
	case reflect.TypeFor[VariableName]():
		name := nonEmptyString()
		name.Pattern = variableNameForm().String()
		return name
	case reflect.TypeFor[Count]():
		return &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(largestCount))}
	case reflect.TypeFor[BookMode]():
		return wordsSchema(BookModes())
	case reflect.TypeFor[SeverityName]():
		return wordsSchema(SeverityNames())
	case reflect.TypeFor[Strategy]():
		return wordsSchema(Strategies())
	case reflect.TypeFor[Text](), reflect.TypeFor[Version](), reflect.TypeFor[Address](),
		reflect.TypeFor[Range](), reflect.TypeFor[Prefix](), reflect.TypeFor[Pattern]():
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
	for _, f := range fieldsOf(t) {
		if f.shorthand {
			alone := nonEmptyString()
			alone.Description = mapping.Properties.Value(f.key).Description
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{alone, mapping}}
		}
	}
	return mapping
}

// modelComments returns the comments of the model's types and fields, by their
// names: "Director", "Director.Name". Line breaks become blanks.
func modelComments() map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "model.go", modelSource, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		panic("fleet: " + err.Error())
	}
	comments := map[string]string{}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		spec := general.Specs[0].(*ast.TypeSpec)
		comments[spec.Name.Name] = oneLine(general.Doc)
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				comments[spec.Name.Name+"."+name.Name] = oneLine(field.Doc)
			}
		}
	}
	return comments
}

func oneLine(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
