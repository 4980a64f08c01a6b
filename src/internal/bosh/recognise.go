package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/source"
)

// IsCloudConfig reports whether a document is a cloud-config and no manifest:
// it says something about networks or azs and nothing about instances.
func IsCloudConfig(doc source.Value) bool {
	return !hasAny(doc, ofInstances) && hasAny(doc, ofNetworks)
}

// NoCloudConfig says by which key a document is no cloud-config, and which kind of
// document has that key; both are empty where it may be one. A director takes any map,
// and finds nothing in it.
func NoCloudConfig(doc source.Value) (key, what string) {
	if !doc.IsMap() || doc.OpenKey().Present() {
		return "", ""
	}
	for _, key := range ofInstances {
		if doc.Has(key) {
			return key, "a manifest"
		}
	}
	if hasAny(doc, ofNetworks) {
		return "", ""
	}
	for key := range doc.Fields() {
		if key.Text() == "addons" {
			return "addons", "a runtime config"
		}
	}
	for key := range doc.Fields() {
		return key.Text(), ""
	}
	return "", ""
}

// IsRuntimeConfig reports whether a document is a runtime config and no manifest,
// which may have addons as well (runtime_config/runtime_manifest_parser.rb).
func IsRuntimeConfig(doc source.Value) bool {
	return doc.Has("addons") && !doc.Has("name") && !hasAny(doc, ofInstances) && !hasAny(doc, ofNetworks)
}

var (
	ofInstances = []string{"instance_groups", "jobs", "cloud_provider"}
	ofNetworks  = []string{"networks", "azs", "compilation", "vm_types", "vm_extensions", "disk_types"}
)

func hasAny(doc source.Value, keys []string) bool {
	return slices.ContainsFunc(keys, doc.Has)
}

// MayBeRuntimeConfig reports whether a document has a key of a runtime config, or
// none at all.
func MayBeRuntimeConfig(doc source.Value) bool {
	if !doc.IsMap() {
		return false
	}
	keys := 0
	for range doc.Fields() {
		keys++
	}
	return keys == 0 || hasAny(doc, []string{"addons", "releases", "tags", "variables"}) && !hasAny(doc, ofInstances)
}
