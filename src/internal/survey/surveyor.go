package survey

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// surveyor gathers what one director's files say.
type surveyor struct {
	problems []lint.Problem
	hidden   []lint.Hidden
	failures []trouble.Trouble
	// unread are sources of the director that could not be read.
	unread  []claims.Unread
	targets lint.Targets
	// predicted holds what each deploy would take.
	predicted []Prediction
}

// needsSnapshot reports whether what files tell of the director says little without
// its snapshot: what they say fits into what the director has, or is judged.
// Create-env manifests stand for themselves.
func (d *Director) needsSnapshot() bool {
	return len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments) > 0 || d.hasTarget()
}

// options say how the director reads.
func (d *Director) options() bosh.Options {
	return bosh.Options{
		DirectorVersion: d.Version, IgnoreMissingGateway: d.IgnoreMissingGateway, ManagedNetworks: d.ManagedNetworks,
		NoConfigServer: d.NoConfigServer,
	}
}

// cpi is the name of the director's CPI: as the fleet file, the director itself
// or the manifest of its own VM tells it; empty where none does.
func (d *Director) cpi(createEnvs []*bosh.Manifest) string {
	names := []string{d.CPI}
	if d.live != nil {
		names = append(names, d.live.head.Director.CPI)
	}
	for _, m := range createEnvs {
		names = append(names, m.DirectorCPI)
	}
	return cmp.Or(names...)
}

// director turns one director's files into claims, and notes what is wrong.
func (s *surveyor) director(files *directorFiles) (d claims.Director) {
	d = claims.Director{Name: files.Name, Addresses: files.Addresses}
	defer s.number(files)
	s.unread = append(s.unread, files.lost...)
	defer func() { d.Unread = s.unread }()
	past := setPastAside(&files.deployments) // names of create-env manifests are guarded by nobody
	s.warnOneName(files)
	createEnvs := s.manifests(files.Name, claims.CreateEnvSource, files.createEnvs)
	for _, m := range createEnvs {
		d.CreateEnvs = append(d.CreateEnvs, m.read)
	}
	opts := files.options()
	opts.DirectorIPs = directorIPs(files.Addresses, d.CreateEnvs)
	var ofConfig []bosh.Problem
	d.CPI = files.cpi(d.CreateEnvs)
	var vips bosh.VIPs
	d.CloudConfig, vips, ofConfig = s.cloudConfigs(files, opts)
	ofRuntime := s.runtimeConfigs(files)
	d.CloudVIPs = append(vips.Found, ofRuntime.Found...)
	d.CloudGaps = append(vips.Gaps, ofRuntime.Gaps...)
	deployments := s.manifests(files.Name, claims.DeploymentSource, files.deployments)
	for _, m := range deployments {
		d.Deployments = append(d.Deployments, m.read)
	}
	s.report(files.Name, "", ofConfig, nil)
	d.Leases, d.Indexes = files.leases(deployments), files.indexes()
	d.Views = files.otherViews(opts, past, deployments)
	teams := s.teams(files, ofConfig, opts)
	d.Views = append(teams.views(d.Views), d.Views...)
	if files.judged {
		s.checkEach(files, d.CloudConfig, teams, past, deployments, opts)
		s.report(files.Name, "", bosh.CheckNetworks(d.CloudConfig, whole(files, d.Deployments), opts), nil)
		s.report(files.Name, "", deploy.CheckCompilation(d.CloudConfig, opts), nil)
	}
	for _, m := range createEnvs {
		s.report(files.Name, m.read.Name, m.problems, m.hidden)
	}
	s.missingSources(files)
	return d
}

// whole returns the manifests if they are all that the director has: those of a
// fleet file, all of which could be read.
func whole(files *directorFiles, read []*bosh.Manifest) []*bosh.Manifest {
	if !files.At.IsValid() || len(read) != len(files.deployments) {
		return nil
	}
	return read
}

