package source

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// Kind is what Ruby's Psych makes of a value.
type Kind uint8

// The kinds of values. Absent is the kind of the zero Value only.
const (
	Absent Kind = iota
	Nil
	Bool
	Int
	Float
	String
	Symbol
	Date
	Time
	Map
	List
)

var kindNames = [...]string{
	Absent: "nothing", Nil: "null", Bool: "a boolean", Int: "an integer", Float: "a float", String: "a string",
	Symbol: "a symbol", Date: "a date", Time: "a timestamp", Map: "a map", List: "a list",
}

// String names the kind for a person: "a list", "null".
func (k Kind) String() string { return kindNames[k] }

// IsNumber reports whether Ruby counts the kind as Numeric.
func (k Kind) IsNumber() bool { return k == Int || k == Float }

// Kind says what Psych (psych/scalar_scanner.rb and visitors/to_ruby.rb of
// version 5) makes of the value: YAML 1.1 without the single letters y and n,
// with octal and base-60 integers, with ":word" as a symbol.
func (v Value) Kind() Kind {
	n := v.Node()
	if n == nil {
		return Absent
	}
	switch n.Kind {
	case yaml.MappingNode:
		return Map
	case yaml.SequenceNode:
		return List
	}
	kind, _ := scan(n)
	return kind
}

// Untagged is the kind that a scalar would have without its tag.
func (v Value) Untagged() Kind {
	n := v.Node()
	if n == nil || n.Kind != yaml.ScalarNode {
		return v.Kind()
	}
	kind, _ := scanPlain(n.Value)
	return kind
}

// Bool is the value of a boolean; false for everything else.
func (v Value) Bool() bool {
	n := v.Node()
	if n == nil || n.Kind != yaml.ScalarNode {
		return false
	}
	kind, number := scan(n)
	return kind == Bool && number != 0
}

// Int is the value of an integer, held at the limits of int64; ok is false for
// every other kind.
func (v Value) Int() (i int64, ok bool) {
	n := v.Node()
	if n == nil || n.Kind != yaml.ScalarNode {
		return 0, false
	}
	kind, number := scan(n)
	if kind != Int {
		return 0, false
	}
	return toInt(n.Value, number), true
}

// Coerced is the text of a string, and of a number as Ruby prints it (010 is
// "8", 1.10 is "1.1"); ok is false for every other kind. It is how the director
// reads a key that must be a String.
func (v Value) Coerced() (text string, ok bool) {
	n := v.Node()
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	kind, number := scan(n)
	switch kind {
	case String:
		return v.Text(), true
	case Int:
		return v.sealedNumber(strconv.FormatInt(toInt(n.Value, number), 10)), true
	case Float:
		return v.sealedNumber(rubyFloat(number)), true
	}
	return "", false
}

// scan decides what a scalar is. number is the value of booleans, base-60
// integers and floats; other integers are read by toInt, without rounding.
func scan(n *yaml.Node) (kind Kind, number float64) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	tagged := n.Style&yaml.TaggedStyle != 0 && n.Tag != "!"
	if !tagged && n.Style&quoted != 0 {
		return String, 0
	}
	if tagged {
		switch tag := n.Tag; {
		case tag == "!!str" || tag == "!!binary" || tag == "!binary" || strings.HasPrefix(tag, "!str"):
			return String, 0
		case tag == "!!float" || tag == "!float":
			_, number = scanPlain(n.Value)
			return Float, number
		case strings.HasPrefix(tag, "!ruby/sym"):
			return Symbol, 0
		}
	}
	return scanPlain(n.Value)
}

func scanPlain(s string) (Kind, float64) {
	switch {
	case s == "":
		return Nil, 0
	case looksLikeWord(s):
		return scanWord(s)
	case mayBeTime(s) && isTime(s):
		return Time, 0
	case mayBeTime(s) && isDate(s):
		return Date, 0
	case strings.EqualFold(s, ".inf"), strings.EqualFold(s, "+.inf"):
		return Float, math.Inf(1)
	case strings.EqualFold(s, "-.inf"):
		return Float, math.Inf(-1)
	case strings.EqualFold(s, ".nan"):
		return Float, math.NaN()
	case s[0] == ':' && len(s) > 1:
		return Symbol, 0
	}
	return scanNumber(s)
}

// looksLikeWord is Psych's first test, which keeps most strings from all
// others: a letter or a punctuation mark at the start, or behind one character
// that cannot begin a number.
func looksLikeWord(s string) bool {
	first, size := utf8.DecodeRuneInString(s)
	if isWordStart(first) || strings.Contains(s, "\n") {
		return true
	}
	if first >= '0' && first <= '9' || first == '.' || first == ':' || first == '-' || size == len(s) {
		return false
	}
	second, _ := utf8.DecodeRuneInString(s[size:])
	return isWordStart(second)
}

func isWordStart(r rune) bool {
	return unicode.IsLetter(r) || strings.ContainsRune("_ \t\n\v\f\r!@#$%^&*(){}<>|/\\~;=", r)
}

func scanWord(s string) (Kind, float64) {
	if len(s) > 5 {
		return String, 0
	}
	switch {
	case s == "~", strings.EqualFold(s, "null"):
		return Nil, 0
	case strings.EqualFold(s, "yes"), strings.EqualFold(s, "true"), strings.EqualFold(s, "on"):
		return Bool, 1
	case strings.EqualFold(s, "no"), strings.EqualFold(s, "false"), strings.EqualFold(s, "off"):
		return Bool, 0
	}
	return String, 0
}

