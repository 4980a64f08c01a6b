package proposal

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/source"
)

// director is a director that a folder seems to stand for.
type director struct {
	folder string
	// environment is what scripts call it by, where one folder has several.
	environment string
	entries     []*entry
	remarks     []string
	// undecided are files that go with one of several directors.
	undecided []string
}

func (g *director) of(kind fleet.Kind) []*entry {
	var list []*entry
	for _, e := range g.entries {
		if e.kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// directors deals the entries out: a manifest goes with the nearest folder that has a
// cloud-config somewhere below it, and a create-env manifest in a folder of its own
// is an environment of its own. Cloud-configs that no director would take together
// become directors of their own.
func (d *draft) directors() []*director {
	deal := &dealer{draft: d, folders: map[string]*director{}}
	deal.manifests()
	deal.configs()
	deal.without()
	deal.createEnvs()
	deal.runtimeConfigs()
	var list []*director
	for _, folder := range sortedKeys(deal.folders) {
		for _, g := range deal.folders[folder].byState() {
			for _, g := range g.byEnvironment() {
				list = append(list, d.separated(g)...)
			}
		}
	}
	for _, g := range list {
		g.remarks = append(g.guess(), g.remarks...)
		d.useGlobs(g)
	}
	return list
}

// fewest is how many files of a folder are worth a glob.
const fewest = 3

// useGlobs names a folder in place of its files where all YAML files in it are files
// of one kind and of this director, without inputs: new ones then count, too.
func (d *draft) useGlobs(g *director) {
	inFolder := map[string]int{}
	for _, file := range d.tree.yaml {
		inFolder[path.Dir(file)]++
	}
	for _, kind := range fleet.Kinds() {
		plain := map[string][]*entry{}
		for _, e := range g.of(kind) {
			if e.inputs.empty() && e.name == "" && len(e.remarks) == 0 && path.Ext(e.file) == ".yml" && !strings.ContainsAny(e.file, "*?[{") {
				plain[path.Dir(e.file)] = append(plain[path.Dir(e.file)], e)
			}
		}
		for folder, entries := range plain {
			if len(entries) < fewest || len(entries) < inFolder[folder] {
				continue
			}
			entries[0].file = path.Join(folder, "*.yml")
			for _, e := range entries[1:] {
				e.covered = true
			}
		}
	}
}

type dealer struct {
	*draft
	folders map[string]*director
}

func (d *dealer) put(folder string, e *entry) {
	if d.folders[folder] == nil {
		d.folders[folder] = &director{folder: folder}
	}
	d.folders[folder].entries = append(d.folders[folder].entries, e)
}

func (d *dealer) each(kind fleet.Kind, do func(*entry)) {
	for _, e := range d.entries {
		if e.kind == kind {
			do(e)
		}
	}
}

func (d *dealer) manifests() {
	d.each(fleet.Deployments, func(e *entry) { d.put(d.nearestWithConfig(e.home), e) })
}

func (d *dealer) configs() {
	d.each(fleet.CloudConfigs, func(e *entry) { d.put(d.innermost(e.home), e) })
}

// without gives manifests whose folder has no cloud-config after all, because those
// below went to directors further down, back to their own folder.
func (d *dealer) without() {
	for _, folder := range sortedKeys(d.folders) {
		if g := d.folders[folder]; len(g.of(fleet.CloudConfigs)) == 0 {
			delete(d.folders, folder)
			for _, e := range g.entries {
				d.put(e.home, e)
			}
		}
	}
}

func (d *dealer) createEnvs() {
	d.each(fleet.CreateEnv, func(e *entry) {
		home := e.home
		if inner := d.innermost(home); d.folders[inner] != nil && len(d.folders[inner].of(fleet.CloudConfigs)) > 0 && isBelow(home, inner) && inner != "." && d.runsDirector(e) {
			home = inner
		}
		d.put(home, e)
	})
}

// runsDirector reports whether the VM of a create-env manifest is a director's.
func (d *dealer) runsDirector(e *entry) bool {
	doc := d.tree.documents[e.file]
	for _, key := range []string{"instance_groups", "jobs"} {
		for _, g := range doc.root.Field(key).Items() {
			for _, list := range []source.Value{g.Field("jobs"), g.Field("templates")} {
				for _, job := range list.Items() {
					if job.Field("name").Text() == "director" {
						return true
					}
				}
			}
		}
	}
	return false
}

func (d *dealer) runtimeConfigs() {
	d.each(fleet.RuntimeConfigs, func(e *entry) {
		folder := d.innermost(e.home)
		if d.folders[folder] == nil {
			d.leave("%s: a runtime config that lies in no director's folder; add it to runtime_configs of those that have it", e.file)
			return
		}
		d.put(folder, e)
	})
}

// nearestWithConfig is the nearest folder, from folder upward, with a cloud-config
// below it, or folder itself if there is none.
func (d *dealer) nearestWithConfig(folder string) string {
	for at := folder; ; at = path.Dir(at) {
		if slices.ContainsFunc(d.entries, func(e *entry) bool { return e.kind == fleet.CloudConfigs && isBelow(e.home, at) }) {
			return at
		}
		if at == "." {
			return folder
		}
	}
}

// innermost is the nearest folder that stands for a director, from folder upward, or
// folder itself.
func (d *dealer) innermost(folder string) string {
	for at := folder; ; at = path.Dir(at) {
		if _, ok := d.folders[at]; ok {
			return at
		}
		if at == "." {
			return folder
		}
	}
}

// byState parts VMs that create-env makes of one manifest (--state): in one director they
// would be one VM.
func (g *director) byState() []*director {
	list := []*director{g}
	seen := map[string]bool{}
	g.entries = slices.DeleteFunc(g.entries, func(e *entry) bool {
		if e.kind != fleet.CreateEnv || e.environment == "" || !seen[e.file] {
			seen[e.file] = seen[e.file] || e.kind == fleet.CreateEnv
			return false
		}
		state := path.Base(e.environment)
		list = append(list, &director{
			folder: g.folder, environment: strings.TrimSuffix(state, path.Ext(state)), entries: []*entry{e},
			remarks: []string{fmt.Sprintf("a VM of its own: create-env makes it of the same manifest by --state %s", printable(e.environment))},
		})
		return true
	})
	return list
}

// byEnvironment parts a director whose files scripts give to several (bosh -e): each has
// what was given to it, and what no call names one for.
func (g *director) byEnvironment() []*director {
	names := map[string]bool{}
	for _, e := range g.entries {
		if e.kind != fleet.CreateEnv && e.environment != "" {
			names[e.environment] = true
		}
	}
	if len(names) < 2 {
		return []*director{g}
	}
	var parts []*director
	for i, name := range sortedKeys(names) {
		part := &director{folder: g.folder, environment: name, remarks: []string{fmt.Sprintf("a director of its own: scripts give it files by -e %s", printable(name))}}
		for _, e := range g.entries {
			if e.kind == fleet.CreateEnv && i > 0 || e.kind != fleet.CreateEnv && e.environment != "" && e.environment != name {
				continue
			}
			own := *e
			part.entries = append(part.entries, &own)
		}
		parts = append(parts, part)
	}
	return parts
}

// separated parts a director whose cloud-configs a director would refuse together.
func (d *draft) separated(g *director) []*director {
	configs := g.of(fleet.CloudConfigs)
	if len(configs) < 2 || !d.clash(configs) {
		return []*director{g}
	}
	var parts []*director
	for _, c := range configs {
		parts = append(parts, &director{folder: strings.TrimSuffix(c.file, path.Ext(c.file)), entries: []*entry{c}})
		alone := !slices.ContainsFunc(configs, func(o *entry) bool { return o != c && o.home == c.home })
		if alone && path.Base(c.home) != path.Base(g.folder) {
			parts[len(parts)-1].folder = c.home
		}
	}
	var undecided []string
	for _, e := range g.entries {
		if e.kind != fleet.CloudConfigs {
			undecided = append(undecided, e.file)
		}
	}
	for _, p := range parts {
		p.undecided = undecided
		p.remarks = []string{fmt.Sprintf("guessed: a director of its own, because no director takes all cloud-configs below %s together", g.place())}
	}
	for _, file := range undecided {
		d.note("%s: it goes with one of the directors below %s; add it to those that have it", file, g.place())
	}
	return parts
}

// clash reports whether two cloud-configs name one thing twice, which a director
// refuses (cloud_config/cloud_configs_consolidator.rb).
func (d *draft) clash(configs []*entry) bool {
	seen := map[string]bool{}
	for _, c := range configs {
		root := d.tree.documents[c.file].root
		mine := map[string]bool{}
		if root.Field("compilation").Present() {
			mine["compilation"] = true
		}
		for _, key := range []string{"azs", "networks", "vm_types", "vm_extensions", "disk_types"} {
			for _, item := range root.Field(key).Items() {
				mine[key+"/"+item.Field("name").Text()] = true
			}
		}
		for name := range mine {
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
	return false
}

// guess says what was guessed and is to be checked.
func (g *director) guess() []string {
	configs, deployments := len(g.of(fleet.CloudConfigs)), len(g.of(fleet.Deployments))
	switch {
	case len(g.remarks) > 0:
		return nil
	case configs > 0 && deployments+len(g.of(fleet.CreateEnv)) > 0:
		return []string{"guessed: one director, because all of this lies below " + g.place()}
	case configs > 0:
		return []string{"guessed: a director; no manifest was found that goes with its cloud-config"}
	case deployments > 0:
		return []string{
			"guessed: a director; no cloud-config was found that goes with its manifests, so",
			"that only those are understood that bring their own networks",
		}
	default:
		return []string{
			"guessed: an environment of its own, because no cloud-config lies in " + g.place(),
			"If this VM is the director of another entry, move it to create_env there.",
		}
	}
}

// shortName is what a person calls what lies in a folder: the folder's name, and that of
// the one around it where a cloud-config's own name says nothing. base names the root.
func shortName(folder, base string) string {
	if folder == "." {
		return base
	}
	name := path.Base(folder)
	if rest, ok := strings.CutPrefix(name, "cloud-config"); ok {
		return shortName(path.Dir(folder), base) + rest
	}
	return name
}

func (g *director) place() string {
	if g.folder == "." {
		return "this folder"
	}
	return g.folder + "/"
}

// names names each director as its own VM does, else after its folder, after the
// whole path where two have one name. base names the root.
func (d *draft) names(directors []*director, base string) []string {
	uses := map[string]int{}
	short := make([]string, len(directors))
	for i, g := range directors {
		short[i] = shortName(g.folder, base)
		if g.environment != "" {
			short[i] = g.environment
		}
		for _, e := range g.of(fleet.CreateEnv) {
			if name, ok := d.value(e, "director_name"); ok {
				short[i] = name
			}
		}
		uses[short[i]]++
	}
	taken := map[string]bool{}
	for i, g := range directors {
		if uses[short[i]] > 1 && g.folder != "." && g.environment == "" {
			short[i] = strings.ReplaceAll(g.folder, "/", "-")
		}
		for taken[short[i]] {
			short[i] += "-"
		}
		taken[short[i]] = true
	}
	return short
}
