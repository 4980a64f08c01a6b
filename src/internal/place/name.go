package place

import (
	"strings"
	"unicode"
)

// Hidden stands in the place of what may not be shown.
const Hidden = "…"

// Name is a name that people gave to something outside of the files: a branch, a
// remote, an author. It may hold anything, even a secret or what a terminal obeys; only
// one of the characters of names is shown, formatted or not.
type Name string

// String is the name, or Hidden.
func (n Name) String() string {
	strange := strings.IndexFunc(string(n), func(r rune) bool {
		return !IsPlain(r) && !unicode.IsMark(r) && !strings.ContainsRune(" /'@,()[]", r)
	})
	if strange >= 0 {
		return Hidden
	}
	return string(n)
}

// IsPlain reports whether a character is one of those of plain names: letters, digits
// and - _ + and full stops.
func IsPlain(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_+.", r)
}
