package report

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// excerpt is a source line, as characters, and the part of it that is meant:
// line[start:end]. start may be len(line), for something that is missing there.
type excerpt struct {
	line       []rune
	start, end int
}

// newExcerpt finds the scalar at a column (in characters, from 1; below that
// counts as 1). A byte order mark is no character of the first line: YAML does
// not count it.
func newExcerpt(line string, column int) excerpt {
	line = strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "\ufeff")
	e := excerpt{line: []rune(withoutSecrets(line))}
	e.start = min(max(column-1, 0), len(e.line))
	e.start = skipProperties(e.line, e.start)
	e.end = scalarEnd(e.line, e.start)
	return e
}

// skipProperties steps over anchors and tags, which a YAML parser counts as the
// start of the node that they stand before (YAML 1.2.2, section 6.9).
func skipProperties(line []rune, start int) int {
	for start < len(line) && (line[start] == '&' || line[start] == '!') {
		i := start
		for i < len(line) && !isBlank(line[i]) {
			i++
		}
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return start // the node itself is on another line
		}
		start = i
	}
	return start
}

// scalarEnd returns where the scalar ends that begins at start. It knows YAML's
// quoting and the ends of a plain scalar, not whether a flow collection is
// open: a plain scalar ends at a comma or bracket anywhere.
func scalarEnd(line []rune, start int) int {
	if start >= len(line) {
		return len(line)
	}
	end := start
	switch line[start] {
	case '"', '\'':
		return quotedEnd(line, start)
	case '[', ']', '{', '}', ',':
		return start + 1
	}
	for end < len(line) && !endsPlain(line, end) {
		end++
	}
	for end > start+1 && isBlank(line[end-1]) {
		end--
	}
	return max(end, start+1)
}

func quotedEnd(line []rune, start int) int {
	quote := line[start]
	for i := start + 1; i < len(line); i++ {
		switch {
		case quote == '"' && line[i] == '\\':
			i++
		case line[i] != quote:
		case quote == '\'' && i+1 < len(line) && line[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(line) // it goes on in the next line
}

func endsPlain(line []rune, i int) bool {
	switch line[i] {
	case ',', '[', ']', '{', '}':
		return true
	case ':':
		return i+1 == len(line) || isBlank(line[i+1])
	case '#':
		return i > 0 && isBlank(line[i-1])
	}
	return false
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// redacted hides everything but the value, and the value too unless it is an
// address, a block or a range: a line of a vars file may hold passwords beside
// the address, or in its place.
func (e excerpt) redacted() excerpt {
	value := e.line[e.start:e.end]
	if !plan.IsAddressText(string(value)) {
		return excerpt{line: []rune("…"), start: 0, end: 1}
	}
	var line []rune
	if strings.TrimSpace(string(e.line[:e.start])) != "" {
		line = []rune("… ")
	}
	start := len(line)
	line = append(line, value...)
	end := len(line)
	if strings.TrimSpace(string(e.line[e.end:])) != "" {
		line = append(line, []rune(" …")...)
	}
	return excerpt{line: line, start: start, end: end}
}
