package bosh

import "github.com/ipguard/ipguard/src/internal/source"

// IsCloudConfig reports whether a document is a cloud-config and no manifest:
// it says something about networks or azs and nothing about instances.
func IsCloudConfig(doc source.Value) bool {
	for _, key := range []string{"instance_groups", "jobs", "cloud_provider"} {
		if doc.Field(key).Present() {
			return false
		}
	}
	for _, key := range []string{"networks", "azs", "compilation", "vm_types", "vm_extensions", "disk_types"} {
		if doc.Field(key).Present() {
			return true
		}
	}
	return false
}
