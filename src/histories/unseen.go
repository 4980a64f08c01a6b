package main

import "strings"

// cpiFailed reports whether the director took the deploy and the IaaS did not.
func (r result) cpiFailed() bool { return strings.Contains(r.Class, "Clouds::") }

// unseen says why a step cannot be told from the director's answers before it,
// proved by the recorded tables; empty where it can.
func (r result) unseen() string {
	for _, b := range r.Before {
		if !b.VM && !b.Orphaned {
			return "leases without a VM, which no answer shows"
		}
	}
	for _, i := range r.Instances {
		if i.Ignore && i.Deployment == r.Deployment {
			return "an ignored instance, which no answer shows"
		}
	}
	if r.Options.Recreate {
		return "deployed with --recreate, which no file says"
	}
	return ""
}
