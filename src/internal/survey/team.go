package survey

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
)

// teamView is what deployments of some teams get: what all get, and the teams'
// own cloud-configs.
type teamView struct {
	cc          *bosh.CloudConfig
	deployments []string
}

type teamViews []teamView

// teams reads the cloud-configs of teams, each set together with what all get. A
// problem of the latter was told already.
func (j *judged) teams(d *documents, told []bosh.Problem, opts bosh.Options) teamViews {
	var list teamViews
	for _, v := range d.live.teams {
		var docs []source.Value
		for _, c := range d.cloudConfigs {
			if c.doc != nil {
				docs = append(docs, c.doc.Root())
			}
		}
		cc, problems, hidden := bosh.ReadCloudConfigs(append(docs, v.docs...), opts)
		problems = slices.DeleteFunc(problems, func(p bosh.Problem) bool {
			return slices.ContainsFunc(told, func(o bosh.Problem) bool { return o.At == p.At && o.Class == p.Class && o.Message == p.Message })
		})
		j.report(d.Name, "", problems, hidden)
		list = append(list, teamView{cc, v.deployments})
	}
	return list
}

// of returns what a deployment of that name gets, or otherwise.
func (t teamViews) of(name string, otherwise *bosh.CloudConfig) *bosh.CloudConfig {
	for _, v := range t {
		if slices.Contains(v.deployments, name) {
			return v.cc
		}
	}
	return otherwise
}

// views are the teams' cloud-configs for the plan, each with the deployments that
// are not pinned to an older one.
func (t teamViews) views(pinned []claims.View) []claims.View {
	var list []claims.View
	for _, v := range t {
		free := slices.DeleteFunc(slices.Clone(v.deployments), func(name string) bool {
			return slices.ContainsFunc(pinned, func(p claims.View) bool { return slices.Contains(p.Deployments, name) })
		})
		list = append(list, claims.View{CloudConfig: v.cc, Deployments: free})
	}
	return list
}

// checkEach checks the manifests against the cloud-config that each of them gets.
func (j *judged) checkEach(d *documents, teams teamViews, past, list []manifest, opts bosh.Options) {
	known := d.pastOf(past, list, opts)
	j.check(d, j.claims.CloudConfig, known, ofView(list, teams, nil), opts)
	for _, v := range teams {
		j.check(d, v.cc, known, ofView(list, teams, v.cc), opts)
	}
}

// ofView returns the manifests that get a team's cloud-config; with nil, those
// that get what all get.
func ofView(list []manifest, teams teamViews, cc *bosh.CloudConfig) []manifest {
	if len(teams) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(m manifest) bool { return teams.of(m.name(), nil) != cc })
}

// runtimeConfigs looks for virtual addresses in the director's runtime configs.
func (j *judged) runtimeConfigs(d *documents) bosh.VIPs {
	var vips bosh.VIPs
	for _, c := range d.runtimeConfigs {
		if c.text.Target {
			j.owners = append(j.owners, plan.Owner{Director: d.Name})
		}
		j.cannotRead(claims.RuntimeConfigSource, "", c.text.Target, c.failures)
		vips.Found, vips.Gaps = append(vips.Found, c.vips.Found...), append(vips.Gaps, c.vips.Gaps...)
		j.report(d.Name, "", c.problems, c.vips.Unresolved)
	}
	return vips
}
