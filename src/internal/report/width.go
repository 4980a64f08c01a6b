package report

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// runeWidth is how many terminal columns a character takes: 2 for wide ones, 0
// for combining ones. It does not ask the locale, so that one input gives one
// output everywhere.
func runeWidth(r rune) int {
	return (&runewidth.Condition{}).RuneWidth(r)
}

func textWidth(s string) int {
	width := 0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width
}

// wrap breaks prose at spaces into lines of at most width columns; a word that
// is longer is broken anywhere. With a width of 0 there is one line.
func wrap(s string, width int) []string {
	if width <= 0 || textWidth(s) <= width {
		return []string{s}
	}
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		for _, part := range breakWord(word, width) {
			n := textWidth(part)
			if line != "" && used+1+n <= width {
				line, used = line+" "+part, used+1+n
				continue
			}
			if line != "" {
				lines = append(lines, line)
			}
			line, used = part, n
		}
	}
	return append(lines, line)
}

func breakWord(word string, width int) []string {
	var parts []string
	start, used := 0, 0
	for i, r := range word {
		n := runeWidth(r)
		if used+n > width && i > start {
			parts = append(parts, word[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(parts, word[start:])
}
