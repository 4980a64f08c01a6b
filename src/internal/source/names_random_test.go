package source

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// onTheWay is what is done to names between their reader and who reads the output.
var onTheWay = []func(string) string{
	func(s string) string { return "network " + s + ", as it is" },
	func(s string) string { return `"` + s + `"` },
	func(s string) string { return "web-" + s },
	func(s string) string { return s + "-web" },
	func(s string) string { return s + "," + s },
	strconv.Quote, html.EscapeString, legible.Text, strings.ToLower, strings.TrimSpace,
	func(s string) string { return strings.TrimSuffix(s, "/") },
	func(s string) string { return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s) },
	func(s string) string {
		text, _ := json.Marshal(s) // texts make no error
		return string(text)
	},
	func(s string) string { return "| " + strings.Join(strings.Fields(s), "\n  | ") + "\n" },
	func(s string) string { return userinfo().ReplaceAllString(s, "://…@") },
}

// TestNamesAtRandom makes names of what a variable brought and of what stands openly
// beside it, reads them as names, and does to them what is done on the way to who reads the
// output. The oracle is too simple to be wrong: what the variable brought has a mark, and
// nothing that is written has the mark, unless the variable brought the whole name and it
// is plain, which is then shown as it is.
func TestNamesAtRandom(t *testing.T) {
	seeds := 3000
	if sharedtest.Short() {
		seeds = 300
	}
	const plain = "abcxyz019-_+."
	odd := []string{
		" ", "\"", "'", "\\", "<", "&", "!", "/", ":", "\u202e", "\u2028", "\t", "  ", "%", "\r\n", "\n", "\x00", "://u:pw@", "https://u@h/", ">", "((", "((w))", "{{", "((w", "=",
		strings.Repeat("z", 300), strings.Repeat("a ", 200),
	}
	withheld, shown := 0, 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 7))
		word := func(most int) string {
			var b strings.Builder
			for range r.IntN(most + 1) {
				b.WriteByte(plain[r.IntN(len(plain))])
			}
			return b.String()
		}
		items := map[string]string{}
		type made struct {
			mark string
			may  bool
		}
		all := map[string]made{}
		for k := range 1 + r.IntN(4) {
			mark := fmt.Sprintf("q%dk%dq", seed, k)
			secret := word(3) + mark + word(3)
			isPlain := true
			for r.IntN(3) == 0 {
				piece := odd[r.IntN(len(odd))]
				secret, isPlain = piece+secret+word(3), false
				if r.IntN(2) == 0 {
					secret = secret[len(piece):] + piece
				}
			}
			before, after := "", ""
			if r.IntN(2) == 0 {
				before, after = word(4), word(4)
			}
			text, was := before+secret+after, ""
			if before+after != "" {
				was = before + "((v))" + after
			}
			items[text] = was
			all[text] = made{mark, was == "" && isPlain}
		}
		n := &Names{}
		doc := fromVariables(t, items)
		n.Withhold(doc)
		for _, item := range doc.Root().Items() {
			m := all[item.Raw()]
			name := item.Text()
			if coerced, ok := item.Coerced(); ok && name != coerced {
				t.Fatalf("seed %d: %q is the text %q and the name %q", seed, item.Raw(), name, coerced)
			}
			for range 12 {
				text := name
				if r.IntN(4) == 0 {
					text = "https://h/" + url.PathEscape(text)
				}
				for range 1 + r.IntN(3) {
					text = onTheWay[r.IntN(len(onTheWay))](text)
				}
				got := string(n.Shown([]byte(text)))
				switch has := strings.Contains(strings.ToLower(got), m.mark); {
				case m.may && !has:
					t.Fatalf("seed %d: %q is a plain name that a variable has, and %q shows %q", seed, item.Raw(), text, got)
				case !m.may && has:
					t.Fatalf("seed %d: %q of %q is shown in %q", seed, item.Raw(), items[item.Raw()], got)
				}
			}
			if m.may {
				shown++
			} else {
				withheld++
			}
		}
	}
	if withheld < seeds/2 || shown < seeds/4 {
		t.Errorf("%d names were withheld, %d shown: too few", withheld, shown)
	}
}

// TestSealedNamesAreOne reads names openly and through variables, in any order: two texts
// are one name after the last reading if they are one text.
func TestSealedNamesAreOne(t *testing.T) {
	texts := []string{"VM Network", "VM network", "a/b", "vlan-52", "https://u:p@h/x", "", " ", "VM Network "}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := &Names{}
		var values []Value
		for range 6 {
			text := texts[r.IntN(len(texts))]
			doc := &Document{root: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}}
			if r.IntN(2) == 0 {
				doc = fromVariables(t, map[string]string{text: ""})
				n.Withhold(doc)
				values = append(values, doc.Root().Items()[0])
				continue
			}
			n.Withhold(doc)
			values = append(values, doc.Root())
		}
		read := func() (names []string) {
			for _, v := range values {
				names = append(names, v.Text())
			}
			return names
		}
		names := read()
		if n.Late() {
			names = read()
		}
		if n.Late() {
			t.Fatalf("seed %d: a second reading was not enough", seed)
		}
		for i := range values {
			for k := range values {
				if same := values[i].Raw() == values[k].Raw(); same != (names[i] == names[k]) {
					t.Fatalf("seed %d: %q and %q are read as %q and %q", seed, values[i].Raw(), values[k].Raw(), names[i], names[k])
				}
			}
		}
	}
}
