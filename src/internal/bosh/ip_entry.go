package bosh

import (
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

const classIPFormat = "NetworkInvalidIpRangeFormat"

// entry is one element of reserved, static or static_ips: an inclusive range of
// numbers. A range of the form "a - b" may be empty.
type entry struct {
	first, last ipaddr.Addr // single addresses
	ranged      bool        // written as "a - b"
	open        bool        // written as "a -"
	text        string
	at          place.Place
}

func (e entry) empty() bool { return e.last.Base.Less(e.first.Base) }

// block is the entry as a range of one family; ok is false where it is empty or
// its ends are of two families.
func (e entry) block() (Block, bool) {
	b := Block{Range: netipx.IPRangeFrom(e.first.Addr(), e.last.Addr()), At: e.at}
	return b, b.Range.IsValid()
}

// eachEntry reads a value as each_ip of d/ip_util.rb does: nested lists are one
// list, nulls are passed over, everything else must be a String. complete is
// false where something could not be read or hides behind a variable. what
// names the value: "reserved of network x".
func (r *Report) eachEntry(v source.Value, what string, do func(entry)) (complete bool) {
	switch v.Kind() {
	case source.Absent, source.Nil:
		return true
	case source.List:
		complete = true
		for _, item := range v.Items() {
			complete = r.eachEntry(item, what, do) && complete
		}
		return complete
	case source.String:
		if r.hidden(v, "%s", what) {
			return false
		}
		e, ok := r.entry(v, what)
		if ok {
			do(e)
		}
		return ok
	}
	r.Add(RuleWrongType, "NoMethodError", v.Place(), "%s holds %s where an address belongs", what, v.Kind()).
		WithCure("write addresses as strings: 10.0.0.5, 10.0.0.8/29 or 10.0.0.5-10.0.0.9")
	return false
}

// entry reads one string: an address, a CIDR block, or two addresses with a
// hyphen between them.
func (r *Report) entry(v source.Value, what string) (entry, bool) {
	text := v.Raw()
	e := entry{text: v.Shown(), at: v.Place()}
	parts := splitRange(text)
	bad := func(reason string) (entry, bool) {
		r.Add(RuleInvalidIPFormat, classIPFormat, v.Place(), "%s: %q is no address, CIDR block or range: %s", what, v, reason).
			WithCure("%s", entryCure(v.Shown()))
		return e, false
	}
	if len(parts) == 0 || len(parts) > 2 {
		return bad("a range is two addresses with one hyphen between them")
	}
	first, err := ipaddr.Parse(parts[0])
	if err != nil {
		return bad(err.Reason)
	}
	if len(parts) == 1 {
		e.open = strings.Contains(text, "-")
		e.first = ipaddr.Addr{V6: first.V6, Base: first.Base, Bits: first.Width()}
		e.last = ipaddr.Addr{V6: first.V6, Base: first.Last(), Bits: first.Width()}
		return e, true
	}
	last, err := ipaddr.Parse(parts[1])
	if err != nil {
		return bad(err.Reason)
	}
	if !first.Single() || !last.Single() {
		return bad("the ends of a range are single addresses")
	}
	e.first, e.last, e.ranged = first, last, true
	if e.empty() {
		return e, true
	}
	// The director goes from one end to the other by number, and takes numbers
	// below 2^32 for IPv4.
	if first.Base.IsV4() {
		if !last.Base.IsV4() {
			return bad("its ends are of different families")
		}
		e.first, e.last = ipaddr.ByNumber(first.Base), ipaddr.ByNumber(last.Base)
	}
	return e, true
}

// splitRange splits at hyphens as String#split does, which forgets empty parts
// at the end, and strips each part.
func splitRange(s string) []string {
	parts := strings.Split(s, "-")
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t\n\v\f\r\x00")
	}
	return parts
}

// entryCure guesses what was meant.
func entryCure(text string) string {
	switch {
	case strings.ContainsAny(text, "–—"):
		return "use a plain hyphen: " + strings.NewReplacer("–", "-", "—", "-").Replace(text)
	case strings.Contains(text, ","):
		return "write a list: [" + text + "]"
	case strings.Contains(text, " to "):
		return "write " + strings.ReplaceAll(text, " to ", " - ")
	}
	if first, last, ok := strings.Cut(text, "-"); ok {
		first, last = strings.TrimSpace(first), strings.Trim(last, " .")
		if dot := strings.LastIndexByte(first, '.'); dot > 0 {
			if _, short := ipaddr.SmallNumber(last); short {
				return "write both addresses in full: " + first + "-" + first[:dot+1] + last
			}
		}
	}
	return "write 10.0.0.5, 10.0.0.8/29 or 10.0.0.5-10.0.0.9"
}

// appendBlock adds an entry that means something.
func appendBlock(list []Block, e entry) []Block {
	if b, ok := e.block(); ok {
		return append(list, b)
	}
	return list
}
