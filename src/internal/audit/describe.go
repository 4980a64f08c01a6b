package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Explain says in a clause what is the matter with the addresses.
func (it *Item) Explain() string {
	text := it.explain()
	if len(it.Rivals) > 0 {
		text += ", and " + it.Rivals[0].Who() + " may hand it out"
	}
	return text
}

func (it *Item) explain() string {
	o := it.owner()
	switch it.Reason {
	case AsPromised:
		return "granted to whom it is promised"
	case FromPool:
		return "chosen by the director from the pool that its group has"
	case ByIaaS:
		return "chosen by the IaaS on a dynamic network of the group"
	case MadeByCreateEnv:
		return "made by create-env, and handed out by no director"
	case OtherOwner:
		return "promised to " + it.Promised[0].Who() + " and granted to " + it.Granted[0].Who()
	case GrantedTwice:
		return "granted twice: to " + it.Granted[0].Who() + " and to " + it.Granted[1].Who()
	case Moved:
		return "the file gives " + it.whom() + " " + plan.RangeText(it.Promised[0].Range) + ", and the director still has " + plan.RangeText(it.Granted[0].Range)
	case Withdrawn:
		if o.Deployment == "" {
			return "a config of the director has it, and none of the files does"
		}
		return "the director still has it for " + it.group() + ", whose file does not ask for it"
	case NotHandedOut:
		return "network " + o.Network + ", as it is now, does not hand it out by itself"
	case BookedByOther:
		return it.Promised[0].Who() + ", and granted to " + it.Granted[0].Who()
	case ReleasedInUse:
		return "its booking was given back, and " + it.Granted[0].Who() + " still has it"
	case NeverSeen:
		b := it.Promised[0].Booking()
		return "booked for " + b.For() + " since " + b.Since.UTC().Format(time.DateOnly) + ", and neither promised nor granted to it"
	case NoNetwork:
		return "no network that the files give " + it.group() + " holds it"
	}
	return it.explainOneSided(o)
}

func (it *Item) explainOneSided(o plan.Owner) string {
	switch it.Reason {
	case NoDeployment:
		text := "no file describes deployment " + o.Deployment + " of director " + o.Director
		if it.Elsewhere != "" {
			text += "; director " + it.Elsewhere + " has a file for it, and no such deployment"
		}
		return text
	case NoGroup:
		return "the file of deployment " + o.Deployment + " has no instance group " + o.InstanceGroup
	case NeverDeployed:
		return "director " + o.Director + " has no deployment " + o.Deployment
	case NotYet:
		return "the director does not know of it yet"
	case NoVM:
		return "the deployment is there, and no VM has it"
	case ErrandNotRun:
		return "an errand that has not run yet, so that the director keeps nobody off it"
	case MayBeHandedOut:
		return "made by create-env, which no director knows of"
	case Orphaned:
		text := "a VM still has it that belongs to no instance any more"
		if len(it.Promised) > 0 {
			text += ", and it is promised to " + it.Promised[0].Who()
		}
		return text
	}
	return it.Reason.String()
}

// Cure says in a clause what to do; empty for what is agreed.
func (it *Item) Cure() string {
	o := it.owner()
	switch it.Reason {
	case OtherOwner:
		return it.cureOtherOwner()
	case GrantedTwice:
		return "two machines answer now, or one of them is gone: see who does with ipguard probe, and give one of them another address"
	case BookedByOther:
		return "give it another address (" + lint.BookCommand(it.Promised[0].Booking().Pool, it.Granted[0].OwnerText(), "") + "), or let its owner give back the booking: ipguard release " + plan.RangeText(it.Promised[0].Range)
	case ReleasedInUse:
		return "deploy " + o.Deployment + " without it, or book it again: " + lint.BookCommand(it.Promised[0].Booking().Pool, it.Promised[0].Booking().For(), " --address "+plan.RangeText(it.Promised[0].Range))
	case NeverSeen:
		return either("give it back: ipguard release "+plan.RangeText(it.Range), it.keepOff())
	case Moved:
		return deploy(o) + ", or put the director's address back into the file"
	case Withdrawn:
		return deploy(o) + ", which gives it back, or put it back into the file"
	case NotHandedOut:
		return "deploy " + o.Deployment + ", which moves the VM; until then nobody else may have the address"
	case NoNetwork:
		return "update the cloud-config and deploy " + o.Deployment + ", or put its network back into the file"
	case NoDeployment:
		if it.Elsewhere != "" {
			return "put the file under director " + o.Director + ", or bosh delete-deployment -d " + o.Deployment + " there"
		}
		return "add its manifest to deployments of director " + o.Director + ", or bosh delete-deployment -d " + o.Deployment
	case NoGroup:
		return "deploy " + o.Deployment + ", which deletes the VM; for a group with a new name add migrated_from: [{name: " + o.InstanceGroup + "}] first"
	}
	return it.cureOneSided(o)
}

