// Package seal makes the words that stand in the plan for names that may not be shown.
//
// A seal tells two things of a name and shows neither: which text it is, so that equal
// names are equal, and whose it is, so that only that director's name is shown as its
// variable. Package source makes seals where names are read and writes ((variables)) for
// them where they are printed; in between they are names as others are.
package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

const (
	prefix     = "sealed"
	textBytes  = 10
	ownerBytes = 4
	textEnd    = len(prefix) + 2*textBytes
	length     = textEnd + 2*ownerBytes
)

// Words finds seals in a text.
var Words = lazyregexp.New(prefix + `[0-9a-f]{28}`)

// Of is the seal of a text that its owner keeps back: a director, or "" where there is one.
func Of(owner, text string) string { return identity(text) + hash(owner, ownerBytes) }

func identity(text string) string { return prefix + hash(text, textBytes) }

func hash(text string, bytes int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:bytes])
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
