package fleet

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// maxValues is how many values a fleet file may have, aliases expanded. A fleet
// of 10,000 deployments with inputs of their own has some 100,000.
const maxValues = 1_000_000

// decoder fills Go values from a document and collects everything that is wrong
// with it.
type decoder struct {
	errs []*trouble.Trouble
	left int // how many values may still be read
	// fields are the keys of structs that were met before.
	fields map[reflect.Type][]field
}

// fieldsOf is the function, for types that come again and again.
func (d *decoder) fieldsOf(t reflect.Type) []field {
	if known, ok := d.fields[t]; ok {
		return known
	}
	fields := fieldsOf(t)
	if d.fields == nil {
		d.fields = map[reflect.Type][]field{}
	}
	d.fields[t] = fields
	return fields
}

// wholeFile names the outermost value in messages.
const wholeFile = "the fleet file"

// valueDecoder is a type that reads its value itself. what names the value in
// messages: "`name`", "an entry of `directors`".
type valueDecoder interface {
	decodeValue(d *decoder, v source.Value, what string)
}

func (d *decoder) fail(at place.Place, hint, format string, args ...any) {
	d.errs = append(d.errs, &trouble.Trouble{At: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

var (
	valueType = reflect.TypeFor[source.Value]()
	placeType = reflect.TypeFor[place.Place]()
)

// decode reads v into a settable Go value.
func (d *decoder) decode(v source.Value, into reflect.Value, what string) {
	if !d.mayRead(v) {
		return
	}
	if own, ok := into.Addr().Interface().(valueDecoder); ok {
		own.decodeValue(d, v, what)
		return
	}
	switch {
	case into.Type() == valueType:
		into.Set(reflect.ValueOf(v))
	case into.Kind() == reflect.Bool:
		d.decodeBool(v, into, what)
	case into.Kind() == reflect.Struct:
		d.decodeStruct(v, into, what)
	case into.Kind() == reflect.Slice:
		d.decodeList(v, into, what)
	case into.Kind() == reflect.Map:
		d.decodeMap(v, into, what)
	default:
		panic("fleet: a type of the model has no decoder: " + into.Type().String())
	}
}

// mayRead counts a value and reports whether it may still be read.
func (d *decoder) mayRead(v source.Value) bool {
	d.left--
	if d.left == 0 {
		d.fail(v.Place(), "", "the fleet file stands for more than %d values", maxValues)
	}
	return d.left > 0
}

func (d *decoder) decodeBool(v source.Value, into reflect.Value, what string) {
	var b bool
	if typeName(v) != aBool || v.Node().Decode(&b) != nil {
		d.wrongType(v, what, aBool)
		return
	}
	into.SetBool(b)
}

func (d *decoder) decodeStruct(v source.Value, into reflect.Value, what string) {
	fields := d.fieldsOf(into.Type())
	if at := into.FieldByName("At"); at.IsValid() && at.Type() == placeType {
		at.Set(reflect.ValueOf(v.Place()))
	}
	expected := "a mapping"
	if i := slices.IndexFunc(fields, func(f field) bool { return f.shorthand }); i >= 0 {
		if v.IsScalar() {
			d.decode(v, into.FieldByIndex(fields[i].index), what)
			return
		}
		expected = "a path or a mapping"
	}
	if !d.isMapping(v, what, expected) {
		return
	}
	present := map[string]bool{}
	for key, value := range v.Fields() {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Text() })
		if i < 0 {
			d.unknownKey(key, fields)
			continue
		}
		present[key.Text()] = true
		d.decode(value, into.FieldByIndex(fields[i].index), quoted(key.Text()))
		if fields[i].nonEmpty && value.IsList() && len(value.Items()) == 0 {
			d.fail(value.Place(), "", "%s must not be empty", quoted(key.Text()))
		}
	}
	for _, f := range fields {
		if f.required && !present[f.key] {
			d.fail(v.Place(), "", "%s has no %s", what, quoted(f.key))
		}
	}
}

// isMapping reports whether v is a mapping of words that says something, and
// complains if it is not.
func (d *decoder) isMapping(v source.Value, what, expected string) bool {
	if !v.IsMap() {
		d.wrongType(v, what, expected)
		return false
	}
	d.repeatedKeys(v)
	for range v.Fields() {
		return true
	}
	d.fail(v.Place(), "", "%s must not be empty", what)
	return false
}

// repeatedKeys complains about keys that stand twice in one mapping, of which
// YAML readers drop all but one.
func (d *decoder) repeatedKeys(v source.Value) {
	first := map[string]*yaml.Node{}
	written := v.Node().Content
	for i := 0; i+1 < len(written); i += 2 {
		key := written[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if earlier, ok := first[key.Value]; ok {
			at := v.Place()
			at.Line, at.Column = key.Line, key.Column
			d.fail(at, "", "%s stands here twice, first in line %d", quoted(key.Value), earlier.Line)
			continue
		}
		first[key.Value] = key
	}
}

// isWord reports whether a key is a word, and complains if it is not.
func (d *decoder) isWord(key source.Value) bool {
	if !key.IsScalar() {
		d.fail(key.Place(), "", "a key must be a word, not %s", typeName(key))
	}
	return key.IsScalar()
}

func (d *decoder) unknownKey(key source.Value, fields []field) {
	if !d.isWord(key) {
		return
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	hint := "known keys here: " + strings.Join(known, ", ")
	if near, ok := spelling.Nearest(key.Text(), known); ok {
		hint = "did you mean " + quoted(near) + "?"
	}
	d.fail(key.Place(), hint, "unknown key %s", quoted(key.Text()))
}

// decodeList reads a list. An entry that could not be read at all is left out, so
// that nobody takes it for an address or a pattern.
func (d *decoder) decodeList(v source.Value, into reflect.Value, what string) {
	if !v.IsList() {
		d.wrongType(v, what, "a list")
		return
	}
	items := v.Items()
	list := reflect.MakeSlice(into.Type(), 0, len(items))
	for _, item := range items {
		element := reflect.New(into.Type().Elem()).Elem()
		d.decode(item, element, "an entry of "+what)
		if !element.IsZero() {
			list = reflect.Append(list, element)
		}
	}
	into.Set(list)
}

// decodeMap reads a mapping with keys that the user chooses.
func (d *decoder) decodeMap(v source.Value, into reflect.Value, what string) {
	if !v.IsMap() {
		d.wrongType(v, what, "a mapping")
		return
	}
	d.repeatedKeys(v)
	table := reflect.MakeMap(into.Type())
	for key, value := range v.Fields() {
		if !d.isWord(key) {
			continue
		}
		element := reflect.New(into.Type().Elem()).Elem()
		d.decode(value, element, quoted(key.Text())+" of "+what)
		if !element.IsZero() {
			table.SetMapIndex(reflect.ValueOf(key.Text()), element)
		}
	}
	into.Set(table)
}

func (d *decoder) wrongType(v source.Value, what, expected string) {
	got, hint := typeName(v), ""
	switch {
	case isNull(v) && what != wholeFile:
		hint = "give it a value, or leave it out"
	case expected == "a list" && v.IsScalar():
		hint = "write a list: [ … ]"
	case expected == "a string" && (got == aNumber || got == aBool):
		hint = "put it into quotes"
	}
	d.fail(v.Place(), hint, "%s must be %s, not %s", what, expected, got)
}

// sorted puts errors into the order of the file, each once: an alias leads to the
// same mistake again.
func sorted(errs []*trouble.Trouble) []*trouble.Trouble {
	slices.SortStableFunc(errs, func(a, b *trouble.Trouble) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(errs, func(a, b *trouble.Trouble) bool { return *a == *b })
}

// field is one key of a mapping, as its Go field says.
type field struct {
	key                           string
	index                         []int
	required, nonEmpty, shorthand bool
}

// fieldsOf lists the keys of a struct in the order of its fields, those of
// embedded structs where the struct stands.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fields = append(fields, field{
			key: key, index: f.Index,
			required:  options != "omitempty",
			nonEmpty:  f.Tag.Get("jsonschema") == "minItems=1",
			shorthand: f.Tag.Get("fleet") == "shorthand",
		})
	}
	return fields
}

