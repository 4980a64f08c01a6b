// Package seal makes the words that stand in the plan for names that may not be shown.
//
// A seal tells of a name and shows nothing of it: which text it is, with and without regard
// to case, so that equal names are equal; whose it is, so that only that director's name is
// shown as its variable; and whether it has the form of a cloud's id. Package source makes
// seals where names are read and writes ((variables)) for them where they are printed; in
// between they are names as others are.
package seal

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

const (
	prefix    = "sealed"
	foldedEnd = len(prefix) + 12 // 60 bits that are the same for all cases of a text
	textEnd   = foldedEnd + 8    // 40 bits more of the text as it is
	ownerEnd  = textEnd + 7
	length    = ownerEnd + 1 // the form
)

// LeftOut stands in reduced documents, such as snapshots, in the place of a text that may not
// be kept: which one it is, nobody can tell there.
const LeftOut = "(left out)"

// Words finds seals in a text.
var Words = lazyregexp.New(fmt.Sprintf("%s[a-v0-9]{%d}", prefix, length-len(prefix)))

// Of is the seal of a text that its owner keeps back: a director, or "" where there is one.
func Of(owner, text string) string {
	return identity(text) + hash(owner, ownerEnd-textEnd) + string('0'+rune(FormOf(text)))
}

func identity(text string) string { return folded(text) + hash(text, textEnd-foldedEnd) }

func folded(text string) string { return prefix + hash(strings.ToLower(text), foldedEnd-len(prefix)) }

// hash is of that many letters and digits, each of which is 5 bits.
func hash(text string, letters int) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.HexEncoding.EncodeToString(sum[:]))[:letters]
}

// Is reports whether a word is a seal.
func Is(word string) bool {
	return len(word) == length && strings.HasPrefix(word, prefix) && Words().MatchString(word)
}

// Identity is the same for all names that are one text, sealed or not.
func Identity(name string) string {
	if Is(name) {
		return name[:textEnd]
	}
	return identity(name)
}

// Folded is the same for all names that are one text but for case, sealed or not.
func Folded(name string) string {
	if Is(name) {
		return name[:foldedEnd]
	}
	return folded(name)
}

// SameFold is Same for names that case does not tell apart.
func SameFold(a, b string) bool {
	return strings.EqualFold(a, b) || (Is(a) || Is(b)) && Folded(a) == Folded(b)
}

// Same reports whether two names are one text, whoever keeps it back: names, or several with
// / between them.
func Same(a, b string) bool {
	switch {
	case a == b:
		return true
	case !strings.Contains(a, prefix) && !strings.Contains(b, prefix):
		return false
	case Is(a) || Is(b):
		return Identity(a) == Identity(b)
	}
	headA, restA, moreA := strings.Cut(a, "/")
	headB, restB, moreB := strings.Cut(b, "/")
	return moreA && moreB && Same(headA, headB) && Same(restA, restB)
}
