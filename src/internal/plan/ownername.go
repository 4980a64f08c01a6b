package plan

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OwnerName is the owner of a booking in its parts: what of a director it is for. A free
// name, such as lb/frontend, has parts as well, which name no director.
type OwnerName struct {
	Director, Deployment, Group string
	// Parts is how many of them there are: one of a name without any slash, and no more
	// than three, of which the last has all the rest.
	Parts int
}

// ReadOwnerName takes the name of an owner apart.
func ReadOwnerName(owner string) OwnerName {
	n := OwnerName{Parts: 1}
	var more bool
	if n.Director, owner, more = strings.Cut(owner, "/"); more {
		n.Parts++
		if n.Deployment, n.Group, more = strings.Cut(owner, "/"); more {
			n.Parts++
		}
	}
	n.Director, n.Deployment, n.Group = unescaped(n.Director), unescaped(n.Deployment), unescaped(n.Group)
	return n
}

// String is the name that ReadOwnerName reads: director/deployment/group, or with less parts.
// What of a part would be read as something else stands there as %XX, byte by byte, as in
// URLs (RFC 3986, section 2.1): a slash, an escape, a number that would be an index, and
// what is not seen.
func (n OwnerName) String() string {
	parts := []string{n.Director, n.Deployment, n.Group}[:n.Parts]
	escapes := make([]string, len(parts))
	for i, part := range parts {
		escapes[i] = escaped(part, i > 0 && i == len(parts)-1)
	}
	return strings.Join(escapes, "/")
}

// escaped is a part of a name, as the last one or before others.
func escaped(part string, last bool) string {
	var b strings.Builder
	for i, rest := 0, part; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		edge := r == ' ' && (i == 0 || i+size == len(part))
		switch {
		case r == utf8.RuneError && size == 1, r == '/', r == '%' && isEscape(rest), edge, !unicode.IsPrint(r), last && i == 0 && isIndex(part):
			for _, c := range []byte(rest[:size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		default:
			b.WriteString(rest[:size])
		}
		i, rest = i+size, rest[size:]
	}
	return b.String()
}

// SpelledOwner is the name with every part written as String writes it: the one spelling of
// an owner, whose others would be owners of their own.
func SpelledOwner(owner string) string {
	parts := strings.Split(owner, "/")
	for i, part := range parts {
		parts[i] = escaped(unescaped(part), i > 0 && i == len(parts)-1)
	}
	return strings.Join(parts, "/")
}

// isIndex reports whether a part reads as the number of an owner's address.
func isIndex(part string) bool {
	n, err := strconv.Atoi(part)
	return err == nil && n >= 0 && strconv.Itoa(n) == part
}

func isEscape(text string) bool {
	if len(text) < 3 || text[0] != '%' {
		return false
	}
	_, err := hex.DecodeString(text[1:3])
	return err == nil
}

func unescaped(part string) string {
	if !strings.Contains(part, "%") { // it is asked of every claim: no allocation
		return part
	}
	var b strings.Builder
	for part != "" {
		if isEscape(part) {
			c, _ := hex.DecodeString(part[1:3])
			b.Write(c)
			part = part[3:]
			continue
		}
		b.WriteByte(part[0])
		part = part[1:]
	}
	return b.String()
}
