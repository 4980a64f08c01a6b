package ledger

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// longestText is how many bytes an owner, a team, a name or a reason may have.
const longestText = 500

// Holder is an owner and one of its numbers.
type Holder struct {
	Owner string
	// Number is from 0; negative where none was named.
	Number int
}

// String is the owner, with its number if that is not the first.
func (h Holder) String() string {
	if h.Number <= 0 {
		return h.Owner
	}
	return h.Owner + "/" + strconv.Itoa(h.Number)
}

// ParseHolder reads director/deployment/instance-group[/index], or a free name such
// as lb/frontend[/index]. An index is a number behind other parts; how a part that looks
// like one is written, plan.OwnerName says.
func ParseHolder(text string) (Holder, error) {
	if err := checkNewOwner(text); err != nil {
		return Holder{}, err
	}
	h, err := parseHolder(text, 1)
	if err == nil {
		err = checkNewOwner(h.Owner) // 10.8.52.79/40 is no block
	}
	if err == nil {
		err = checkSpelling(h.Owner)
	}
	return h, err
}

// parseHolder takes a number behind at least so many parts for an index.
func parseHolder(text string, before int) (Holder, error) {
	if err := checkText("an owner", text); err != nil {
		return Holder{}, err
	}
	if strings.Contains(text, "((") {
		return Holder{}, fmt.Errorf("%q has a variable in it, and nobody fills one in here: write the owner's name", text)
	}
	parts := strings.Split(text, "/")
	for _, part := range parts {
		if strings.TrimSpace(part) != part || part == "" {
			return Holder{}, fmt.Errorf("%q is no owner: write director/deployment/instance-group, or a name such as lb/frontend", text)
		}
	}
	h := Holder{Owner: text, Number: -1}
	last := parts[len(parts)-1]
	if n, err := strconv.Atoi(last); err == nil && n >= 0 && len(parts) > before && strconv.Itoa(n) == last {
		h = Holder{Owner: strings.Join(parts[:len(parts)-1], "/"), Number: n}
	}
	return h, nil
}

// checkNewOwner refuses an owner that could be taken for an address, a block or a range: it
// would be named where an address is meant. So it does with one of whose name a part was left
// out where it was told: two groups of a deployment would be one owner. There are such owners
// from before.
func checkNewOwner(text string) error {
	if strings.Contains(text, seal.LeftOut) {
		return fmt.Errorf("%q is nobody's name: a part of it was left out where it was told", text)
	}
	bare := strings.ReplaceAll(text, " ", "")
	_, noAddress := netip.ParseAddr(bare)
	_, noBlock := netip.ParsePrefix(bare)
	_, noRange := netipx.ParseIPRange(bare)
	if noAddress == nil || noBlock == nil || noRange == nil {
		return fmt.Errorf("%q is an address, and no owner: write director/deployment/instance-group, or a name such as lb/frontend", text)
	}
	return nil
}

// checkSpelling refuses the owner whose name is another spelling of one: no instance group
// would ever have the booking. There are such owners from before, of which nothing but a new
// booking is refused.
func checkSpelling(owner string) error {
	if !strings.Contains(owner, "%") {
		return nil
	}
	if spelled := plan.SpelledOwner(owner); spelled != owner {
		return fmt.Errorf("%q is another spelling of an owner: write %q", owner, spelled)
	}
	return nil
}

// checkNewEvent refuses an event by which nobody may get an address, though some may be kept.
func checkNewEvent(e Event) error {
	if err := checkNewOwner(e.Owner); err != nil {
		return err
	}
	return CheckEvent(e)
}

// checkText refuses what could not be told from other text where it is shown.
func checkText(what, text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s is empty", what)
	case len(text) > longestText:
		return fmt.Errorf("%s has %d bytes; no more than %d are kept", what, len(text), longestText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%s has characters that cannot be shown: %q", what, text)
	}
	return nil
}

// CheckEvent refuses an event that no store may keep.
func CheckEvent(e Event) error {
	h, err := parseHolder(e.Owner, 2) // there are owners from when lb/1 was one
	switch {
	case err != nil:
		return err
	case h.Number >= 0:
		return fmt.Errorf("%q ends in a number, which is an index and kept apart: of an instance group of such a name write %q", e.Owner, plan.ReadOwnerName(e.Owner))
	case e.Number < 0:
		return fmt.Errorf("%d is no number of an owner: they begin with 0", e.Number)
	case e.At.IsZero():
		return fmt.Errorf("when it happened is not told")
	}
	for _, pair := range [][2]string{{"a team", e.Team}, {"who did it", e.By}, {"a reason", e.Why}, {"who agreed", e.Approved}} {
		if pair[1] == "" {
			continue
		}
		if err := checkText(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
