package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/legible"
)

// ShownDiff is what may be shown of a unified diff of cloud-configs: of their lines
// keys, addresses, and the names that a network has. Where another line is context
// at the edge of a hunk the hunk begins later or ends earlier, so that it can still
// be applied; cut tells that some line is shown in part only.
func ShownDiff(text string) (shown string, cut bool) {
	var b strings.Builder
	hunk := &diffHunk{}
	for line := range strings.Lines(text) {
		if m := hunkHeader().FindStringSubmatch(line); m != nil {
			cut = hunk.write(&b) || cut
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			hunk = &diffHunk{from: from, to: to}
		} else if hunk.from == 0 && hunk.to == 0 {
			b.WriteString(legible.Text(strings.TrimSuffix(line, "\n")) + "\n")
		} else {
			hunk.lines = append(hunk.lines, line)
		}
	}
	cut = hunk.write(&b) || cut
	return b.String(), cut
}

// mostLine is how many bytes of one line are shown.
const mostLine = 4096

var hunkHeader = lazyregexp.New(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

// diffHunk is a hunk and the lines at which it begins in both texts.
type diffHunk struct {
	from, to int
	lines    []string
	// old says of comments whether one of the lines that were there ends with it.
	old map[string]bool
}

// write writes the hunk, less the context up to a line that is not shown whole.
func (h *diffHunk) write(b *strings.Builder) (cut bool) {
	if len(h.lines) == 0 {
		return false
	}
	first, last := 0, len(h.lines)
	for i := 0; i < len(h.lines) && h.lines[i][0] == ' '; i++ {
		if !h.isShown(h.lines[i]) {
			first = i + 1
		}
	}
	for i := len(h.lines) - 1; i >= first && strings.IndexByte(" \\", h.lines[i][0]) >= 0; i-- {
		if !h.isShown(h.lines[i]) {
			last = i
		}
	}
	before, after := 0, 0
	for _, line := range h.lines[first:last] {
		if line[0] == ' ' || line[0] == '-' {
			before++
		}
		if line[0] == ' ' || line[0] == '+' {
			after++
		}
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", h.from+first, before, h.to+first, after)
	for _, line := range h.lines[first:last] {
		b.WriteString(h.shownLine(line))
		cut = cut || !h.isShown(line)
	}
	// git takes a hunk without a line behind the change for one at the end of the file.
	return cut || last < len(h.lines) && h.lines[last-1][0] != ' '
}

func (h *diffHunk) isShown(line string) bool { return h.shownLine(line) == line }

// isNew reports whether a comment comes with the change, which then wrote it.
func (h *diffHunk) isNew(line, comment string) bool {
	if line[0] != '+' {
		return false
	}
	if h.old == nil {
		h.old = map[string]bool{}
	}
	was, known := h.old[comment]
	if !known {
		was = slices.ContainsFunc(h.lines, func(old string) bool {
			return old[0] != '+' && strings.HasSuffix(strings.TrimRight(old, "\r\n"), comment)
		})
		h.old[comment] = was
	}
	return !was
}

// networkKeys are the keys of a network and its subnets whose values are names or
// numbers; those of other keys are shown if they are addresses.
var networkKeys = map[string]bool{"name": true, "type": true, "az": true, "azs": true, "prefix": true,
	"network": true, "workers": true, "vm_type": true} // of compilation, which may follow

// shownLine is one line with its mark, kept back from where it may not be shown.
func (h *diffHunk) shownLine(line string) string {
	text := strings.TrimRight(line, "\r\n")
	end := line[len(text):]
	if text == "" || text[0] == '\\' {
		return line
	}
	rest := strings.TrimLeft(text[1:], " \t-")
	shown := text[:len(text)-len(rest)]
	key, value, isPair := strings.Cut(rest, ":")
	if isPair && isWord(key, "") && (value == "" || isBlank(value[0])) {
		rest = strings.TrimLeft(value, " \t")
		shown = text[:len(text)-len(rest)]
	} else {
		key = ""
	}
	value, comment, _ := strings.Cut(rest, " #")
	inside := strings.Trim(value, "[] \t")
	if !isNetworkValue(key, inside) && !isNetworkMapping(inside) {
		return legible.Text(shown) + "…" + end
	}
	if comment != "" && !h.isNew(line, comment) {
		text = shown + value
		if len(text) <= mostLine {
			return legible.Text(text) + " …" + end
		}
	}
	if len(text) > mostLine { // a list of a million addresses may be one line
		return legible.Text(strings.ToValidUTF8(text[:mostLine], "")) + "…" + end
	}
	return legible.Text(text) + end
}

// isNetworkValue reports whether the value of a key is addresses, or what a network calls
// itself.
func isNetworkValue(key, value string) bool {
	return listsAddresses(value) || networkKeys[key] && isWord(value, ", ")
}

// isNetworkMapping reports whether a value is a mapping on one line that has such values
// only: {name: VLAN-52}, {range: 10.0.0.0/24, reserved: [10.0.0.2]}.
func isNetworkMapping(value string) bool {
	inside, ok := strings.CutPrefix(value, "{")
	inside, closed := strings.CutSuffix(inside, "}")
	for rest := strings.TrimSpace(inside); ok && closed && rest != ""; rest = strings.TrimLeft(rest, ", ") {
		key, after, isPair := strings.Cut(rest, ": ")
		if !isPair || !isWord(key, "") {
			return false
		}
		end := strings.IndexByte(after, ',')
		if strings.HasPrefix(after, "[") {
			end = strings.IndexByte(after, ']') + 1
		}
		if end <= 0 {
			end = len(after)
		}
		if !isNetworkValue(key, strings.Trim(after[:end], "[] ")) {
			return false
		}
		rest = after[end:]
	}
	return ok && closed
}
