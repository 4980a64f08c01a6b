// Package spelling guesses which word a person meant to write.
package spelling

import "strings"

// longest is the length in bytes from which on a word is not compared: it is no
// mistyped name, and the comparison takes time with the product of both lengths.
const longest = 64

// Nearest returns the candidate that word was probably meant to be: one that
// differs in upper and lower case only, else the one with the fewest letters to
// change, if those are at most a third of its letters (at least one). Of equally
// near ones the first is returned, and never word itself.
func Nearest(word string, candidates []string) (string, bool) {
	best, fewest := "", -1
	for _, c := range candidates {
		if c == word || len(word) > longest || len(c) > longest {
			continue
		}
		if strings.EqualFold(c, word) {
			return c, true
		}
		d := distance([]rune(word), []rune(c))
		if d <= max(1, len(c)/3) && (fewest < 0 || d < fewest) {
			best, fewest = c, d
		}
	}
	return best, fewest >= 0
}

// distance counts the letters to insert, drop, change, or swap with their
// neighbour, to make b out of a (optimal string alignment).
func distance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
