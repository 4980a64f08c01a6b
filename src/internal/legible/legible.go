// Package legible writes texts so that they say to a reader what they say: what would
// steer a terminal, turn a line around or not be seen is written out. It is for names that
// somebody else chose, on every way on which they leave the program:
//
//	text, page, message ─▶ Text: the character as \n, \x1b, \u202e
//	JSON that is data   ─▶ NewJSONWriter: the same as \u escapes, which lose nothing
//	JSON that is shown  ─▶ ShownJSON: each string as Text has it
package legible

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Hidden reports whether a character is none that is seen: control characters, invisible
// and direction-changing format characters (the classes Cc and Cf), line and paragraph
// separators, and code points that are no characters.
func Hidden(r rune) bool {
	if r < 0x7f { // most are; spares five tables
		return r < ' '
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point)
}

// Text writes out what is hidden, and bytes that are not UTF-8. A file under review, or
// what another team pushed, must not be able to move the cursor, hide a line or swap two
// addresses. What it returns is also legal in XML 1.0 (section 2.2). Of a word that is
// longer than any name it has the beginning, and how much there is.
func Text(s string) string {
	if len(s) > longest {
		s = shortened(s)
	}
	if !strings.ContainsFunc(s, Hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(Rune(r))
		}
		s = s[size:]
	}
	return b.String()
}

// longest is how many bytes a word may have: no name, path or URL of a fleet is longer. shown
// are those that are left of one that is.
const longest, shown = 4096, 128

// shortened is a text without the ends of words that are too long.
func shortened(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		end := strings.IndexAny(s, " \n\t")
		if end < 0 {
			end = len(s)
		}
		word := s[:end]
		if len(word) > longest {
			cut := shown
			for cut > 0 && !utf8.RuneStart(word[cut]) {
				cut--
			}
			word = fmt.Sprintf("%s… (%d bytes)", word[:cut], len(word))
		}
		b.WriteString(word)
		blanks := len(s[end:]) - len(strings.TrimLeft(s[end:], " \n\t"))
		b.WriteString(s[end : end+blanks])
		s = s[end+blanks:]
	}
	return b.String()
}

// Rune is Text of one character.
func Rune(r rune) string {
	switch {
	case !Hidden(r):
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

// NewJSONWriter writes JSON to w with \u escapes for what is hidden in its strings: a
// reader of JSON reads the same. Each Write has whole characters, as those of
// encoding/json and log/slog have.
func NewJSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(text []byte) (int, error) {
	n, err := w.to.Write(EscapedJSON(text))
	if err != nil {
		return min(n, len(text)), err
	}
	return len(text), nil
}

// EscapedJSON is JSON with \u escapes for what is hidden in its strings.
func EscapedJSON(text []byte) []byte {
	start := bytes.IndexFunc(text, escaped)
	if start < 0 {
		return text
	}
	safe := bytes.NewBuffer(make([]byte, 0, len(text)+64))
	safe.Write(text[:start])
	for _, r := range string(text[start:]) {
		switch {
		case !escaped(r):
			safe.WriteRune(r)
		case r > 0xffff:
			// JSON knows only surrogate pairs here (RFC 8259, section 7).
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(safe, `\u%04x`, r)
		}
	}
	return safe.Bytes()
}

// escaped reports whether a character of JSON is hidden; below a blank only that between
// values is there.
func escaped(r rune) bool { return r >= ' ' && Hidden(r) }

// ShownJSON is JSON whose strings are as Text has them, for a reader who shows what is
// read as it is. The text is JSON, as an encoder writes it.
func ShownJSON(text []byte) []byte {
	var b bytes.Buffer
	for len(text) > 0 {
		if text[0] == '\\' && len(text) > 1 {
			r, size := escape(text)
			if Hidden(r) {
				b.WriteString(strings.ReplaceAll(Rune(r), `\`, `\\`))
			} else {
				b.Write(text[:size])
			}
			text = text[size:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		if escaped(r) {
			b.WriteString(strings.ReplaceAll(Rune(r), `\`, `\\`))
		} else {
			b.Write(text[:size])
		}
		text = text[size:]
	}
	return b.Bytes()
}

// escape is the character that an escape of a JSON string stands for (RFC 8259, section
// 7), and how many bytes it takes.
func escape(text []byte) (r rune, size int) {
	at := strings.IndexByte(`bfnrt`, text[1])
	switch {
	case at >= 0:
		return rune("\b\f\n\r\t"[at]), 2
	case text[1] != 'u':
		return rune(text[1]), 2
	}
	r, ok := unit(text)
	if !ok {
		return utf8.RuneError, 2
	}
	if low, ok := unit(text[6:]); ok && utf16.IsSurrogate(r) {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return both, 12
		}
	}
	return r, 6
}

// unit is the number of an escape \uXXXX that a text begins with.
func unit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}
