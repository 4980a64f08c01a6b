//go:build !race

package trouble

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/ipguard/ipguard/src/internal/place"
)

// TestFew holds that each file with a trouble is told of, that those of few are told as
// they are, and that what is told and what is counted are all.
func TestFew(t *testing.T) {
	counted := regexp.MustCompile(`^and (\d+) more failures?`)
	for _, sizes := range [][]int{{1}, {100}, {101}, {5000, 3}, {3, 5000, 99, 100, 101}, {0}} {
		var list []Trouble
		for file, n := range sizes {
			for i := range n {
				list = append(list, Trouble{Message: "m", At: place.Place{File: fmt.Sprint(file), Line: i + 1}})
			}
		}
		got := Few(list)
		all, files := 0, map[string]int{}
		for _, f := range got {
			if m := counted.FindStringSubmatch(f.Message); m != nil {
				n, _ := strconv.Atoi(m[1])
				all += n
			} else {
				all++
			}
			files[f.At.File]++
		}
		if all != len(list) {
			t.Errorf("%v: %d are told or counted, of %d", sizes, all, len(list))
		}
		for file, n := range sizes {
			if told := files[fmt.Sprint(file)]; n > fewFrom && len(list) > fewFrom && told != fewTo+1 || n <= fewFrom && told != n {
				t.Errorf("%v: of file %d %d are told", sizes, file, told)
			}
		}
	}
	var list []Trouble
	for i := range 5000 {
		list = append(list, Trouble{At: place.Place{File: fmt.Sprint(i)}})
	}
	if got := Few(list); len(got) != fewMost+1 || got[fewMost].Message != "and 4000 more failures" {
		t.Errorf("of 5000 files %d are told: %+v", len(got), got[len(got)-1])
	}
}
