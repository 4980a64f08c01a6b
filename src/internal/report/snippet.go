package report

import (
	"sort"
	"strings"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// tabWidth is how many columns a tab takes in a snippet, wherever it stands.
const tabWidth = 4

// snippet is a source line as the terminal shows it: text, and where to mark
// it, in columns from 0. The mark is at least one column long and lies within
// the width that the snippet was made for.
type snippet struct {
	text            string
	markAt, markLen int
}

// cells are the characters of a line and the columns that each takes.
type cells struct {
	text []string
	at   []int // at[i] is the column of text[i]; one more for the end
}

func (c *cells) add(text string, width int) {
	if len(c.at) == 0 {
		c.at = []int{0}
	}
	c.text = append(c.text, text)
	c.at = append(c.at, c.at[len(c.at)-1]+width)
}

func newCells(e excerpt) cells {
	var c cells
	for _, r := range e.line {
		switch {
		case r == '\t':
			c.add(strings.Repeat(" ", tabWidth), tabWidth)
		case legible.Hidden(r):
			text := legible.Rune(r)
			c.add(text, len(text))
		default:
			c.add(string(r), runeWidth(r))
		}
	}
	if e.start == len(e.line) {
		c.add(" ", 1) // so that there is something to mark
	}
	return c
}

// newSnippet lays out a line in at most width columns (at least 16 are used).
// What is cut off is replaced by "…" on either side.
func newSnippet(e excerpt, width int) snippet {
	width = max(width, 16)
	c := newCells(e)
	end := max(e.end, e.start+1)
	from, to := c.cut(e.start, end, width)
	s := snippet{text: strings.Join(c.text[from:to], ""), markAt: c.at[e.start] - c.at[from]}
	s.markLen = max(c.at[max(min(end, to), e.start)]-c.at[e.start], 1)
	if from > 0 {
		s.text = "…" + s.text
		s.markAt++
	}
	if to < len(c.text) {
		s.text += "…"
	}
	s.text = strings.TrimRight(s.text, " ")
	s.markAt = min(s.markAt, width-s.markLen) // a mark without a width of its own, at the very end
	return s
}

// cut returns which cells to show so that they and an ellipsis for each side
// that is cut take at most width columns. The beginning of [start, end) is
// always shown, with context on both sides if there is room.
func (c cells) cut(start, end, width int) (from, to int) {
	total := c.at[len(c.text)]
	switch {
	case total <= width:
		return 0, len(c.text)
	case c.at[end] < width:
		return 0, c.lastBefore(width - 1)
	}
	room := width - 2
	marked := min(c.at[end]-c.at[start], room)
	column := min(c.at[start]-(room-marked)/2, total-(width-1))
	from = sort.SearchInts(c.at, column)
	for from < start && c.at[from] == c.at[from+1] {
		from++ // a combining character whose base is cut off
	}
	if total-c.at[from] <= width-1 {
		return from, len(c.text)
	}
	return from, c.lastBefore(c.at[from] + room)
}

// lastBefore returns how many cells end at or before a column.
func (c cells) lastBefore(column int) int {
	return sort.Search(len(c.at), func(i int) bool { return c.at[i] > column }) - 1
}
