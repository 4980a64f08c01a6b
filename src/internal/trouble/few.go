package trouble

import (
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// Of more than fewFrom troubles in one file the first fewTo are told, and of all at most
// fewMost: a list of a million addresses that cannot be read is one mistake.
const (
	fewFrom = 100
	fewTo   = 10
	fewMost = 1000
)

// Few are troubles as they are told: what is left out is counted, file by file.
func Few(list []Trouble) []Trouble {
	if len(list) <= fewFrom {
		return list
	}
	count, seen := map[string]int{}, map[string]int{}
	for i := range list {
		count[list[i].At.File]++
	}
	var told []Trouble
	for i := range list {
		t := list[i]
		file := t.At.File
		seen[file]++
		switch n := count[file]; {
		case n <= fewFrom || seen[file] <= fewTo:
			told = append(told, t)
		case seen[file] == fewTo+1:
			told = append(told, more(n-fewTo, file))
		}
	}
	if rest := len(told) - fewMost; rest > 0 {
		told = append(told[:fewMost], more(rest, ""))
	}
	return told
}

func more(n int, file string) Trouble {
	t := Trouble{Message: "and " + plural.Of(n, "more failure")}
	if file != "" {
		t.At = place.Place{File: file}
		t.Message += " in this file"
	}
	return t
}
