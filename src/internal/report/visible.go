package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Visible is visible for texts that are laid out elsewhere.
func Visible(s string) string { return visible(s) }

// visible writes out what would steer a terminal or deceive a reader: control
// characters, invisible and direction-changing format characters (the classes
// Cc and Cf, line and paragraph separators), code points that are no characters,
// and bytes that are not UTF-8. A file under review must not be able to move the
// cursor, hide a line or swap two addresses. What is visible is also legal in
// XML 1.0 (section 2.2).
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(visibleRune(r))
		}
		s = s[size:]
	}
	return b.String()
}

func visibleRune(r rune) string {
	switch {
	case !hidden(r):
		return string(r)
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r <= 0xff:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

func hidden(r rune) bool {
	if r < 0x7f { // most are; spares five tables
		return r < ' '
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point)
}

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
