//go:build !race

package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// excerptOf is the excerpt of a line that is found by a column.
func excerptOf(line string, column int, ofVariables bool) excerpt {
	l := newSourceLine(line)
	return newExcerpt(l.text, l.byteAt(column), ofVariables)
}

func TestExcerptFindsTheScalar(t *testing.T) {
	// The mark stands under the first character of the scalar; column is where
	// the YAML parser says that the node begins.
	for _, tt := range []struct {
		line   string
		column int
		want   string
	}{
		{"ip: 10.0.0.1", 5, "10.0.0.1"},
		{"ip: 10.0.0.1 # comment", 5, "10.0.0.1"},
		{"ip: 10.0.0.1#not a comment", 5, "10.0.0.1#not a comment"},
		{"- 10.0.0.1 - 10.0.0.9  ", 3, "10.0.0.1 - 10.0.0.9"},
		{"[10.0.0.1, 10.0.0.2]", 2, "10.0.0.1"},
		{"[10.0.0.1, 10.0.0.2]", 12, "10.0.0.2"},
		{"{ip: 10.0.0.1}", 6, "10.0.0.1"},
		{"{ip: 10.0.0.1}", 2, "ip"},
		{"range: 2001:db8::/48", 8, "2001:db8::/48"},
		{"reserved_ips: []", 1, "reserved_ips"},
		{"key:", 1, "key"},
		{"key:\tvalue", 1, "key"},
		{`"a \" b" # c`, 1, `"a \" b"`},
		{`'a '' b', c`, 1, `'a '' b'`},
		{`"never closed`, 1, `"never closed`},
		{`"`, 1, `"`},
		{`"\`, 1, `"\`},
		{"&a 10.0.0.1", 1, "10.0.0.1"},
		{"!!str 10.0.0.1", 1, "10.0.0.1"},
		{"&a !!str '10.0.0.1'", 1, "'10.0.0.1'"},
		{"&a", 1, "&a"},
		{"*alias", 1, "*alias"},
		{"((pgpool_ip))", 1, "((pgpool_ip))"},
		{"[a]", 1, "["},
		{"| # block", 1, "|"},
		{"# only a comment", 1, "# only a comment"},
		{" x", 1, " x"},
		{"名 前", 3, "前"},
		{"\ufeffa: b", 4, "b"},
		{"a: b\r", 4, "b"},
		{"", 1, ""},
		{"a", 99, ""},
		{"abc", 0, "abc"},
		{"abc", -5, "abc"},
	} {
		l := newSourceLine(tt.line)
		start := skipProperties(l.text, l.byteAt(tt.column))
		if got := l.text[start:scalarEnd(l.text, start)]; got != tt.want {
			t.Errorf("%q, column %d: %q, want %q", tt.line, tt.column, got, tt.want)
		}
	}
}

func TestRedaction(t *testing.T) {
	for _, tt := range []struct {
		line   string
		column int
		want   string
	}{
		{"{pgpool_ip: 10.8.52.190, password: hunter2}", 13, "… 10.8.52.190 …"},
		{"10.8.52.190", 1, "10.8.52.190"},
		{"  10.8.52.190  ", 3, "10.8.52.190"},
		{"ip: 10.8.52.0/24", 5, "… 10.8.52.0/24"},
		{"ip: 10.8.52.1-10.8.52.9", 5, "… 10.8.52.1-10.8.52.9"},
		{"ip: '10.8.52.1 - 10.8.52.9'", 5, "… '10.8.52.1 - 10.8.52.9'"},
		{"ip: 2001:db8::1", 5, "… 2001:db8::1"},
		{"ip: 2001:db8::/64", 5, "… 2001:db8::/64"},
		{"ip: hunter2", 5, "…"},
		{"ip: 10.8.52.190 hunter2", 5, "…"},
		{"ip: 10.8.52.190-hunter2", 5, "…"},
		{"ip: hunter2-10.8.52.190", 5, "…"},
		{"ip: 10.8.52.1-10.8.52.2-hunter2", 5, "…"},
		{"ip: 10.8.52.190/hunter2", 5, "…"},
		{"ip: fe80::1%hunter2", 5, "…"},
		{"ip: \"10.8.52.190\\nhunter2\"", 5, "…"},
		{"ip: [10.8.52.190]", 5, "…"},
		{"ip: 12345678", 5, "…"},
		{"ip: deadbeef", 5, "…"},
		{"ip:", 4, "…"},
		{"", 1, "…"},
	} {
		e := excerptOf(tt.line, tt.column, true)
		if got := string(e.line); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
		if e.start < 0 || e.start >= e.end || e.end > len(e.line) {
			t.Errorf("%q: the mark [%d, %d) is outside of %q", tt.line, e.start, e.end, string(e.line))
		}
	}
}

// TestKeptBack shows the value that is meant and of its line nothing that could be a
// secret; no word of the line decides.
func TestKeptBack(t *testing.T) {
	for _, tt := range []struct {
		line, mark string
		want       string
	}{
		{"    - 10.8.52.30", "10.8.52.30", "    - 10.8.52.30"},
		{"S3cret", "S3cret", "…"}, // a file of one word
		{"  S3cret", "S3cret", "  …"},
		{"&a S3cret", "S3cret", "…"},
		{"10.8.52.30", "10.8.52.30", "10.8.52.30"},
		{"((ip))", "((ip))", "((ip))"},
		{"name:", "name", "name:"},
		{"    static_ips: [10.8.52.30]", "10.8.52.30", "    static_ips: [10.8.52.30]"},
		{"  static: [10.8.52.20 - 10.8.52.39, 10.8.52.30, 2001:db8::1]", "10.8.52.30", "  static: [10.8.52.20 - 10.8.52.39, 10.8.52.30, 2001:db8::1]"},
		{"- range: 10.8.52.0/24", "10.8.52.0/24", "- range: 10.8.52.0/24"},
		{"  name: web", "web", "  name: web"},
		{"    static_ips: ((web_ips))", "((web_ips))", "    static_ips: ((web_ips))"},
		{"  azs: [z1, z2]", "z2", "… z2]"},
		{"  - 10.8.52.30 # hunter2", "10.8.52.30", "  - 10.8.52.30 …"},
		{`  - {name: private, static_ips: [10.8.52.30], "password":"hunter2"}`, "10.8.52.30", "… 10.8.52.30 …"},
		{"  - {pass: hunter2, static_ips: [10.8.52.30]}", "10.8.52.30", "… 10.8.52.30 …"},
		{"subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1}]", "10.8.52.1", "… 10.8.52.1 …"},
		{"static: [hunter2, 10.8.52.30]", "10.8.52.30", "… 10.8.52.30]"},
		{"static: [10.8.52.30, hunter2]", "10.8.52.30", "static: [10.8.52.30 …"},
		{"  mbus: https://mbus:hunter2@10.8.52.191:6868", "https", "  mbus: … 10.8.52.191 …"},
		{"  mbus: https://mbus:hunter2@[2001:db8::1]:6868", "https", "  mbus: …"},
		{"  url: https://u:hunter2@db", "https", "  url: …"},
		{"  pasword: hunter2", "pasword", "  pasword …"},
		{"  pasword:", "pasword", "  pasword:"},
		{"{pasword: hunter2}", "pasword", "… pasword …"},
		{"key: " + strings.Repeat("x", 100), "xx", "key: …"},
		{"  vip: 10.8.52.191 - 10.8.52.193", "10", "  vip: 10.8.52.191 - 10.8.52.193"},
		{"  vip: ((a)), ((b)) 10.8.52.191/24", "((a", "  vip: ((a)) …"},
		{`  vip: "((a)), ((b)) 10.8.52.191/24"`, `"`, `  vip: "((a)), ((b)) 10.8.52.191/24"`},
		{`  vip: "10.8.52.191 hunter2 2001:db8::1 x"`, `"`, `  vip: "10.8.52.191 … 2001:db8::1 …`},
		{"  vip: hunter2, 10.8.52.191", "hunter2", "  vip: …"},
		{"  vip: (( grab a.b )) 10.8.52.300 hunter2", "((", "  vip: … 10.8.52.300 …"},
		{"  at: 10:20:30:40:50:60", "10:", "  at: …"},
	} {
		if got := string(excerptOf(tt.line, 1+strings.Index(tt.line, tt.mark), false).line); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
	}
}

// TestKeptBackBesideAnAddress puts a secret beside an address of the same scalar, with
// whatever may stand between the two.
func TestKeptBackBesideAnAddress(t *testing.T) {
	const secret = "S3cr3T"
	separators := []string{"", " auth_pass ", "/24 dev eth0 label ", " pass=", "/24", "::", ":443/", "\\n", " ((x)) ", "1", " 2001:db8::2"}
	for r := rune(' '); r < 0x7f; r++ {
		separators = append(separators, string(r), string(r)+" ", " "+string(r))
	}
	shown := 0
	for _, address := range []string{"10.8.52.191", "2001:db8::191", "((a))", "10.8.52.300"} {
		for _, separator := range separators {
			for _, value := range []string{address + separator + secret, secret + separator + address, address + separator + secret + separator + address} {
				for _, line := range []string{"  vip: " + value, "  vip: '" + value + "'", `  vip: "` + value + `"`, "  {vip: " + value + "}"} {
					var read map[string]string
					if err := yaml.Unmarshal([]byte(line), &read); err != nil || !strings.Contains(read["vip"], secret) || !strings.Contains(read["vip"], address) {
						continue // they are not in one scalar
					}
					e := excerptOf(line, 1+strings.Index(line, ": ")+2, false)
					if strings.Contains(string(e.line), "S3c") || strings.Contains(string(e.line), "r3T") {
						t.Errorf("%q shows %q", line, string(e.line))
					}
					if strings.Contains(string(e.line), address) {
						shown++
					}
				}
			}
		}
	}
	if shown < 1500 {
		t.Errorf("only %d addresses are shown", shown)
	}
}

// TestLongLine finds columns in a line of wide and narrow characters as a walk
// through all of it would.
func TestLongLine(t *testing.T) {
	for _, piece := range []string{"abc", "aé", "前", "\xff", ""} {
		line := strings.Repeat(piece, 3*block)
		l := newSourceLine(line)
		column := 1
		for i := range line {
			if at := l.byteAt(column); at != i {
				t.Fatalf("%q: column %d begins at byte %d, want %d", piece, column, at, i)
			}
			column++
		}
		for _, beyond := range []int{column, column + 1, column + block, column + 3*block} {
			if at := l.byteAt(beyond); at != len(line) {
				t.Errorf("%q: column %d of %d begins at byte %d, want the end, %d", piece, beyond, column-1, at, len(line))
			}
		}
	}
}

// A file is secret as soon as one value of it came through a variable, also for
// the places in it that say nothing of a variable.
func TestOneVariableMakesTheWholeFileSecret(t *testing.T) {
	result := lint.Result{Findings: []lint.Finding{
		finding("direct", lint.Party{At: at("vars.yml", 1, 1)}),
		finding("through", lint.Party{At: at("a.yml", 1, 1)}, lint.Party{At: through(at("vars.yml", 2, 1), "x")}),
	}}
	s := newSources(result, Options{Line: func(string, int) (string, bool) { return "- hunter2", true }})
	for file, want := range map[string]string{"vars.yml": "…", "a.yml": "- hunter2"} {
		if e, ok := s.excerpt(at(file, 1, 3)); !ok || string(e.line) != want {
			t.Errorf("%s: %q, want %q", file, string(e.line), want)
		}
	}
}

func TestSnippetCuts(t *testing.T) {
	line := strings.Repeat("a", 50) + " 10.0.0.1, " + strings.Repeat("b", 50)
	for _, tt := range []struct {
		column, width int
		want, marked  string
	}{
		{52, 111, line, "10.0.0.1"},
		{52, 110, line[:109] + "…", "10.0.0.1"},
		{52, 31, "…aaaaaaaaa 10.0.0.1, bbbbbbbbb…", "10.0.0.1"},
		{1, 20, strings.Repeat("a", 18) + "…", strings.Repeat("a", 18)},
		{62, 31, "…" + strings.Repeat("b", 29) + "…", strings.Repeat("b", 29)},
		{112, 31, "…" + strings.Repeat("b", 29), " "},
		{52, 1, "…aa 10.0.0.1, b…", "10.0.0.1"}, // no less than 16 columns
	} {
		start := min(tt.column-1, len(line))
		s := newSnippet(excerpt{[]rune(line), start, scalarEnd(line, start)}, tt.width)
		marked := string([]rune(s.text + " ")[s.markAt : s.markAt+s.markLen])
		if s.text != tt.want || marked != tt.marked {
			t.Errorf("column %d in %d columns:\n%q marks %q, want\n%q marks %q", tt.column, tt.width, s.text, marked, tt.want, tt.marked)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain":       "plain",
		"ümläut 名前 👍": "ümläut 名前 👍",
		"\x1b[31m":    `\x1b[31m`,
		"\x00\x7f\r":  `\x00\x7f\x0d`,
		"a\nb\tc":     `a\nb\tc`,
		"\u009b":      `\x9b`,
		"\u202e":      `\u202e`,
		"\u2028":      `\u2028`,
		"\U000e0041":  `\U000e0041`,
		"\ufffe":      `\ufffe`,
		"\xff":        `\xff`,
		"\ufffd":      "\ufffd",
		"e\u0301":     "e\u0301",
	} {
		if got := legible.Text(text); got != want {
			t.Errorf("legible.Text(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two|three"},
		{"one two three", 3, "one|two|thr|ee"},
		{"one  two", 7, "one two"},
		{"", 5, ""},
		{"名前名前 a", 4, "名前|名前|a"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301e\u0301|e\u0301"},
	} {
		if got := strings.Join(wrap(tt.text, tt.width), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add("ip: 10.0.0.1", 5, 80)
	f.Add(strings.Repeat("前", 100)+" \"10.0.0.1\"", 103, 41)     // wide characters at both cuts
	f.Add(strings.Repeat("e\u0301", 100), 50, 40)                // a mark on a combining character
	f.Add("\t\t&a !!str '"+strings.Repeat("''", 50), 3, 16)      // properties, a quote that never ends
	f.Add(strings.Repeat("\U000e0001", 20)+"\x1b[2J\xff", 20, 1) // escapes wider than their room
	f.Add("", 1, 40)
	f.Add("a", 1<<40, 1<<40)
	f.Fuzz(func(t *testing.T, line string, column, width int) {
		for _, e := range []excerpt{excerptOf(line, column, false), excerptOf(line, column, true)} {
			s := newSnippet(e, width)
			limit := max(width, 16)
			if n := textWidth(s.text); n > limit {
				t.Errorf("%d columns wide, allowed are %d: %q", n, limit, s.text)
			}
			if s.markAt < 0 || s.markLen < 1 || s.markAt+s.markLen > limit {
				t.Errorf("the mark [%d, %d) is outside of %d columns", s.markAt, s.markAt+s.markLen, limit)
			}
			if strings.ContainsFunc(s.text, legible.Hidden) || !utf8.ValidString(s.text) {
				t.Errorf("%q is not safe to show", s.text)
			}
		}
	})
}

// FuzzRedaction: of a line that may hold a secret nothing is shown that could
// not be part of addresses.
func FuzzRedaction(f *testing.F) {
	f.Add("{pgpool_ip: 10.8.52.190, password: hunter2}", 13)
	f.Add("ip: 10.8.52.1 - hunter2", 5)
	f.Add("ip: '10.8.52.1''hunter2'", 5)
	f.Add("ip: fe80::1%hunter2", 5)
	f.Add("00000.0.0.0\f", 5) // a blank, but not one of YAML's
	f.Fuzz(func(t *testing.T, line string, column int) {
		e := excerptOf(line, column, true)
		shown := strings.Trim(string(e.line), "… ")
		if strings.Trim(shown, `0123456789abcdefABCDEF.:/- "'`+"\t") != "" || len(shown) > 100 {
			t.Errorf("shows %q of %q", shown, line)
		}
		if shown != "" && !strings.ContainsAny(shown, ".:") {
			t.Errorf("shows %q of %q, which is no address", shown, line)
		}
	})
}

// FuzzKeptBack puts a secret around a value in all ways that YAML has for it.
func FuzzKeptBack(f *testing.F) {
	f.Add("10.8.52.190", "static_ips")
	f.Add("'a b'", "- a")
	f.Add("https://u:p@10.8.52.190", "")
	f.Fuzz(func(t *testing.T, value, key string) {
		const secret = "S3cretValue"
		if strings.ContainsAny(value+key, "\n\r#,[]{}'\"") || strings.Contains(value, ": ") {
			return
		}
		for _, around := range [][2]string{
			{key + ": [" + secret + ", ", "]"}, {key + ": [", ", " + secret + "]"}, {key + ": [", ", " + secret},
			{"{" + key + ": ", ", k: " + secret + "}"}, {"{k: " + secret + ", " + key + ": ", "}"}, {"{k: '" + secret + "', " + key + ": [", "]}"},
			{key + ": ", " # " + secret}, {"- ", "\t#" + secret}, {"k: " + secret + " ", ""}, {"[[" + secret + "], ", "]"}, {"? " + secret + " : ", ""},
		} {
			line := around[0] + value + around[1]
			e := newExcerpt(line, len(around[0]), false)
			if strings.Contains(string(e.line), secret[:4]) {
				t.Errorf("%q shows %q", line, string(e.line))
			}
		}
	})
}

// FuzzText renders a whole finding, whose texts, line and place are anything:
// no panic, nothing that steers a terminal, and every line of source, marks and
// labels within the width. Header, places and the lines of help are as long as
// what they quote.
func FuzzText(f *testing.F) {
	f.Add("    static_ips: [10.8.52.191]", "two directors", "create-env VM", "f.yml", "", 14, 18, 80, false)
	f.Add("{ip: 10.0.0.1, password: hunter2}", "", "", "vars.yml", "ip", 1<<30, 6, 0, true)
	f.Add("", "a\nb", strings.Repeat("label ", 99), "-v x", "x", 0, 0, 40, false)
	f.Fuzz(func(t *testing.T, line, message, note, file, variable string, number, column, width int, second bool) {
		party := lint.Party{Note: note, At: place.Place{File: file, Line: number, Column: column, Through: variable}}
		finding := finding(message, party)
		if second {
			finding.Claims = append(finding.Claims, party)
		}
		options := Options{Width: width, Line: func(string, int) (string, bool) { return line, true }}
		r := newTextReport(lint.Result{Findings: []lint.Finding{finding}}, options)
		r.finding(finding)
		for i, text := range strings.Split(r.out.String(), "\n") {
			if strings.ContainsFunc(text, legible.Hidden) {
				t.Errorf("%q is not safe to show", text)
			}
			gutter := strings.IndexByte(text, '|')
			quoted := i == 0 || gutter < 0 || strings.TrimLeft(text[:gutter], " 0123456789") != ""
			if n := textWidth(text); !quoted && n > max(r.cutAt, minWidth) {
				t.Errorf("%d columns wide, allowed are %d: %q", n, r.cutAt, text)
			}
		}
	})
}