// check deploys the manifests to the director's networks, one after the other,
// and reports what the director would say to each, after what it had before. What
// is judged comes last: a director knows the others already. A run that judges
// some deployments leaves the others as the director told them.
func (s *surveyor) check(files *directorFiles, cc *bosh.CloudConfig, past deploy.Past, list []manifest, opts bosh.Options) {
	slices.SortStableFunc(list, func(a, b manifest) int { return lastIf(a.entry.Target) - lastIf(b.entry.Target) })
	someJudged := slices.ContainsFunc(list, func(m manifest) bool { return m.entry.Target }) &&
		!slices.ContainsFunc(files.CloudConfigs, func(e Entry) bool { return e.Target })
	var played []manifest
	var read []*bosh.Manifest
	for _, m := range list {
		unknown := cc == nil && m.read.Form == bosh.V2 // its networks are, which is said elsewhere
		stays := someJudged && !m.entry.Target && files.isTold(m.name())
		if unknown || stays {
			s.report(files.Name, m.read.Name, m.problems, m.hidden)
			continue
		}
		played, read = append(played, m), append(read, m.read)
	}
	for i, outcome := range deploy.CheckAll(cc, read, past, opts) {
		m := played[i]
		problems := slices.Concat(m.problems, outcome.Problems)
		if !m.entry.Deployed {
			problems = append(problems, deploy.CheckNICGroups(cc, m.read, outcome.Addresses)...)
		}
		bosh.Sort(problems)
		s.report(files.Name, m.read.Name, problems, m.hidden)
		for _, doubt := range outcome.Doubts {
			s.failures = append(s.failures, trouble.Trouble{
				Message: doubt.Message, At: doubt.At,
				Hint: "give the instances their VMs back, or delete them: bosh cloud-check; then ipguard collect " + files.Name,
			})
		}
		s.predicted = append(s.predicted, Prediction{Director: files.Name, Deployment: m.read.Name, Target: m.entry.Target, Addresses: outcome.Addresses})
	}
}

func lastIf(target bool) int {
	if target {
		return 1
	}
	return 0
}

// manifests notes failures and returns the manifests that could be read.
func (s *surveyor) manifests(director string, source claims.Source, list []manifest) []manifest {
	var readable []manifest
	for _, m := range list {
		s.cannotRead(source, m.entry.Name, m.entry.Target, m.failures)
		if m.read == nil {
			s.report(director, "", m.problems, m.hidden)
			if m.entry.Target && m.entry.Name != "" { // without a name nothing can be said of it but that
				s.targets.Owners = append(s.targets.Owners, plan.Owner{Director: director, Deployment: m.entry.Name})
			}
			continue
		}
		if m.entry.Name != "" {
			m.read.Name = m.entry.Name
		}
		if m.entry.Target {
			s.targets.Owners = append(s.targets.Owners, plan.Owner{Director: director, Deployment: m.read.Name})
		}
		readable = append(readable, m)
	}
	return readable
}

// cloudConfigs reads a director's cloud-configs together, as it merges them.
func (s *surveyor) cloudConfigs(files *directorFiles, opts bosh.Options) (*bosh.CloudConfig, bosh.VIPs, []bosh.Problem) {
	var docs []source.Value
	var vips bosh.VIPs
	for _, c := range files.cloudConfigs {
		s.cannotRead(claims.CloudConfigSource, "", c.entry.Target, c.failures)
		if c.doc != nil {
			docs = append(docs, c.doc.Root())
		}
		if c.entry.Target {
			s.targets.Owners = append(s.targets.Owners, plan.Owner{Director: files.Name})
		}
	}
	if len(docs) == 0 {
		return nil, vips, nil
	}
	cc, problems, hidden := bosh.ReadCloudConfigs(docs, opts)
	for _, doc := range docs {
		found, err := bosh.FindCloudConfigVIPs(doc)
		if err != nil {
			s.cannotRead(claims.RuntimeConfigSource, "", false, []trouble.Trouble{failure(err, place.Place{})})
		}
		vips.Found, vips.Gaps = append(vips.Found, found.Found...), append(vips.Gaps, found.Gaps...)
		hidden = append(hidden, found.Unresolved...)
	}
	bosh.Sort(problems)
	s.report(files.Name, "", nil, hidden)
	return cc, vips, problems
}

// cannotRead notes a source that could not be read.
func (s *surveyor) cannotRead(source claims.Source, deployment string, judged bool, failures []trouble.Trouble) {
	for _, f := range failures {
		s.unread = append(s.unread, claims.Unread{Source: source, Deployment: deployment, Reason: plan.Unreadable, Judged: judged, Message: f.Message, Hint: f.Hint, Excerpt: f.Excerpt, At: f.At})
	}
}

