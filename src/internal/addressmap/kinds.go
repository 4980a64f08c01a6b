package addressmap

import "github.com/ipguard/ipguard/src/internal/plan"

// look is how a kind of claim is drawn and called.
type look struct {
	kind plan.Kind
	// sign stands for an address of the kind in a bar of text; in the page it
	// tells those in use apart without colour.
	sign rune
	// name is what the legend says, and sentence what one address is said to be,
	// after "is".
	name, sentence string
	// color is an SGR code.
	color string
}

// looks are in the order of the legend: the most telling first, so that of two
// claims on one address the earlier one is drawn.
var looks = []look{
	{plan.Static, 'S', "static address", "a static address", "34"},
	{plan.CreateEnvVM, 'E', "create-env VM", "the VM of create-env", "35"},
	{plan.VIP, 'V', "virtual address", "a virtual address", "36"},
	{plan.DirectorOwn, 'M', "director's machine", "a director's own machine", "35"},
	{plan.Lease, 'L', "lease", "leased", "34"},
	{plan.Orphan, 'O', "orphaned VM", "held by an orphaned VM", "33"},
	{plan.External, 'X', "outside of bosh", "held outside of bosh", "33"},
	{plan.Booked, 'B', "booked", "booked", "36"},
	{plan.Gateway, 'G', "gateway", "a gateway", "1"},
	{plan.DNS, 'N', "DNS server", "a DNS server", "1"},
	{plan.CloudKept, 'K', "kept by the cloud", "kept by the cloud", "2"},
	{plan.StaticPool, 's', "static range", "in a static range", "34"},
	{plan.DynamicPool, 'd', "dynamic pool", "in a dynamic pool", "32"},
	{plan.Compilation, 'c', "dynamic pool, also for compilation", "in the dynamic pool that compilation VMs use too", "32"},
	{plan.Hidden, '?', "may be taken: nobody can see it", "perhaps taken by what nobody can see", "33"},
	{plan.Reserved, '-', "reserved", "reserved", "2"},
}

const (
	signConflict  = '!'
	signOverlap   = '%'
	signUnclaimed = '.'
	signOutside   = ' '
)

func lookOf(k plan.Kind) look {
	for _, l := range looks {
		if l.kind == k {
			return l
		}
	}
	return look{kind: k, sign: '*', name: k.String(), sentence: k.String()}
}
