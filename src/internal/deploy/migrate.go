package deploy

import "github.com/ipguard/ipguard/src/internal/bosh"

// migrate returns the instances that a group takes over from the deployment's
// past: those of its own name and of migrated_from
// (deployment_plan/job_migrator.rb).
func (r *run) migrate(g *plannedGroup, past *deployment) []*instance {
	var existing []*instance
	taken := map[string]bool{}
	take := func(name string, accept func(*instance) bool) {
		if past == nil || taken[name] {
			return
		}
		taken[name] = true
		for _, i := range past.byGroup[name] {
			if accept(i) {
				existing = append(existing, i)
			}
		}
	}
	take(g.Name, func(*instance) bool { return true })
	for _, from := range g.MigratedFrom {
		r.checkMigration(g, from)
		take(from.Name, func(i *instance) bool { return r.canMigrate(g, from, i) })
	}
	return existing
}

const classMigration = "DeploymentInvalidMigratedFromJob"

// checkMigration reports a source that is still in the manifest or that two
// groups claim. The group is not planned then: what it lacks follows from that.
func (r *run) checkMigration(g *plannedGroup, from bosh.Migration) {
	if r.sources == nil {
		r.sources = migrationSources(r.m)
	}
	source := r.sources[from.Name]
	if source.present && from.Name != g.Name {
		g.sound = false
		r.Add(bosh.RuleMigratedFrom, classMigration, from.At, "%q migrates from %q, which is still in the manifest", g.Name, from.Name).
			WithCure("remove the instance group %s", from.Name)
	}
	if source.claims > 1 {
		g.sound = false
		r.Add(bosh.RuleMigratedFrom, classMigration, from.At, "%q migrates from %q, and so does another instance group", g.Name, from.Name)
	}
}

// migrationSource is a name that migrated_from of some group gives.
type migrationSource struct {
	present bool // it is a group of the manifest itself
	claims  int  // by how many groups
}

func migrationSources(m *bosh.Manifest) map[string]migrationSource {
	sources := map[string]migrationSource{}
	for _, g := range m.Groups {
		counted := map[string]bool{}
		for _, from := range g.MigratedFrom {
			if s := sources[from.Name]; !counted[from.Name] {
				counted[from.Name] = true
				s.claims++
				sources[from.Name] = s
			}
		}
	}
	for _, g := range m.Groups {
		if s, ok := sources[g.Name]; ok {
			s.present = true
			sources[g.Name] = s
		}
	}
	return sources
}

// canMigrate reports whether the zones of source and target fit.
func (r *run) canMigrate(g *plannedGroup, from bosh.Migration, i *instance) bool {
	switch {
	case i.az == "" && from.AZ == "" && len(g.AZs) > 0:
		g.sound = false
		r.Add(bosh.RuleMigratedFrom, classMigration, from.At, "%q migrates from %q, whose instances have no availability zone, and does not name one", g.Name, from.Name).
			WithCure("%s", migratedFrom(from.Name, g.AZs[0]))
		return false
	case i.az != "" && from.AZ != "" && i.az != from.AZ:
		g.sound = false
		r.Add(bosh.RuleMigratedFrom, classMigration, from.At, "%q migrates from %q in availability zone %q, and its instances are in %q", g.Name, from.Name, from.AZ, i.az)
		return false
	}
	return true
}

// zoneOf is the zone that an existing instance counts for: its own, or the one
// that migrated_from gives it.
func (g *plannedGroup) zoneOf(i *instance) string {
	if i.az != "" {
		return i.az
	}
	for _, from := range g.MigratedFrom {
		if from.Name == i.group {
			return from.AZ
		}
	}
	return ""
}
