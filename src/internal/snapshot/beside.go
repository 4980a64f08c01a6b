package snapshot

import (
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

// A server that asks a director itself does not have the files of the team, and the team
// that has them may not be able to ask the director. Both together are one snapshot: files
// stand in the place of what they replace, as they do in a team's own fleet file.

// FilesOf is what files promise in a snapshot of both; nil where there is none of them.
func (s *Snapshot) FilesOf() *Snapshot {
	if s.Settings.Files == nil {
		return nil
	}
	files := &Snapshot{Head: Head{Collected: s.Collected, Director: s.Director, Kept: s.Settings.Files.Kept}, CreateEnvs: s.CreateEnvs, Settings: s.Settings}
	files.Settings.Files = nil
	files.CloudConfigs, files.RuntimeConfigs = ofFiles(s.CloudConfigs), ofFiles(s.RuntimeConfigs)
	for i := range s.Deployments {
		if d := &s.Deployments[i]; d.Promise != NoPromise {
			files.Deployments = append(files.Deployments, Deployment{Name: d.Name, Manifest: d.Manifest, At: d.At})
		}
	}
	return files
}

// FromFile reports whether a config is of a team's files, by its id.
func (c *Config) FromFile() bool { return strings.HasPrefix(c.ID, fromFile) }

// fromFile begins the ids of configs that are of files; directors have numbers.
const fromFile = "file-"

func ofFiles(list []Config) []Config {
	return slices.DeleteFunc(slices.Clone(list), func(c Config) bool { return !c.FromFile() })
}

// Beside is what a director said, with what files promise that by pushed. What files of
// before promised is not in it; of a deployment whose manifest they replaced, that
// manifest is what is known until the director is asked again.
func (s *Snapshot) Beside(files *Snapshot, by string) *Snapshot {
	both := *s
	both.Settings, both.CreateEnvs = files.Settings, files.CreateEnvs
	both.Settings.Files = &Files{By: by, Kept: files.Kept}
	if both.Settings.VIPs == nil { // an older program did not tell: what it looked for counts
		both.Settings.VIPs = &VIPProperties{Add: (&Snapshot{Head: Head{Kept: files.Kept}}).Patterns(bosh.Patterns{}).Find}
	}
	both.Kept = s.Kept.and(files.Kept)
	both.CloudConfigs, both.RuntimeConfigs = besides(s.CloudConfigs, files.CloudConfigs), besides(s.RuntimeConfigs, files.RuntimeConfigs)
	both.Deployments = slices.DeleteFunc(slices.Clone(s.Deployments), func(d Deployment) bool { return d.Promise == PromisedWholly })
	for i := range both.Deployments {
		both.Deployments[i].Promise = NoPromise
	}
	for _, d := range files.Deployments {
		i := slices.IndexFunc(both.Deployments, func(o Deployment) bool { return o.Name == d.Name })
		if i < 0 {
			both.Deployments = append(both.Deployments, Deployment{Name: d.Name, Manifest: d.Manifest, Promise: PromisedWholly})
			continue
		}
		o := &both.Deployments[i]
		o.Manifest, o.Pinned, o.Promise = d.Manifest, nil, PromisedManifest
	}
	return &both
}

// besides are the configs of a director with those of files in the place of the latest;
// those that deployments are pinned to stay. Where files of before had taken their place,
// the latest are those with the largest ids.
func besides(of, files []Config) []Config {
	list := slices.DeleteFunc(slices.Clone(of), func(c Config) bool { return c.FromFile() })
	replaced := len(list) < len(of)
	for i := range list {
		c := &list[i]
		switch {
		case len(files) > 0:
			c.Latest = false
		case replaced:
			c.Latest = !slices.ContainsFunc(list, func(o Config) bool { return o.Name == c.Name && o.Team == c.Team && compareIDs(o.ID, c.ID) > 0 })
		}
	}
	return append(list, files...)
}

// and is what was kept of both.
func (kept Kept) and(other Kept) Kept {
	both := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
	}
	return Kept{
		VIPProperties: both(kept.VIPProperties, other.VIPProperties), CloudProperties: both(kept.CloudProperties, other.CloudProperties),
		RouterIDs: kept.RouterIDs && other.RouterIDs, Types: kept.Types && other.Types,
	}
}
