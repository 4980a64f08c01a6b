package fleet

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/source"
)

// text returns a string value that is not empty, or complains.
func (d *decoder) text(v source.Value, what string) (Text, bool) {
	switch {
	case typeName(v) != "a string":
		d.wrongType(v, what, "a string")
	case v.Text() == "":
		d.fail(v.Place(), "", "%s must not be empty", what)
	default:
		return Text{Value: v.Text(), At: v.Place()}, true
	}
	return Text{}, false
}

func (t *Text) decodeValue(d *decoder, v source.Value, what string) {
	*t, _ = d.text(v, what)
}

var variableNameForm = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// What is no name may be the secret itself, so that it is not repeated.
func (n *VariableName) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if ok && !variableNameForm().MatchString(text.Value) {
		d.fail(text.At, "put what is secret into an environment variable, and the name of that variable here", "%s must be the name of an environment variable", what)
		return
	}
	n.Text = text
}

// versionForm is how directors tell their version: "282.1.4", "282.1.4 (00000000)".
var versionForm = lazyregexp.New(`^v?[0-9]+(\.[0-9]+)*( .*)?$`)

// IsVersion reports whether a text is a director's version.
func IsVersion(text string) bool { return versionForm().MatchString(text) }

func (t *Version) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if ok && !versionForm().MatchString(text.Value) {
		d.fail(text.At, "bosh env prints it", "%s must be a version such as 282.1.4", what)
		return
	}
	t.Text = text
}

func (t *Date) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	day, err := time.Parse(time.DateOnly, text.Value)
	if err != nil {
		d.fail(text.At, "write it as 2027-01-31", "%s must be a date", what)
		return
	}
	*t = Date{Day: day, At: text.At}
}

// durationForm is a whole number and its unit.
var durationForm = lazyregexp.New(`^([1-9][0-9]{0,5})(m|h|d)$`)

var durationUnits = map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

func (l *Duration) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	length, ok := ParseDuration(text.Value)
	if !ok {
		d.fail(text.At, "write it as 90m, 24h or 7d: whole minutes, hours or days", "%s must be a length of time", what)
		return
	}
	*l = Duration{Length: length, At: text.At}
}

// ParseDuration reads a length of time: a whole number of minutes, hours or days.
func ParseDuration(text string) (time.Duration, bool) {
	m := durationForm().FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, _ := strconv.Atoi(m[1]) // the form lets nothing else pass
	return time.Duration(n) * durationUnits[m[2]], true
}

func (c *Count) decodeValue(d *decoder, v source.Value, what string) {
	n, err := strconv.Atoi(v.Text())
	switch {
	case typeName(v) != "a number":
		d.wrongType(v, what, "a number")
	case err != nil || n < 1 || n > LargestCount:
		d.fail(v.Place(), "", "%s must be a whole number from 1 to %d", what, LargestCount)
	default:
		*c = Count{Number: n, At: v.Place()}
	}
}

// LargestCount is far beyond what anybody books.
const LargestCount = 1 << 24

func (m *BookMode) decodeValue(d *decoder, v source.Value, what string) {
	m.Text = d.oneOf(v, what, BookModes())
}

// BookModes are what book takes.
func BookModes() []string { return []string{BookRequired, BookOnDeploy} }

func (s *SeverityName) decodeValue(d *decoder, v source.Value, what string) {
	s.Text = d.oneOf(v, what, SeverityNames())
}

// SeverityNames are what severity takes.
func SeverityNames() []string { return []string{"error", "warning", "info"} }

func (s *Strategy) decodeValue(d *decoder, v source.Value, what string) {
	s.Text = d.oneOf(v, what, Strategies())
}

// Strategies are what strategy takes.
func Strategies() []string { return []string{StrategyLowest, StrategySpread} }

// oneOf returns one of some words, or complains.
func (d *decoder) oneOf(v source.Value, what string, words []string) Text {
	text, ok := d.text(v, what)
	if ok && !slices.Contains(words, text.Value) {
		d.fail(text.At, "", "%s must be %s", what, strings.Join(words, " or "))
		return Text{}
	}
	return text
}

func (a *Address) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	addr, ok := parseAddr(text.Value)
	if !ok {
		d.fail(text.At, "", "%s must be an IP address", what)
		return
	}
	*a = Address{bosh.Block{Range: netipx.IPRangeFrom(addr, addr), At: text.At}}
}

func (r *Range) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	parsed, ok := parseRange(text.Value)
	if parsed.From().IsValid() && parsed.To().Less(parsed.From()) && parsed.From().BitLen() == parsed.To().BitLen() {
		d.fail(text.At, fmt.Sprintf("write %s - %s", parsed.To(), parsed.From()), "%s: the range ends before it begins", what)
		return
	}
	if prefix, err := netip.ParsePrefix(strings.TrimSpace(text.Value)); err == nil && prefix != prefix.Masked() {
		d.fail(text.At, fmt.Sprintf("write %s if that block is meant, else FIRST - LAST", prefix.Masked()), "%s: the block of %s begins with %s", what, prefix, prefix.Masked().Addr())
		return
	}
	if !ok {
		d.fail(text.At, "write 10.0.0.5, 10.0.0.0/28 or 10.0.0.5 - 10.0.0.9", "%s must be an address, a CIDR or a range", what)
		return
	}
	*r = Range{bosh.Block{Range: parsed, At: text.At}}
}