func (it *Item) cureOneSided(o plan.Owner) string {
	keepOff := it.keepOff()
	switch it.Reason {
	case NeverDeployed, NotYet:
		return either(deploy(o), keepOff)
	case NoVM:
		return either("start or recreate "+o.InstanceGroup+" of "+o.Deployment, keepOff)
	case ErrandNotRun:
		return either("nothing, as long as every other director keeps off it", keepOff)
	case MayBeHandedOut:
		return keepOff
	case Orphaned:
		if len(it.Promised) > 0 {
			return "bosh clean-up --all on director " + it.Granted[0].Owner().Director + " before " + it.Promised[0].Owner().Deployment + " is deployed"
		}
		return "wait for the director's clean-up, or bosh clean-up --all on director " + o.Director
	}
	return ""
}

// keepOff is what keeps a pool off what it may hand out; empty where none may.
func (it *Item) keepOff() string {
	switch {
	case len(it.Rivals) == 0:
		return ""
	case it.Rivals[0].Owner().Director == it.owner().Director:
		return "update the cloud-config of director " + it.owner().Director
	}
	return fmt.Sprintf("reserve it in network %s of director %s", it.Rivals[0].Owner().Network, it.Rivals[0].Owner().Director)
}

// deploy is how what the files say comes to the director.
func deploy(o plan.Owner) string {
	if o.Deployment == "" {
		return "update the config of director " + o.Director
	}
	return "deploy " + o.Deployment
}

func either(first, more string) string {
	if more == "" {
		return first
	}
	return more + ", or " + first
}

// cureOtherOwner depends on who can see the other.
func (it *Item) cureOtherOwner() string {
	p, g := it.Promised[0].Owner(), it.Granted[0].Owner()
	switch {
	case p.Director != g.Director || it.Promised[0].Kind >= plan.CreateEnvVM && it.Promised[0].Kind != plan.VIP:
		return "give one of the two another address (ipguard free): they cannot see each other, and both will answer"
	case p.Deployment == g.Deployment && p.InstanceGroup != g.InstanceGroup:
		return fmt.Sprintf("if %s is the new name of %s, add migrated_from: [{name: %s}] to it; else the next deploy is refused", p.InstanceGroup, g.InstanceGroup, g.InstanceGroup)
	}
	return fmt.Sprintf("free it first: deploy %s without it; until then the director refuses to deploy %s", g.Deployment, p.Deployment)
}

// owner is the owner on the side that has one: the director's first.
func (it *Item) owner() plan.Owner {
	for _, side := range [][]plan.Claim{it.Granted, it.Promised} {
		if len(side) > 0 {
			o := side[0].Owner()
			if it.Reason == NotHandedOut && len(it.Promised) > 0 {
				o.Network = it.Promised[0].Owner().Network
			}
			return o
		}
	}
	return plan.Owner{}
}

// whom is who gets another address, in a word.
func (it *Item) whom() string {
	if o := it.owner(); o.Property != "" {
		return o.Property
	}
	return "the group"
}

func (it *Item) group() string {
	o := it.owner()
	if o.InstanceGroup == "" {
		return "deployment " + o.Deployment
	}
	return o.InstanceGroup + " of deployment " + o.Deployment
}

// Directors are all that have part in the item, sorted.
func (it *Item) Directors() []string {
	var names []string
	for _, side := range [][]plan.Claim{it.Promised, it.Granted, it.Rivals} {
		for _, c := range side {
			switch {
			case c.Owner().Director != "":
				names = append(names, c.Owner().Director)
			case c.Booking() != nil:
				names = append(names, c.Booking().Director())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
