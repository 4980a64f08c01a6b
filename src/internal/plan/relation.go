package plan

// Foreign reports whether the two claims belong to directors, or to manifests
// with networks of their own, that keep no common list of addresses: neither can
// see what the other does.
func (o Overlap) Foreign() bool {
	switch {
	case o.A.Kind == External || o.B.Kind == External:
		return true
	case o.A.Owner().Director != o.B.Owner().Director:
		return true
	case granted(o.A) && shared(o.B) || granted(o.B) && shared(o.A):
		return false
	default:
		return !o.Contact.OneList && o.A.Owner().Deployment != o.B.Owner().Deployment
	}
}

// granted reports whether the director gave the addresses out itself: they are in
// its list, whatever subnet they once were of.
func granted(c *Claim) bool { return c.Kind == Lease || c.Kind == Orphan }

// shared reports whether a claim is of the director's list, not of a manifest with
// networks of its own.
func shared(c *Claim) bool { return c.Subnet == nil || c.Subnet.Deployment == "" }

// OnWire reports whether the two claims can meet in a segment.
func (o Overlap) OnWire() bool { return o.Contact.Relation != Isolated }

// SameMachine reports whether both claims are one VM that is named twice: the
// director's own address, and the create-env manifest that made it or the instance of
// another director that runs it.
func (o Overlap) SameMachine() bool {
	own, other := o.A, o.B
	if own.Kind != DirectorOwn {
		own, other = other, own
	}
	return own.Kind == DirectorOwn && (own.Owner().Director == other.Owner().Director || other.RunsDirector)
}
