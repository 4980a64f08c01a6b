package fleet

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

// cloudConfigKeys are the keys that a director reads of a cloud-config
// (cloud_config/cloud_configs_consolidator.rb). Where networks stands for itself,
// so may each of the others: directors take several cloud-configs.
var cloudConfigKeys = []string{"azs", "networks", "vm_types", "vm_extensions", "disk_types", "compilation"}

// Recognise says what a document is to a director, or "": ops files, vars files,
// pipelines and everything else.
func Recognise(root source.Value) Kind {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return root.Has(k) })
	}
	switch {
	case !root.IsMap():
		return ""
	case has("cloud_provider") && has("networks", "instance_groups", "jobs", "resource_pools"):
		return CreateEnv
	case isNamedList(root.Field("instance_groups")) && has("releases", "stemcells"):
		return Deployments
	case isNamedList(root.Field("jobs")) && isNamedList(root.Field("networks")): // the form of 2017
		return Deployments
	case has("instance_groups", "jobs"):
		return ""
	case isNamedList(root.Field("networks")) && has("azs", "vm_types", "compilation"):
		return CloudConfigs
	case isPartOfCloudConfig(root):
		return CloudConfigs
	case isNamedList(root.Field("addons")) && bosh.IsRuntimeConfig(root):
		return RuntimeConfigs
	}
	return ""
}

// isPartOfCloudConfig reports whether root has no keys but those of cloud-configs,
// in the form that they have there.
func isPartOfCloudConfig(root source.Value) bool {
	found := false
	for key, value := range root.Fields() {
		if !slices.Contains(cloudConfigKeys, key.Text()) {
			return false
		}
		isBase := key.Text() == "networks" && value.IsList() && len(value.Items()) == 0 // ops files add them
		if key.Text() != "compilation" && !isNamedList(value) && !isBase {
			return false
		}
		found = found || key.Text() != "compilation" && !isBase
	}
	return found
}

// isNamedList reports whether v is a list of mappings that have a name.
func isNamedList(v source.Value) bool {
	items := v.Items()
	return len(items) > 0 && !slices.ContainsFunc(items, func(item source.Value) bool {
		return !item.Field("name").Present()
	})
}
