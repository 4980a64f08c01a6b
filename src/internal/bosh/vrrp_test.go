//go:build !race

package bosh

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
)

func TestRouters(t *testing.T) {
	for text, want := range map[string]string{
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: 51}}}`:                 "51",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: "51"}}}`:               "51",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8}}}`:                                        "1 default",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: ~}}}`:                  "1 default",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: ((id))}}}`:             "0 ((id))",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: 256}}}`:                "0",
		`{name: keepalived, properties: {vip: 10.0.0.8, id: 7}}`:                                               "7",
		`{name: keepalived, properties: {vip: 10.0.0.8}}`:                                                      "1 default",
		`{name: kubo-keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: 9}}}`:             "9",
		`{name: web, properties: {vip: 10.0.0.8, id: 7}}`:                                                      "0",
		`{name: web, properties: {keepalived: {vip: 10.0.0.8}}}`:                                               "0",
		`{name: web, properties: {vrrp_instance: {virtual_ipaddress: [10.0.0.8/24], virtual_router_id: 200}}}`: "200",
		`{name: keepalived, properties: {ha: {keepalived: {vip: 10.0.0.8}}}}`:                                  "0",
		`{name: keepalived, properties: {keepalived: {vip: {web: {ip: 10.0.0.8, virtual_router_id: 3}}}}}`:     "0",
		`{name: haproxy, properties: {vrrp_instances: [{vip: 10.0.0.8, vrid: 4}, {vip: 10.0.0.9, vrid: 5}]}}`:  "4 5",
		// A name that hides may be that of each implementation.
		`{name: ((j)), properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: 51}}}`:    "51",
		`{name: ((j)), properties: {keepalived: {vip: 10.0.0.8, vrid: 51}}}`:                 "1 default ((j)) 51 ((j))",
		`{name: ((j)), properties: {vip: 10.0.0.8, id: 7}}`:                                  "7 ((j))",
		`{name: ((j)), properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: ((v))}}}`: "0 ((v))",
		`{name: ((j)), properties: {ha: {keepalived: {vip: 10.0.0.8}}}}`:                     "0",
		`{name: keepalived, properties: {keepalived: {((k)): 10.0.0.8}}}`:                    "1 default ((k))",
		`{name: keepalived, properties: {((k)): {vip: 10.0.0.8}}}`:                           "1 default ((k)) 0",
	} {
		doc, err := source.Parse("m.yml", []byte("instance_groups:\n- {name: g, jobs: ["+text+"]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		vips, err := FindVIPs(doc.Root(), DefaultPatterns())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for v := range vips.Written() {
			if len(v.Routers) == 0 {
				got += " 0"
			}
			for _, r := range v.Routers {
				if got += fmt.Sprint(" ", r.ID); r.Default {
					got += " default"
				}
				if r.Variable != "" {
					got += " ((" + r.Variable + "))"
				}
			}
		}
		if got != " "+want {
			t.Errorf("%s: got%s, want %s", text, got, want)
		}
	}
}

// TestRoutersOfHiddenJobs holds each implementation of the table against a job whose name
// hides, as a whole or in part: the id that it has where nothing is written may be the job's.
func TestRoutersOfHiddenJobs(t *testing.T) {
	for _, p := range routerProperties {
		if p.standard == 0 {
			continue
		}
		names := strings.Split(p.vip, ".")
		properties := strings.Join(names, ": {") + ": 10.0.0.8" + strings.Repeat("}", len(names)-1)
		for _, job := range []string{"((j))", "keep((j))", "((j))lived"} {
			doc, err := source.Parse("m.yml", []byte("instance_groups:\n- {name: g, jobs: [{name: "+job+", properties: {"+properties+"}}]}\n"))
			if err != nil {
				t.Fatal(err)
			}
			vips, err := FindVIPs(doc.Root(), DefaultPatterns())
			if err != nil || len(vips.Found) != 1 {
				t.Fatal(vips, err)
			}
			if !slices.ContainsFunc(vips.Found[0].Routers, func(r Router) bool { return r.ID == p.standard && r.Default && r.Variable == "j" }) {
				t.Errorf("%s of job %s: %+v, want what may be the default %d", p.vip, job, vips.Found[0].Routers, p.standard)
			}
		}
		doc, err := source.Parse("m.yml", []byte("instance_groups:\n- {name: g, jobs: [{name: '"+LeftOut+"', properties: {"+properties+"}}]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		vips, err := FindVIPs(doc.Root(), DefaultPatterns())
		if err != nil || len(vips.Found) != 1 || len(vips.Found[0].Routers) > 0 || len(vips.Gaps) != 1 || len(vips.Gaps[0].Found) != 1 || len(vips.Gaps[0].Found[0].Routers) != 1 {
			t.Errorf("%s of a job whose name was left out: %+v %v, want a gap that has the router", p.vip, vips, err)
		}
	}
}
