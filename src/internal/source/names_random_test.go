package source

import (
	"fmt"
	"html"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNamesAtRandom makes names of what a variable brought and of what stands openly
// beside it, and puts them into texts as formats do. The oracle is too simple to be wrong:
// what the variable brought has a mark, and no text has the mark, unless the variable
// brought the whole name and it is plain, which is then shown as it is.
func TestNamesAtRandom(t *testing.T) {
	seeds := 2000
	if testing.Short() {
		seeds = 200
	}
	const plain = "abcXYZ019-_+."
	odd := []string{" ", "\"", "'", "\\", "<", "&", "!", "/", ":", "\u202e", "\t", "  "}
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
			text, mark string
			may        bool
		}
		var all []made
		for k := range 1 + r.IntN(4) {
			mark := fmt.Sprintf("Q%dK%dQ", seed, k)
			secret := word(3) + mark + word(3)
			isPlain := true
			for r.IntN(3) == 0 {
				secret, isPlain = secret+odd[r.IntN(len(odd))]+word(3), false
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
			all = append(all, made{text, mark, was == "" && isPlain})
		}
		n := &Names{}
		n.Withhold(fromVariables(t, items))
		for _, m := range all {
			for _, text := range []string{
				m.text, "network " + m.text + ", as it is", `"` + m.text + `"`, "web-" + m.text, m.text + "-web", goText(m.text), jsonText(m.text), jsonText(goText(m.text)), html.EscapeString(m.text),
				"| " + strings.Join(strings.Fields(m.text), "\n  | ") + "\n", m.text + "," + m.text,
			} {
				got := string(n.Shown([]byte(text)))
				switch has := strings.Contains(got, m.mark); {
				case m.may && got != text:
					t.Fatalf("seed %d: %q is a plain name that a variable has, and %q shows %q", seed, m.text, text, got)
				case !m.may && has:
					t.Fatalf("seed %d: %q of %q is shown in %q", seed, m.text, items[m.text], got)
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
