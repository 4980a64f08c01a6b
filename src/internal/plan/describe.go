package plan

import (
	"fmt"
	"strings"
)

// Who names the owner of a claim for people: "instance web/0 of deployment cf
// (director promo)".
func (c *Claim) Who() string {
	o := c.Owner()
	switch {
	case c.Kind == Hidden:
		return "what hides" + ofDeployment(o) + ofDirector(o)
	case c.Kind == External:
		return o.Property + " (outside of bosh)"
	case c.Kind == Booked && c.Booking() != nil:
		return c.Booking().who()
	case c.Kind == DirectorOwn:
		return "the machine of director " + o.Director
	case c.Kind == CreateEnvVM:
		return "the create-env VM " + o.Deployment + ofDirector(o)
	case c.Kind == VIP && o.Property != "":
		return "the virtual address " + o.Property + ofDeployment(o) + ofDirector(o)
	case c.Kind == Static && c.Range.From() == c.Range.To():
		if c.Index == NoIndex {
			return "an instance of " + o.InstanceGroup + ofDeployment(o) + ofDirector(o)
		}
		return fmt.Sprintf("instance %s/%d", o.InstanceGroup, c.Index) + ofDeployment(o) + ofDirector(o)
	case c.Kind == Lease && c.Instance() != "" && c.Index == NoIndex:
		return "the VM of " + o.InstanceGroup + "/" + short(c.Instance()) + ofDeployment(o) + ofDirector(o)
	case c.Kind == Lease && c.Instance() != "":
		return fmt.Sprintf("the VM of %s/%d", o.InstanceGroup, c.Index) + ofDeployment(o) + ofDirector(o)
	case c.Kind == Orphan:
		return "an orphaned VM of " + o.InstanceGroup + ofDeployment(o) + ofDirector(o)
	case c.Kind.InUse():
		return "instance group " + o.InstanceGroup + ofDeployment(o) + ofDirector(o)
	case c.Kind == Gateway:
		return "the gateway of network " + o.Network + ofDeployment(o) + ofDirector(o)
	case c.Kind == CloudKept:
		return c.Subnet.Identity.Cloud + ", in network " + o.Network + ofDeployment(o) + ofDirector(o)
	case c.Kind == DNS:
		return "a DNS server of network " + o.Network + ofDeployment(o) + ofDirector(o)
	default:
		return "network " + o.Network + ofDeployment(o) + ofDirector(o)
	}
}

// who is "a booking for promo/web/api (pool web, until 2026-12-10)".
func (b *Booking) who() string {
	what := "a booking for "
	if b.State == BookingResting {
		what = "the rest after a booking for "
	}
	return what + b.For() + " (pool " + b.Pool + ", " + b.Term() + ")"
}

// short is the first part of an instance's id, which is enough to tell it.
func short(id string) string {
	first, _, _ := strings.Cut(id, "-")
	return first
}

func ofDeployment(o Owner) string {
	if o.Deployment == "" {
		return ""
	}
	return " of deployment " + o.Deployment
}

func ofDirector(o Owner) string {
	if o.Director == "" {
		return ""
	}
	return " (director " + o.Director + ")"
}

// Text says what hides, and why: a clause for messages.
func (s *BlindSpot) Text() string {
	switch {
	case s.Message != "":
		return s.Message
	case s.Variable != "":
		return fmt.Sprintf("the variable ((%s)) has no value here and hides %s%s", s.Variable, s.What, ofOwner(s.Owner))
	case s.Reason == Overlooked:
		return fmt.Sprintf("a director passes over this key, and so there is no %s%s", s.What, ofOwner(s.Owner))
	case s.Reason == Withheld:
		return s.What + ofOwner(s.Owner) + " was left out where it was told, since it may not be shown"
	case s.Reason == Ambiguous:
		return s.What + ofOwner(s.Owner) + " is a whole network"
	}
	return s.What + ofOwner(s.Owner) + " cannot be read"
}

func ofOwner(o Owner) string {
	switch {
	case o.Deployment != "" && o.Director != "":
		return " of deployment " + o.Deployment + " (director " + o.Director + ")"
	case o.Deployment != "":
		return " of deployment " + o.Deployment
	case o.Director != "":
		return " of director " + o.Director
	}
	return ""
}
