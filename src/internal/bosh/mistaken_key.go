package bosh

import (
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// The keys that directors know of a manifest, an instance group, a job in it, and of a
// runtime config and its addons. What else stands there they pass over.
var (
	manifestKeys = []string{
		"name", "director_uuid", "releases", "release", "stemcells", "update", "instance_groups", "jobs", "properties", "addons",
		"variables", "features", "tags", "networks", "compilation", "resource_pools", "disk_pools", "cloud_provider",
		"azs", "vm_types", "vm_extensions", "disk_types",
	}
	groupKeys = []string{
		"name", "instances", "azs", "vm_type", "vm_resources", "vm_extensions", "stemcell", "jobs", "templates", "template", "networks",
		"properties", "persistent_disk", "persistent_disk_type", "persistent_disks", "persistent_disk_pool", "update", "lifecycle",
		"migrated_from", "env", "release", "resource_pool", "tags",
	}
	jobKeys   = []string{"name", "release", "properties", "consumes", "provides", "custom_provider_definitions"}
	addonKeys = []string{"name", "jobs", "properties", "include", "exclude"}
)

// shortForms are last words of keys that people write in the place of others: props and
// job_properties for properties, groups for instance_groups.
var shortForms = map[string]string{"prop": "properties", "props": "properties", "property": "properties", "properties": "properties", "groups": "instance_groups"}

// isMeant reports whether a key that is none of known was meant to be another one: it is
// spelt nearly so, with another separator, in the singular, in short, or with a word before it.
func isMeant(key, meant string, known []string) bool {
	if slices.Contains(known, key) {
		return false
	}
	plain := func(s string) string { return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s)) }
	if plain(key) == plain(meant) || plain(key)+"s" == plain(meant) || strings.TrimSuffix(plain(key), "y")+"ies" == plain(meant) {
		return true
	}
	if words := strings.Split(key, "_"); shortForms[words[len(words)-1]] == meant {
		return true
	}
	near, ok := spelling.Nearest(key, known)
	return ok && near == meant
}

// overlooked searches what stands below a key that was meant to be another one, which
// is not there. Directors pass over it; the virtual addresses that it would hold are a
// gap. Where there are none, nobody is told.
func (f *vipFinder) overlooked(scope propertyScope, parent source.Value, meant string, known []string, search func(v source.Value)) {
	if !parent.IsMap() || parent.Field(meant).Present() {
		return
	}
	for key, value := range parent.Fields() {
		if !isMeant(key.Text(), meant, known) {
			continue
		}
		gap := Gap{Hides: HidesProperties, GroupName: scope.group, Meant: meant, What: scope.describe(meant), At: key.Place()}
		f.asGap(gap, func() { search(value) })
	}
}
