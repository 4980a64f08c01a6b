package cli

import "strconv"

// count is a number and its noun: "1 file", "2 addresses".
func count(n int, noun string) string {
	if n != 1 {
		if noun[len(noun)-1] == 's' {
			noun += "e"
		}
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
