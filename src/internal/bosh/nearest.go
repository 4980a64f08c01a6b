package bosh

import (
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/spelling"
)

// NearestCure proposes the nearest name, or lists what there is.
func NearestCure(name string, names []string) string {
	if near, ok := spelling.Nearest(name, names); ok {
		return "did you mean " + near + "?"
	}
	if len(names) == 0 {
		return ""
	}
	const most = 12
	list := slices.Clone(names[:min(len(names), most)])
	if len(names) > most {
		list = append(list, "…")
	}
	return "defined are: " + strings.Join(list, ", ")
}

// NetworkNames are the names that are written in the cloud-config.
func (cc *CloudConfig) NetworkNames() []string {
	var names []string
	for _, n := range cc.Networks {
		if n.At.IsValid() {
			names = append(names, n.Name)
		}
	}
	return names
}