func (p *Prefix) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	prefix, err := netip.ParsePrefix(text.Value)
	if err != nil || prefix.Addr().Is4In6() {
		d.fail(text.At, "write it as 10.0.0.0/24", "%s must be a CIDR", what)
		return
	}
	*p = Prefix{Prefix: prefix.Masked(), At: text.At}
}

func (p *Pattern) decodeValue(d *decoder, v source.Value, what string) {
	text, ok := d.text(v, what)
	if !ok {
		return
	}
	pattern, err := bosh.ParsePattern(text.Value)
	if err != nil {
		d.fail(text.At, "", "%s: %v", what, err)
		return
	}
	*p = Pattern{Pattern: pattern, At: text.At}
}

// A match that is wrong in one key must not match by the others: it could put
// into a segment, and so isolate, what was not meant.
func (m *Match) decodeValue(d *decoder, v source.Value, what string) {
	type plain Match
	if !d.decodeWhole(v, reflect.ValueOf((*plain)(m)).Elem(), what) {
		*m = Match{At: v.Place()}
	}
}

// A pool that is wrong in one key must not hand out by the others: an exception
// may be missing.
func (p *Pool) decodeValue(d *decoder, v source.Value, what string) {
	type plain Pool
	if !d.decodeWhole(v, reflect.ValueOf((*plain)(p)).Elem(), what) {
		*p = Pool{At: v.Place()}
	}
}

// An allowance that is wrong in one key must not accept anything.
func (a *Allowance) decodeValue(d *decoder, v source.Value, what string) {
	type plain Allowance
	if !d.decodeWhole(v, reflect.ValueOf((*plain)(a)).Elem(), what) {
		*a = Allowance{At: v.Place()}
	}
}

// decodeWhole reads a mapping and reports whether nothing of it was wrong.
func (d *decoder) decodeWhole(v source.Value, into reflect.Value, what string) bool {
	before := len(d.errs)
	d.decodeStruct(v, into, what)
	return len(d.errs) == before
}

func (p *Properties) decodeValue(d *decoder, v source.Value, what string) {
	*p = Properties{Scalars: map[string]string{}, At: v.Place()}
	if !v.IsMap() {
		d.wrongType(v, what, "a mapping")
		return
	}
	d.properties(v, what, "", p.Scalars)
}

// properties notes the scalars below v under their dotted paths, as package bosh
// does with the cloud_properties of subnets: an entry of a list has its index.
func (d *decoder) properties(v source.Value, owner, path string, into map[string]string) {
	what := owner
	if path != "" {
		what = quoted(path) + " of " + owner
		path += "."
	}
	switch {
	case !d.mayRead(v):
	case v.IsMap():
		if d.isMapping(v, what, "a mapping") {
			for key, value := range v.Fields() {
				if d.isWord(key) {
					d.properties(value, owner, path+key.Text(), into)
				}
			}
		}
	case v.IsList():
		if len(v.Items()) == 0 {
			d.fail(v.Place(), "", "%s must not be empty", what)
		}
		for i, item := range v.Items() {
			d.properties(item, owner, path+strconv.Itoa(i), into)
		}
	case isNull(v):
		d.wrongType(v, what, "a string, a number or a mapping")
	default:
		into[strings.TrimSuffix(path, ".")] = v.Text()
	}
}

// parseAddr reads one address; an IPv4 address in IPv6 form is IPv4.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSpace(text))
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// parseRange reads what a director takes in reserved, but no reversed range, which
// would mean nothing there and cannot be meant here, and no block that begins with another
// address than the one that is written: a director takes it, and whoever wrote it meant
// other addresses, or another length.
func parseRange(text string) (netipx.IPRange, bool) {
	if first, last, ok := strings.Cut(text, "-"); ok {
		from, ok1 := parseAddr(first)
		to, ok2 := parseAddr(last)
		r := netipx.IPRangeFrom(from, to)
		return r, ok1 && ok2 && r.IsValid()
	}
	if prefix, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil && !prefix.Addr().Is4In6() {
		return netipx.RangeOfPrefix(prefix), prefix == prefix.Masked()
	}
	addr, ok := parseAddr(text)
	return netipx.IPRangeFrom(addr, addr), ok
}

// DurationForm and VariableNameForm are the regular expressions of a Duration and a
// VariableName.
func DurationForm() string { return durationForm().String() }

func VariableNameForm() string { return variableNameForm().String() }
