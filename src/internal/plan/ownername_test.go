//go:build !race

package plan

import (
	"strings"
	"testing"
	"unicode"
)

// FuzzOwnerName: three names, whatever they are, come back out of the one that they make; no
// part of it reads as an index or is not seen; and two owners never have one name.
func FuzzOwnerName(f *testing.F) {
	for _, seed := range []string{"web", "1", "0", "007", "a/1", "%31", "%", "%%31", "a%", "%2", "\u202e", "\xff", " a ", " ", "ü", "((x))", "\x00", "-1", "9999999999999999999999"} {
		f.Add("promo", "pgpool", seed)
		f.Add(seed, seed, "api")
		f.Add("promo", seed, "")
	}
	f.Fuzz(func(t *testing.T, director, deployment, group string) {
		n := OwnerName{director, deployment, group, 3}
		if group == "" {
			n.Parts = 2
		}
		text := n.String()
		if got := ReadOwnerName(text); got != n {
			t.Errorf("%q is read as %+v, and was %+v", text, got, n)
		}
		parts := strings.Split(text, "/")
		last := parts[len(parts)-1]
		if len(parts) != n.Parts || strings.Trim(last, "0123456789") == "" && last != "" && last[0] != '0' && len(last) < 19 || last == "0" {
			t.Errorf("%q has the parts %q", text, parts)
		}
		for _, part := range parts {
			if strings.TrimSpace(part) != part || strings.ContainsFunc(part, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q has a part %q", text, part)
			}
		}
	})
}

// TestOwnerNamesAsEver: a name that reads as nothing else stands as it is.
func TestOwnerNamesAsEver(t *testing.T) {
	for text, want := range map[string]OwnerName{
		"promo/pgpool/web": {"promo", "pgpool", "web", 3}, "promo/pgpool": {"promo", "pgpool", "", 2}, "lb": {"lb", "", "", 1}, "promo/1/web": {"promo", "1", "web", 3},
		"promo/a b/ü": {"promo", "a b", "ü", 3}, "promo/p/a%b": {"promo", "p", "a%b", 3}, "promo/p/-1": {"promo", "p", "-1", 3},
		"promo/p/%31": {"promo", "p", "1", 3}, "promo/p/web%2F0": {"promo", "p", "web/0", 3}, "promo/p/%2531": {"promo", "p", "%31", 3},
	} {
		if got := ReadOwnerName(text); got != want || got.String() != text {
			t.Errorf("%q: %+v, which is %q", text, got, got.String())
		}
	}
}
