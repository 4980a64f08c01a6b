package survey

import (
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// needsOf counts the addresses that the deployments would take by themselves.
// Compilation VMs are there during one deploy only: the largest number counts.
func needsOf(all []*plan.Subnet, predicted []Prediction) map[*plan.Subnet]int {
	subnets := map[string][]*plan.Subnet{} // by director
	for _, s := range all {
		subnets[s.Director] = append(subnets[s.Director], s)
	}
	needs, workers := map[*plan.Subnet]int{}, map[*plan.Subnet]int{}
	for _, prediction := range predicted {
		compiling := map[*plan.Subnet]int{}
		for _, a := range prediction.Addresses {
			s := subnetOf(subnets[prediction.Director], prediction.Deployment, a)
			switch {
			case s == nil:
			case a.Kind == deploy.DynamicAddress:
				needs[s]++
			case a.Kind == deploy.CompilationAddress:
				compiling[s]++
			}
		}
		for s, n := range compiling {
			workers[s] = max(workers[s], n)
		}
	}
	for s, n := range workers {
		needs[s] += n
	}
	return needs
}

// subnetOf returns the subnet of a director that a deployment's address is taken
// from: one of its cloud-configs, or of the deployment's own networks.
func subnetOf(subnets []*plan.Subnet, deployment string, a deploy.PredictedAddress) *plan.Subnet {
	for _, s := range subnets {
		own := s.Deployment == "" || s.Deployment == deployment
		if own && s.Network == a.Network && s.Range.IsValid() && s.Range.Contains(a.IP.Addr()) {
			return s
		}
	}
	return nil
}
