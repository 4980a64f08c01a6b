package bosh

import (
	"fmt"
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
)

func TestRouters(t *testing.T) {
	for text, want := range map[string]string{
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: 51}}}`:                 "51",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: "51"}}}`:               "51",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8}}}`:                                        "1 default",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: ~}}}`:                  "1 default",
		`{name: keepalived, properties: {keepalived: {vip: 10.0.0.8, virtual_router_id: ((id))}}}`:             "0",
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
		for _, v := range vips.Found {
			if got += fmt.Sprint(" ", v.Router.ID); v.Router.Default {
				got += " default"
			}
		}
		if got != " "+want {
			t.Errorf("%s: got%s, want %s", text, got, want)
		}
	}
}
