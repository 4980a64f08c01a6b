// Package plural writes a number together with what it counts. All texts take it
// from here, so that none says "1 addresses".
package plural

import (
	"strconv"
	"strings"
)

// Of is a number and its noun, in the singular or the plural: "1 file",
// "2 free addresses", "0 entries".
func Of(n int, noun string) string { return strconv.Itoa(n) + " " + Noun(n, noun) }

// Noun is the noun alone, as it stands after a number: "addresses" for 2.
func Noun(n int, noun string) string {
	if n == 1 || n == -1 {
		return noun
	}
	stem, isY := strings.CutSuffix(noun, "y")
	switch {
	case isY && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e") && !strings.HasSuffix(stem, "o"):
		return stem + "ies"
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "ch"), strings.HasSuffix(noun, "sh"):
		return noun + "es"
	}
	return noun + "s"
}
