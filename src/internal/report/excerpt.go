package report

import (
	"strings"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// excerpt is what may be shown of a source line, as characters, and the part of it
// that is meant: line[start:end]. start may be len(line), for something that is
// missing there.
type excerpt struct {
	line       []rune
	start, end int
}

// maxScalar is how many bytes of a value are looked at, and maxAround how many of
// what stands before and behind it: a file may be one line.
const (
	maxScalar = 1 << 10
	maxAround = 200
)

// newExcerpt returns what may be shown of a line whose scalar at a byte is meant: the
// scalar, if it is an address or a plain word, and around it what can be nothing but
// the key and other addresses of its list. All else may be a secret: other values,
// comments, what a flow mapping has beside. Of a file of variables an address is shown
// and nothing else.
func newExcerpt(line string, at int, ofVariables bool) excerpt {
	start := skipProperties(line, at)
	end := scalarEnd(line, start)
	if marker().MatchString(line[start:]) {
		end = start + len("---")
	}
	var e excerpt
	e.around(line[:start], harmlessBefore, ofVariables)
	value := line[start:end]
	if own := exception().FindString(line[start:min(len(line), start+maxScalar)]); own != "" {
		value, end = own, start+len(own)
	}
	shown := shownPart(value, ofVariables)
	if shown == "" && (value != "" || ofVariables) {
		e.line = append([]rune(strings.TrimSuffix(string(e.line), ellipsis[true])), '…')
		e.start, e.end = len(e.line)-1, len(e.line)
		return e
	}
	if !strings.HasPrefix(value, shown) && string(e.line) != ellipsis[true] {
		e.line = append(e.line, []rune(ellipsis[true])...)
	}
	e.start = len(e.line)
	e.line = append(e.line, []rune(shown)...)
	e.end = len(e.line)
	if !strings.HasSuffix(value, shown) {
		e.line = append(e.line, []rune(ellipsis[false])...)
		return e
	}
	rest := line[end:]
	if head, _, found := strings.Cut(rest[:min(len(rest), maxAround)], " #"); found && !ofVariables && harmlessAfter(head) {
		e.line = append(e.line, []rune(strings.TrimRight(head, " \t")+ellipsis[false])...)
		return e
	}
	e.around(rest, harmlessAfter, ofVariables)
	return e
}

// around adds what stands before or behind the value, or an ellipsis for it.
func (e *excerpt) around(text string, harmless func(string) bool, ofVariables bool) {
	switch {
	case len(text) <= maxAround && !ofVariables && harmless(text):
		e.line = append(e.line, []rune(text)...)
	case len(text) > maxAround || strings.TrimSpace(text) != "":
		e.line = append(e.line, []rune(ellipsis[e.line == nil])...)
	}
}

// ellipsis is what stands for kept back text, before a value and behind it.
var ellipsis = map[bool]string{true: "… ", false: " …"}

// marker begins or ends a YAML document.
var marker = lazyregexp.New(`^(?:---|\.\.\.)(?:\s|$)`)

// exception is the head of a comment that is an exception of ours.
var exception = lazyregexp.New(`^# ipguard: ignore\[[a-z0-9, -]*\](?: until [0-9-]+)?`)

// harmlessBefore reports whether text is the beginning of a line up to a value, and
// holds no other value than addresses of the same list: "  - key: [10.0.0.1, ".
func harmlessBefore(text string) bool {
	text = strings.TrimLeft(text, " \t-")
	if key, value, ok := strings.Cut(text, ":"); ok && isWord(key, "") && strings.TrimLeft(value, " \t") != value {
		text = strings.TrimLeft(value, " \t")
	}
	list, isList := strings.CutPrefix(text, "[")
	return text == "" || isList && listsAddresses(list)
}

// harmlessAfter is harmlessBefore for what follows a value, or a key.
func harmlessAfter(text string) bool {
	text = strings.TrimRight(text, " \t,")
	text = strings.TrimRight(strings.TrimSuffix(text, "]"), " \t")
	if value, isKey := strings.CutPrefix(text, ":"); isKey {
		return listsAddresses(strings.TrimPrefix(strings.TrimLeft(value, " \t"), "["))
	}
	return text == "" || text[0] == ',' && listsAddresses(text)
}

func listsAddresses(items string) bool {
	for item := range strings.SplitSeq(items, ",") {
		if item = strings.TrimSpace(item); item != "" && !ipaddr.IsText(item) {
			return false
		}
	}
	return true
}

// maxPlain is how long a value may be that is shown and is no address.
const maxPlain = 64

// shownPart is the part of a value that may be shown, empty for none.
func shownPart(value string, ofVariables bool) string {
	switch {
	case ipaddr.IsText(value), exception().MatchString(value):
		return value
	case ofVariables:
		return ""
	case len(value) <= maxPlain && (isWord(value, " ,()!") || isWord(value, " :")) || len(value) == 1:
		return value
	}
	return addressIn(value)
}

// isWord reports whether a text has letters, digits, and what stands in names and
// addresses beside them, and nothing but those and the other characters given.
func isWord(text, others string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./+\"'*&|>", r) && !strings.ContainsRune(others, r)
	}) < 0
}

// addressIn is the first address in a longer value, such as a URL.
func addressIn(value string) string {
	for piece := range strings.FieldsFuncSeq(value, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:/", r) }) {
		piece = strings.Trim(piece, "/:")
		host, _, _ := strings.Cut(piece, ":") // a port
		for _, candidate := range []string{piece, host} {
			if ipaddr.IsText(candidate) {
				return candidate
			}
		}
	}
	return ""
}

// skipProperties steps over anchors and tags, which a YAML parser counts as the
// start of the node that they stand before (YAML 1.2.2, section 6.9).
func skipProperties(line string, start int) int {
	limit := min(len(line), start+maxScalar)
	for start < limit && (line[start] == '&' || line[start] == '!') {
		i := start
		for i < limit && !isBlank(line[i]) {
			if strings.IndexByte(",[]{}", line[i]) >= 0 {
				return start // a tag without a value, in a list
			}
			i++
		}
		for i < limit && isBlank(line[i]) {
			i++
		}
		if i == limit {
			return start // the node itself is on another line
		}
		start = i
	}
	return start
}

// scalarEnd returns where the scalar ends that begins at start. It knows YAML's
// quoting and the ends of a plain scalar, not whether a flow collection is
// open: a plain scalar ends at a comma or bracket anywhere. Of a very long scalar
// it is a place within.
func scalarEnd(line string, start int) int {
	line = line[:min(len(line), start+maxScalar)]
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

func quotedEnd(line string, start int) int {
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

func endsPlain(line string, i int) bool {
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

func isBlank(b byte) bool { return b == ' ' || b == '\t' }
