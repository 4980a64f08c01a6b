package survey

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// defaultConfig is the name of a config that was uploaded without one.
const defaultConfig = "default"

// replacedConfigs are the ids of the latest cloud-configs of a snapshot that files
// stand in place of. A file with a name stands for the config of that name; one
// without for all that have something in common with it, since a director refuses
// two of one name, else for the one called default. What no file stands for counts
// beside the files. A file that cannot be read, or whose lists hide, may stand for
// any config, and so for all.
func replacedConfigs(files []text, s *snapshot.Snapshot) map[string]bool {
	replaced := map[string]bool{}
	replace := func(is func(snapshot.Config) bool) (some bool) {
		for _, c := range s.CloudConfigs {
			if c.Latest && is(c) {
				replaced[c.ID], some = true, true
			}
		}
		return some
	}
	for _, e := range files {
		if e.Name != "" {
			replace(func(c snapshot.Config) bool { return c.Name == e.Name && c.Team == "" })
			continue
		}
		if e.Document == nil {
			return everyConfig(s) // it cannot be read, which is told where the files are
		}
		own, hides := definitions(e.Document)
		if hides {
			return everyConfig(s)
		}
		common := replace(func(c snapshot.Config) bool { return c.Content.Document == nil || own.meet(c.Content.Document) })
		if !common {
			replace(func(c snapshot.Config) bool { return c.Name == defaultConfig && c.Team == "" })
		}
	}
	return replaced
}

func everyConfig(s *snapshot.Snapshot) map[string]bool {
	all := map[string]bool{}
	for _, c := range s.CloudConfigs {
		all[c.ID] = true
	}
	return all
}

// definedKeys are those of the lists whose items have names: of cloud-configs, and of
// runtime configs.
var definedKeys = []string{"azs", "networks", "vm_types", "vm_extensions", "disk_types", "addons"}

// defined is what a config defines, by kind and name.
type defined map[[2]string]bool

// definitions are those of one config; hides says that some are not known.
func definitions(doc *source.Document) (own defined, hides bool) {
	own = defined{}
	for _, key := range definedKeys {
		list := doc.Root().Field(key)
		if list.Present() && !list.IsList() {
			own[[2]string{key}] = true
		}
		hides = hides || list.IsScalar() && strings.Contains(list.Text(), "((")
		for _, item := range list.Items() {
			name := item.Field("name").Text()
			hides = hides || item.IsScalar() && strings.Contains(item.Text(), "((") || strings.Contains(name, "((")
			own[[2]string{key, sameName(key, name)}] = true
		}
	}
	if doc.Root().Has("compilation") {
		own[[2]string{"compilation"}] = true // a director takes one
	}
	return own, hides
}

// sameName is what two names of a kind have in common if a director takes them for
// one (deployment_plan/cloud_manifest_parser.rb: networks by their canonical name).
func sameName(key, name string) string {
	if key == "networks" {
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	}
	return name
}

func (d defined) meet(doc *source.Document) bool {
	others, _ := definitions(doc)
	for definition := range others {
		if d[definition] {
			return true
		}
	}
	return false
}
