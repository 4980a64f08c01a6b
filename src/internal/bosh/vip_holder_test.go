//go:build !race

package bosh

import (
	"fmt"
	"strings"
	"testing"
)

// TestWholeMapsThatHide puts a variable in the place of the whole map of everything that is
// known to hold virtual addresses, by whatever table, wherever properties stand: it is always
// told. A password beside it never is.
func TestWholeMapsThatHide(t *testing.T) {
	type whole struct{ job, property, pattern string }
	var list []whole
	for _, holder := range holders {
		list = append(list, whole{"x", holder, ""}, whole{holder, holder, ""}, whole{"my-" + holder + "-2", "my_" + holder, ""}, whole{"x", strings.ToUpper(holder), ""})
	}
	for _, pattern := range append([]string{"x/frontend.address", "ha.front.address", "ha.*.address"}, routerPatterns()...) {
		job, names, narrowed := strings.Cut(pattern, "/")
		if !narrowed {
			job, names = "x", pattern
		}
		job = strings.ReplaceAll(job, "*", "a")
		for above := names; strings.Contains(above, "."); {
			above = above[:strings.LastIndex(above, ".")]
			if !strings.HasSuffix(above, "*") {
				list = append(list, whole{job, above, pattern})
			}
		}
	}
	for _, w := range list {
		parts := strings.Split(w.property, ".")
		properties := "{password: ((p)), certificate: {ca: ((c))}, " + strings.Join(parts, ": {") + ": ((v))" + strings.Repeat("}", len(parts))
		for _, manifest := range []string{
			"instance_groups: [{name: g, jobs: [{name: %[1]s, properties: %[2]s}]}]",
			"instance_groups: [{name: g, jobs: [{name: %[1]s}], properties: %[2]s}]",
			"{instance_groups: [{name: g, jobs: [{name: %[1]s}]}], properties: %[2]s}",
			"addons: [{name: a, jobs: [{name: %[1]s, properties: %[2]s}]}]",
			"addons: [{name: a, jobs: [{name: %[1]s}], properties: %[2]s}]",
		} {
			text := fmt.Sprintf(manifest, w.job, properties)
			patterns := DefaultPatterns()
			if p, err := ParsePattern(w.pattern); err == nil && w.pattern != "" {
				patterns.Find = append(patterns.Find, p)
			}
			vips, err := FindVIPs(parseText(t, "manifest.yml", text).Root(), patterns)
			if err != nil || len(vips.Gaps) != 1 || len(vips.Unresolved) != 1 || vips.Gaps[0].Variable != "v" {
				t.Errorf("%s\nwith %q: %+v, %v", text, w.pattern, vips, err)
			}
		}
	}
}

func routerPatterns() []string {
	var list []string
	for _, r := range routerProperties {
		list = append(list, r.pattern())
	}
	return list
}
