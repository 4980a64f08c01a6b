package fleet

import (
	"strings"
	"testing"
)

func TestAlternatives(t *testing.T) {
	for glob, want := range map[string]int{
		"*.yml": 1, "{a,b}.yml": 2, "{a,b}{c,d,e}": 6, "{a,{b,c}d}{e,f}": 6, `\{a,b\}`: 1, "a,b": 1, "{a": 1, "}a{": 1, "{,a}": 2,
		strings.Repeat("{a,b}", 8): 256, strings.Repeat("{a,b}", 9): 257, strings.Repeat("{a,b,c,d}", 5000): 257,
		"{" + strings.Repeat("a,", 1000) + "}": 257,
	} {
		if got := alternatives(glob); got != want {
			t.Errorf("%.40s: %d, want %d", glob, got, want)
		}
	}
}
