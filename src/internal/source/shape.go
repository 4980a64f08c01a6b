package source

import (
	"strings"
	"sync"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// widest is how many bytes of a broken line are looked at.
const widest = 160

// token is what a line is made of: white space, YAML's own characters, and words.
var token = lazyregexp.New(`\s+|[\[\]{},]|<<<<<<<|=======|>>>>>>>|[^\s\[\]{},]+`)

// readKeys are keys of manifests, cloud-configs and fleet files. No secret is one.
var readKeys = sync.OnceValue(func() map[string]bool {
	keys := map[string]bool{}
	for _, key := range strings.Fields(`
		addons allow availability_zones az azs canaries canary_watch_time cloud_config cloud_configs cloud_properties
		cloud_provider compilation config consumes create_env default deployments directors disk_pools disk_types dns
		external file gateway instance_group instance_groups instances jobs lifecycle manifest max_in_flight migrated_from name
		networks ops_files options os path persistent_disk persistent_disk_type pools properties provides range release
		releases reserved resource_pool resource_pools runtime_configs segments serial sha1 snapshot static static_ip
		static_ips stemcell stemcells subnets tags type update update_watch_time url value variables vars vars_files
		version vm_extensions vm_resources vm_type vm_types workers`) {
		keys[key] = true
	}
	return keys
})

// shapeOf is what may be shown of a line that is no YAML, so that nobody can tell
// key from value in it: indentation, brackets, commas and dashes; keys that manifests
// have, with their colons; addresses. All else may be a secret and is an ellipsis.
// Tabs are arrows, which a person can see.
func shapeOf(line string) string {
	if len(line) > widest {
		line = strings.ToValidUTF8(line[:widest], "")
	}
	var shown strings.Builder
	hidden := false // the token before was
	for i, t := range token().FindAllString(line, -1) {
		switch {
		case strings.TrimSpace(t) == "":
			if i == 0 || !hidden {
				shown.WriteString(strings.ReplaceAll(strings.TrimRight(t, "\r\n"), "\t", "→"))
			}
			continue
		case mayBeShown(t):
			if hidden && !strings.ContainsAny(t, "[]{},") {
				shown.WriteByte(' ')
			}
			shown.WriteString(t)
			hidden = false
			continue
		}
		if !hidden {
			shown.WriteString("…")
		}
		hidden = true
	}
	return strings.TrimRight(shown.String(), " ")
}

// mayBeShown reports whether a token is no value, or one that is no secret.
func mayBeShown(t string) bool {
	if strings.Trim(t, "[]{},<>=-") == "" {
		return true
	}
	return readKeys()[strings.TrimSuffix(t, ":")] || ipaddr.IsText(t)
}