var (
	timePattern = lazyregexp.New(`^-?\d{4}-(\d{1,2})-(\d{1,2})(?:[Tt]|\s+)(\d{1,2}):(\d\d):(\d\d)(?:\.\d*)?(?:\s*(?:Z|[-+]\d{1,2}:?(?:\d\d)?))?$`)
	datePattern = lazyregexp.New(`^(\d{4})-(1[012]|0\d|\d)-([12]\d|3[01]|0\d|\d)$`)
)

// isTime reports whether s is a timestamp that Ruby's Time takes: 30 February
// is one, the 32nd of a month stays a string.
func isTime(s string) bool {
	m := timePattern().FindStringSubmatch(s)
	if m == nil {
		return false
	}
	month, day, hour, minute, second := number(m[1]), number(m[2]), number(m[3]), number(m[4]), number(m[5])
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 24 && minute <= 59 && second <= 60
}

// isDate reports whether s is a day of the calendar.
func isDate(s string) bool {
	m := datePattern().FindStringSubmatch(s)
	if m == nil {
		return false
	}
	year, month, day := number(m[1]), number(m[2]), number(m[3])
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return month >= 1 && int(t.Month()) == month && t.Day() == day
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// mayBeTime keeps addresses and names away from the patterns.
func mayBeTime(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return len(s) >= 8 && s[4] == '-' && isDigits(s[:4])
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func scanNumber(s string) (Kind, float64) {
	if number, float, ok := base60(s); ok {
		if float {
			return Float, number
		}
		return Int, number
	}
	if number, ok := decimal(s); ok {
		return Float, number
	}
	if _, _, ok := integer(s); ok {
		return Int, 0
	}
	return String, 0
}

// base60 reads 190:20:30 and, as a float, 190:20:30.15.
func base60(s string) (number float64, float, ok bool) {
	if !strings.Contains(s, ":") {
		return 0, false, false
	}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, false, false
	}
	last := &parts[len(parts)-1]
	var fraction string
	if i := strings.IndexByte(*last, '.'); i >= 0 {
		float, fraction, *last = true, (*last)[i+1:], (*last)[:i]
		if strings.Trim(fraction, "0123456789_") != "" {
			return 0, false, false
		}
	}
	head := strings.TrimLeft(parts[0], "+-")
	if len(parts[0])-len(head) > 1 || head == "" || head[0] == '_' || strings.Trim(head, "0123456789_") != "" {
		return 0, false, false
	}
	for i, p := range parts {
		if i > 0 && (!isDigits(p) || len(p) > 2 || len(p) == 2 && p[0] > '5') {
			return 0, false, false
		}
		// Psych weighs by place from the left: a:b is a*3600 + b*60.
		n, _ := strconv.ParseFloat(strings.ReplaceAll(p, "_", ""), 64)
		number += n * math.Pow(60, float64(2-i))
	}
	if float {
		n, _ := strconv.ParseFloat("0."+strings.ReplaceAll(fraction, "_", ""), 64)
		number += n * math.Pow(60, float64(3-len(parts)))
	}
	return number, float, true
}

// decimal reads a float: digits, a point, digits, an exponent with a sign.
func decimal(s string) (float64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 {
		return 0, false
	}
	point := strings.IndexByte(digits, '.')
	if point < 0 || digits == "." || point > 0 && (digits[0] < '0' || digits[0] > '9') {
		return 0, false
	}
	if strings.Trim(digits[:point], "0123456789_,") != "" {
		return 0, false
	}
	rest := strings.TrimLeft(digits[point+1:], "0123456789")
	if rest != "" {
		if len(rest) < 3 || rest[0] != 'e' && rest[0] != 'E' || rest[1] != '+' && rest[1] != '-' || !isDigits(rest[2:]) {
			return 0, false
		}
	}
	number, err := strconv.ParseFloat(withoutSeparators.Replace(s), 64)
	return number, err == nil || !math.IsNaN(number)
}

// withoutSeparators drops what may stand between the digits of a number. It is
// made once: most of the time of reading a number went into making it.
var withoutSeparators = strings.NewReplacer("_", "", ",", "")

// integer takes a whole number apart: its digits, sign included, and base.
func integer(s string) (digits string, base int, ok bool) {
	sign, rest := "", s
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		sign, rest = rest[:1], rest[1:]
	}
	set := "0123456789_,"
	base = 10
	switch {
	case strings.HasPrefix(rest, "0b"):
		base, set, rest = 2, "01_,", rest[2:]
	case strings.HasPrefix(rest, "0x"):
		base, set, rest = 16, "0123456789abcdefABCDEF_,", rest[2:]
	case len(rest) > 1 && rest[0] == '0':
		base, set, rest = 8, "01234567_,", rest[1:]
	case rest == "" || rest[0] < '0' || rest[0] > '9' || strings.HasSuffix(rest, "_") || strings.HasSuffix(rest, ","),
		strings.Contains(rest, "__"), strings.Contains(rest, ",,"), strings.Contains(rest, "_,"), strings.Contains(rest, ",_"):
		return "", 0, false
	}
	if rest == "" || strings.Trim(rest, set) != "" {
		return "", 0, false
	}
	return sign + withoutSeparators.Replace(rest), base, true
}

// toInt reads an integer that scan has seen; base-60 ones are number.
func toInt(s string, number float64) int64 {
	digits, base, ok := integer(s)
	if !ok {
		return int64(number)
	}
	i, _ := strconv.ParseInt(digits, base, 64) // beyond int64: the limit
	return i
}

// rubyFloat writes a float as Float#to_s does.
func rubyFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == math.Trunc(f) && math.Abs(f) < 1e16:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case math.Abs(f) >= 1e-4 && math.Abs(f) < 1e16:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return mantissa + "e" + exponent
}
