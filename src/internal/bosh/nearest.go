package bosh

import (
	"slices"
	"strings"
)

// nearest returns the candidate that a person may have meant by word: the one
// with the fewest changed letters, if they are few.
func nearest(word string, candidates []string) (string, bool) {
	best, distance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		if strings.EqualFold(c, word) && c != word {
			return c, true
		}
		if len(c) > 256 || len(word) > 256 {
			continue
		}
		if d := editDistance(word, c); d < distance && d > 0 {
			best, distance = c, d
		}
	}
	return best, best != ""
}

// editDistance counts the letters to insert, drop or change to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// nearestCure proposes the nearest name, or lists what there is.
func nearestCure(name string, names []string) string {
	if near, ok := nearest(name, names); ok {
		return "did you mean " + near + "?"
	}
	if len(names) == 0 {
		return ""
	}
	const most = 12
	list := slices.Clone(names[:min(len(names), most)])
	if len(names) > most {
		list = append(list, "…")
	}
	return "defined are: " + strings.Join(list, ", ")
}

func networkNames(cc *CloudConfig) []string {
	var names []string
	for _, n := range cc.Networks {
		if n.At.IsValid() {
			names = append(names, n.Name)
		}
	}
	return names
}
