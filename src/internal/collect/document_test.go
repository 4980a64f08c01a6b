package collect

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/directordouble"
)

// TestDocument holds the questions in docs/collect.md against those that directors
// of all kinds are asked: there is no other one, and each is asked by some.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/collect.md")
	if err != nil {
		t.Fatal(err)
	}
	unasked := map[string]*regexp.Regexp{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(GET /[^`]*)` \\|").FindAllStringSubmatch(string(text), -1) {
		unasked[row[1]] = regexp.MustCompile("^" + regexp.MustCompile("NAME|ID").ReplaceAllString(row[1], "[^/?]+") + `(\?.*)?$`)
	}
	documented := maps.Clone(unasked)
	for _, full := range []bool{false, true} {
		for _, before := range []directordouble.Before{"", directordouble.ConfigsAPI} {
			d := director()
			d.Before = before
			target, opts := start(t, d), options(t)
			target.Access.Client, opts.Full = "admin", full
			mustCollect(t, target, opts)
			for _, request := range d.Requests() {
				known := slices.DeleteFunc(slices.Sorted(maps.Keys(documented)), func(row string) bool { return !documented[row].MatchString(request) })
				if len(known) != 1 {
					t.Errorf("%s is described by %q", request, known)
				}
				for _, row := range known {
					delete(unasked, row)
				}
			}
		}
	}
	if len(documented) < 10 || len(unasked) > 0 {
		t.Errorf("%d questions are described, and nobody is asked %s", len(documented), strings.Join(slices.Sorted(maps.Keys(unasked)), ", "))
	}
}