// Key is one key of a mapping, as a Go type says that a fleet file is read into.
type Key struct {
	Name string
	// Index is the field's, as of reflect.Type.FieldByIndex.
	Index []int
	// Required keys have to be there; the value of a Shorthand may stand for the whole
	// mapping.
	Required, Shorthand bool
}

// Keys are those of a type of mappings, in the order of its fields.
func Keys(t reflect.Type) []Key {
	var list []Key
	for _, f := range fieldsOf(t) {
		list = append(list, Key{f.key, f.index, f.required, f.shorthand})
	}
	return list
}

func quoted(key string) string { return "`" + key + "`" }

func isNull(v source.Value) bool { return v.IsScalar() && v.Node().ShortTag() == "!!null" }

// Names of types that are mistaken for strings.
const (
	aNumber = "a number"
	aBool   = "true or false"
)

// typeName names what v is. Unlike directors, whose files are read as Ruby reads
// them, the fleet file is read as yaml.v3 and editors do: yes and no are words.
func typeName(v source.Value) string {
	switch {
	case v.IsMap():
		return "a mapping"
	case v.IsList():
		return "a list"
	}
	switch v.Node().ShortTag() {
	case "!!null":
		return "nothing (null)"
	case "!!bool":
		return aBool
	case "!!int", "!!float":
		return aNumber
	case "!!str", "!!timestamp":
		return "a string"
	}
	return "a value with the tag " + v.Node().ShortTag()
}
