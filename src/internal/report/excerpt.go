package report

import (
	"slices"
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
	shown, cutBefore, cutBehind := shownPart(value, ofVariables)
	if (goesOn(line, start, end) || isAlone(line, start, end)) && understoodIn(value) == nil {
		shown = ""
	}
	if shown == "" && (value != "" || ofVariables) {
		e.line = append([]rune(strings.TrimSuffix(string(e.line), ellipsis[true])), '…')
		e.start, e.end = len(e.line)-1, len(e.line)
		return e
	}
	if cutBefore && string(e.line) != ellipsis[true] {
		e.line = append(e.line, []rune(ellipsis[true])...)
	}
	e.start = len(e.line)
	e.line = append(e.line, []rune(shown)...)
	e.end = len(e.line)
	if cutBehind {
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

// shownPart is what may be shown of a value, empty for nothing: all of it, if it is an
// address or one plain word; else the addresses and variables in it, and an ellipsis for
// whatever stands between them. cutBefore and cutBehind say that there was more.
func shownPart(value string, ofVariables bool) (shown string, cutBefore, cutBehind bool) {
	understood := understoodIn(value)
	switch {
	case ipaddr.IsText(value), exception().MatchString(value):
		return value, false, false
	case value == "" || ofVariables:
		return "", false, false
	case understood == nil && (len(value) <= maxPlain && isWord(strings.TrimPrefix(strings.TrimLeft(value, " \t"), "- "), "") || len(value) == 1):
		return value, false, false
	case understood == nil:
		return "", false, false
	}
	var text strings.Builder
	from := 0
	for i, at := range understood {
		switch between := value[from:at[0]]; {
		case isSeparator(between):
			text.WriteString(between)
		case i == 0:
			cutBefore = true
		default:
			text.WriteString(" … ")
		}
		text.WriteString(value[at[0]:at[1]])
		from = at[1]
	}
	if cutBehind = !isSeparator(value[from:]); !cutBehind {
		text.WriteString(value[from:])
	}
	return text.String(), cutBefore, cutBehind
}

// understood finds variables within a text, and addresses with their masks, also those of
// too large numbers.
var understood = lazyregexp.New(`\(\(!?[-/.\w\pL]+\)\)|(?:` + dotted + `|(?:[0-9a-fA-F]{0,4}:){2,7}(?:` + dotted + `|[0-9a-fA-F]{0,4}))(?:/\d{1,3})?`)

const dotted = `\d{1,3}(?:\.\d{1,3}){3}`

// understoodIn is where the addresses and variables of a text stand.
func understoodIn(text string) [][]int {
	return slices.DeleteFunc(understood().FindAllStringIndex(text, -1), func(at []int) bool {
		piece := text[at[0]:at[1]]
		return strings.Contains(piece, ":") && !ipaddr.IsText(piece) // such as a time
	})
}

// isSeparator reports whether a text is nothing but what stands between addresses.
func isSeparator(text string) bool { return strings.Trim(text, " \t,-\"'") == "" }

// isWord reports whether a text has letters, digits, and what stands in names and
// addresses beside them, and nothing but those and the other characters given.
func isWord(text, others string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./+\"'*&|>", r) && !strings.ContainsRune(others, r)
	}) < 0
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

// goesOn reports whether what scalarEnd takes for the end of a plain scalar may be within
// it: no flow collection is opened in the line.
func goesOn(line string, start, end int) bool {
	rest := strings.TrimLeft(line[end:], " \t")
	return end-start > 1 && rest != "" && strings.IndexByte(",[]{}", rest[0]) >= 0 && !strings.ContainsAny(line[:start], "[{")
}

// isAlone reports whether a line has nothing but a value of several characters: it may be
// the whole text of a file that is a password, and no manifest.
func isAlone(line string, start, end int) bool {
	first := len(line) - len(strings.TrimLeft(line, " \t"))
	return end-start > 1 && skipProperties(line, first) == start && strings.TrimSpace(line[end:]) == "" && line[start] != '#' && !marker().MatchString(line[start:])
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
