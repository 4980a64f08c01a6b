package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/source"
)

// The classes of validation_helper.rb.
const (
	classMissingField = "ValidationMissingField"
	classInvalidType  = "ValidationInvalidType"
	classViolatedMin  = "ValidationViolatedMin"
)

// need says whether a key may be absent.
type need bool

const (
	required need = false
	optional need = true
)

// isObject reports whether v can be read as a map. null can: it is an empty
// one. Everything else is reported.
func (r *Report) isObject(v source.Value, what string) bool {
	switch k := v.Kind(); k {
	case source.Map, source.Nil, source.Absent:
		return true
	default:
		if !r.hidden(v, "%s", what) {
			r.Add(RuleWrongType, classInvalidType, v.Place(), "%s must be a map, not %s", what, k)
		}
		return false
	}
}

// has returns the value of key where there is one that can be read; a required
// key that is absent is reported at the object.
func (r *Report) has(object source.Value, key string, n need) (source.Value, bool) {
	v := object.Field(key)
	if !v.Present() {
		if n == required {
			r.Add(RuleMissingKey, classMissingField, object.Place(), "the key %q is missing here", key).
				WithCure("%s: …", key)
		}
		return v, false
	}
	return v, true
}

// text reads a key that must be a String; numbers become text.
func (r *Report) text(object source.Value, key string, n need) (string, source.Value, bool) {
	v, ok := r.has(object, key, n)
	if !ok {
		return "", v, false
	}
	s, ok := v.Coerced()
	if !ok {
		r.wrongType(v, key, "a string")
	}
	return s, v, ok
}

// wordOf is which of a language's own words a value is, also where it may not be shown: such
// a word is no secret. Else it is the value's text.
func wordOf(v source.Value, words ...string) string {
	if text := v.Raw(); slices.Contains(words, text) {
		return text
	}
	return v.Text()
}

// list reads a key that must be an Array.
func (r *Report) list(object source.Value, key string, n need) ([]source.Value, source.Value, bool) {
	v, ok := r.has(object, key, n)
	if !ok {
		return nil, v, false
	}
	if v.Kind() != source.List {
		if !r.hidden(v, "%s", key) {
			r.wrongType(v, key, "a list")
		}
		return nil, v, false
	}
	return v.Items(), v, true
}

// object reads a key that must be a Hash.
func (r *Report) object(parent source.Value, key string, n need) (source.Value, bool) {
	v, ok := r.has(parent, key, n)
	if !ok {
		return v, false
	}
	if v.Kind() != source.Map {
		if !r.hidden(v, "%s", key) {
			r.wrongType(v, key, "a map")
		}
		return v, false
	}
	return v, true
}

// integer reads a key that must be an Integer.
func (r *Report) integer(object source.Value, key string, n need) (int64, source.Value, bool) {
	v, ok := r.has(object, key, n)
	if !ok {
		return 0, v, false
	}
	i, ok := v.Int()
	if !ok && !r.hidden(v, "%s", key) {
		r.wrongType(v, key, "an integer")
	}
	return i, v, ok
}

func (r *Report) wrongType(v source.Value, key, want string) {
	p := r.Add(RuleWrongType, classInvalidType, v.Place(), "%s must be %s, not %s", key, want, v.Kind())
	switch {
	case v.Kind() == source.Nil:
		p.WithCure("remove the key or give it a value")
	case want == "a list" && v.IsScalar():
		p.WithCure("%s: [%s]", key, v)
	case want == "a string" && v.IsScalar():
		p.WithCure("%s: %q", key, v)
	}
}
