//go:build !race

package bosh

import (
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"
)

// TestRestOfAnAddressIsSaid puts a second address, or the end of one, behind a first one,
// with random signs and words between. The end of one is always said not to be understood;
// of two addresses both are taken, and what lies between them if a hyphen says so, and
// nothing is taken for a list in which a word or a sign may mean "to".
func TestRestOfAnAddressIsSaid(t *testing.T) {
	const first, second = "10.8.52.98", "10.8.53.192"
	means := []string{"–", "—", "~", "..", "...", "…", " to ", " bis ", " till ", ">", "->", " up to "}
	signs := append([]string{" ", " ", " ", ",", ";", "|", "-", " and ", " or ", "&", "+", "/", ":", "=", "(", ")", "[", "]", "'", "\n", "#", "\\", "_", "!", "$", " eth0 "}, means...)
	rests := []string{second, second, "99", "052", ".99", "52.99", ".8.53.192", "99.", "[99]", "٩٩", "90-99"}
	exempt := regexp.MustCompile(`^:[^/]*$|\pL0?[:=]`) // a port, or the value of a key
	random := rand.New(rand.NewPCG(1, 98))
	for range 5000 {
		between := ""
		for range 1 + random.IntN(4) {
			between += signs[random.IntN(len(signs))]
		}
		rest := rests[random.IntN(len(rests))]
		text := first + between + rest
		list, networks, strange := virtualAddresses(text, false)
		if strange || rest != second && exempt.MatchString(between+rest) {
			continue
		}
		holds := func(address string) bool {
			return slices.ContainsFunc(list, func(r netipx.IPRange) bool { return r.Contains(netip.MustParseAddr(address)) })
		}
		isList := !slices.ContainsFunc(means, func(s string) bool { return strings.Contains(between, s) }) || strings.ContainsAny(between, ",;|\n")
		isRange := strings.TrimSpace(between) == "-" && holds("10.8.53.1")
		if len(networks) > 0 || rest != second || !holds(first) || !holds(second) || !isList || strings.Contains(between, "-") && !isRange && !strings.ContainsAny(between, ",;|\n") {
			t.Errorf("%q: found %v and %v, and nothing is said of the rest", text, list, networks)
		}
	}
}
