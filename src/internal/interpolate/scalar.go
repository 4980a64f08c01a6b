package interpolate

import (
	"math"
	"strconv"
	"strings"

	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"
)

// scalars tells what the engine's YAML library (yaml.v2, YAML 1.1) makes of a
// scalar: "yes" is true, "010" is 8, "1:30" is text. The library itself is
// asked; what it said is kept, as texts repeat. It is not safe for concurrent
// use.
type scalars struct {
	plainTexts  map[string]any
	quotedTexts map[string]bool
}

func newScalars() *scalars {
	return &scalars{plainTexts: map[string]any{}, quotedTexts: map[string]bool{}}
}

// value returns a scalar node's value: nil, bool, int, int64, uint64, float64
// or string. It reports false for a value that is not what its tag says, which
// yaml.v2 refuses to read.
func (s *scalars) value(n *yaml.Node) (value any, ok bool) {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return s.tagged(n)
	case n.Style != 0: // quoted or a block
		return n.Value, true
	}
	return s.plain(n.Value), true
}

// plain returns the value of a scalar that stands without quotes and tag.
func (s *scalars) plain(text string) any {
	if text == "" {
		return nil
	}
	if surelyText(text) {
		return text
	}
	if v, ok := atAGlance(text); ok {
		return v
	}
	if v, ok := s.plainTexts[text]; ok {
		return v
	}
	v, ok := ask(text)
	if !ok {
		v = text
	}
	s.plainTexts[text] = v
	return v
}

// yaml11Words are the words of yaml.v2 that begin with a letter (resolve.go there);
// all others that do are text.
var yaml11Words = map[string]any{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false, "off": false, "Off": false, "OFF": false,
	"null": nil, "Null": nil, "NULL": nil,
}

// atAGlance tells words and small whole numbers without asking the library.
func atAGlance(text string) (value any, ok bool) {
	if c := text[0]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		if v, ok := yaml11Words[text]; ok {
			return v, true
		}
		return text, true
	}
	const surelyInt = 9 // digits
	if len(text) > surelyInt || text[0] == '0' && len(text) > 1 {
		return nil, false
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return nil, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, true
}

// surelyText tells most texts at a glance: yaml.v2 looks for another type only
// behind certain first characters, the words it knows have at most five
// letters, and no number or time has two dots (an IP address has three). A number that
// begins with 1 to 9 has no letter but the one before its exponent, a time none but T
// and Z; and a time has two hyphens.
func surelyText(text string) bool {
	switch c := text[0]; {
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0:
		return len(text) > len("false")
	case strings.IndexByte("+-.0123456789", c) < 0:
		return true
	}
	if strings.Count(text, ".") >= 2 {
		return true
	}
	var hyphens, exponents int
	for i := range len(text) {
		switch c := text[i]; {
		case !isNumberOrTimeByte(c), text[0] >= '1' && text[0] <= '9' && isLetter(c) && strings.IndexByte("eETtZz", c) < 0:
			return true
		case c == '-':
			hyphens++
		case c == 'e', c == 'E':
			exponents++
		}
	}
	return text[0] >= '1' && text[0] <= '9' && hyphens == 1 && exponents == 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isNumberOrTimeByte covers 0x1F, 1_000, 1e+5, .inf and 2001-01-01T00:00:00Z.
func isNumberOrTimeByte(c byte) bool {
	return c >= '0' && c <= '9' || isLetter(c) || strings.IndexByte("+-._: ", c) >= 0
}

func (s *scalars) tagged(n *yaml.Node) (value any, ok bool) {
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Style: n.Style, Value: n.Value})
	if err != nil {
		return nil, false
	}
	return ask(string(text))
}

// ask has yaml.v2 read a scalar.
func ask(text string) (value any, ok bool) {
	var document struct{ X any }
	err := yaml2.Unmarshal([]byte("x: "+text), &document)
	return document.X, err == nil
}

// rewritten returns the value that a scalar has after the engine wrote and read
// it again: 1.0 is written as 1 and read as an integer.
func (s *scalars) rewritten(value any) any {
	f, ok := value.(float64)
	if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
		return value
	}
	return s.plain(strconv.FormatFloat(f, 'g', -1, 64))
}

// sameScalar compares two values; unlike ==, NaN is equal to itself.
func sameScalar(a, b any) bool {
	if f, ok := a.(float64); ok && math.IsNaN(f) {
		g, ok := b.(float64)
		return ok && math.IsNaN(g)
	}
	return a == b
}
