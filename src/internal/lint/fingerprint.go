package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Fingerprint names what a finding is about so that it is known again in a
// later run: 64 hexadecimal digits made from the rule, the segment, the
// addresses and the owners. Lines, files and wording have no part in it, so a
// finding stays the same when its file is edited above it or moved. A finding
// without addresses is told apart from its neighbours by its message as well;
// else one accepted finding would hide others of the same owner.
func (f Finding) Fingerprint() string {
	fields := []string{f.Rule, f.Segment, plan.RangeText(f.Range)}
	if !f.Range.IsValid() {
		fields = append(fields, f.Message)
	}
	owners := make([]plan.Owner, len(f.Claims))
	for i, c := range f.Claims {
		owners[i] = c.Owner
	}
	// Which side is to change first depends on what was linted, not on the
	// conflict.
	slices.SortFunc(owners, compareOwners)
	for _, o := range slices.Compact(owners) {
		fields = append(fields, o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property)
	}
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	return hex.EncodeToString(sum[:])
}