func (s *surveyor) report(director, deployment string, problems []bosh.Problem, hidden []bosh.Unresolved) {
	for _, p := range problems {
		s.problems = append(s.problems, lint.Problem{Director: director, Deployment: deployment, Problem: p})
	}
	for _, h := range hidden {
		s.hidden = append(s.hidden, lint.Hidden{Director: director, Deployment: deployment, Unresolved: h})
	}
}

// number gives the refusals of a director their order: that of the director for
// the cloud-configs together with one manifest; where there are several, one
// manifest after the other.
func (s *surveyor) number(files *directorFiles) {
	list := s.problems
	if len(files.deployments) == 1 {
		bosh.SortBy(list, func(p lint.Problem) bosh.Problem { return p.Problem })
	}
	order := 0
	for i := range list {
		if list[i].Refusal() {
			order++
			list[i].Order = order
		}
	}
}

// setPastAside takes out the manifests that another one of the same name stands
// for, a linted one or, for one that the director told of, any file; and returns
// them. A changed manifest is not in conflict with its own past. To a director
// that past is what it deployed before.
func setPastAside(list *[]manifest) []manifest {
	const deployed, file, linted = 0, 1, 2
	rank := func(m manifest) int {
		switch {
		case m.entry.Target:
			return linted
		case m.entry.Deployed:
			return deployed
		}
		return file
	}
	highest := map[string]int{}
	for _, m := range *list {
		if m.read != nil {
			highest[m.name()] = max(highest[m.name()], rank(m))
		}
	}
	var past []manifest
	*list = slices.DeleteFunc(*list, func(m manifest) bool {
		replaced := m.read != nil && rank(m) < highest[m.name()]
		if replaced {
			past = append(past, m)
		}
		return replaced
	})
	return past
}

func (m manifest) name() string {
	if m.entry.Name != "" {
		return m.entry.Name
	}
	return m.read.Name
}

// directorIPs are the addresses of the director's machine: those that the fleet
// file tells, and those of a create-env VM that runs the director.
func directorIPs(declared []bosh.Block, createEnvs []*bosh.Manifest) []netip.Addr {
	var list []netip.Addr
	add := func(blocks []bosh.Block) {
		for _, b := range blocks {
			if b.Range.From() == b.Range.To() {
				list = append(list, b.Range.From())
			}
		}
	}
	add(declared)
	for _, m := range createEnvs {
		add(claims.DirectorMachine(m))
	}
	return list
}

// missingSources says what keeps a director from being judged at all.
func (s *surveyor) missingSources(files *directorFiles) {
	of := "director " + files.Name
	if files.Name == "" {
		of = "this deployment"
	}
	switch {
	case len(files.CloudConfigs)+len(files.Deployments)+len(files.CreateEnvs) == 0:
		if files.Unresolved || files.Snapshot != nil {
			return
		}
		s.cannotRead(claims.DirectorSource, "", false, []trouble.Trouble{{
			Message: fmt.Sprintf("%s has no source: nothing is known of its addresses", of), At: files.At,
			Hint: "name its cloud_configs, deployments, create_env or snapshot in the fleet file",
		}})
	case len(files.CloudConfigs) == 0:
		for _, m := range files.deployments {
			if m.read != nil && m.read.Form == bosh.V2 {
				s.cannotRead(claims.CloudConfigSource, "", false, []trouble.Trouble{{
					Message: fmt.Sprintf("no cloud-config of %s is given: its networks are unknown", of), At: m.read.NameAt,
					Hint: "name it in cloud_configs of the fleet file, or pass -c FILE",
				}})
				return
			}
		}
	}
}

// warnOneName tells of files that are manifests of one deployment: its director
// has one of them, and which one, nobody knows. Both count.
func (s *surveyor) warnOneName(files *directorFiles) {
	first := map[string]manifest{}
	for _, m := range files.deployments {
		if m.read == nil || m.entry.Deployed || m.name() == "" {
			continue
		}
		if _, hidden := bosh.VariableIn(m.name()); hidden {
			continue
		}
		other, twice := first[m.name()]
		if !twice {
			first[m.name()] = m
			continue
		}
		s.report(files.Name, m.name(), []bosh.Problem{{
			Rule: bosh.RuleDuplicateName, Warning: true, At: m.read.NameAt,
			Message: fmt.Sprintf("director %s has two manifests of deployment %q, this one and %s: it deploys one in the place of the other", files.Name, m.name(), other.entry.Path),
			Cure:    "give one of the two another name, or take it out of the fleet file",
		}}, nil)
	}
}
