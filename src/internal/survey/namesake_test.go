//go:build !race

package survey

import (
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// TestNamesake: which of two directors of one name are one.
func TestNamesake(t *testing.T) {
	at := func(address string, proxy bool) fleet.ReachedAt {
		a := netip.MustParseAddr(address)
		return fleet.ReachedAt{Block: bosh.Block{Range: netipx.IPRangeFrom(a, a)}, Proxy: proxy}
	}
	here, elsewhere, proxy := at("10.0.0.6", false), at("10.0.0.7", false), at("10.0.0.6", true)
	web, other := []string{"web", "db"}, []string{"cf"}
	for name, test := range map[string]struct {
		reached []fleet.ReachedAt
		uuid    string
		own     []string
		pushed  snapshot.Names
		same    bool
	}{
		"one UUID":                           {[]fleet.ReachedAt{elsewhere}, "u", other, snapshot.Names{UUID: "u", AnswersAt: []string{"10.0.0.6"}, Deployments: web}, true},
		"two UUIDs":                          {[]fleet.ReachedAt{here}, "v", web, snapshot.Names{UUID: "u", AnswersAt: []string{"10.0.0.6"}, Deployments: web}, false},
		"files alone, the same":              {nil, "", web, snapshot.Names{Deployments: web}, true},
		"files alone, one is new":            {nil, "", []string{"new", "db"}, snapshot.Names{UUID: "u", Deployments: web}, true},
		"files alone, nothing in common":     {nil, "", other, snapshot.Names{UUID: "u", Deployments: web}, false},
		"a snapshot, pushed were files":      {nil, "u", other, snapshot.Names{Deployments: web}, false},
		"nothing in common, at one address":  {[]fleet.ReachedAt{here}, "", other, snapshot.Names{AnswersAt: []string{"10.0.0.6"}, Deployments: web}, true},
		"the same names, elsewhere":          {[]fleet.ReachedAt{elsewhere}, "", web, snapshot.Names{AnswersAt: []string{"10.0.0.6"}, Deployments: web}, false},
		"a proxy is no director":             {[]fleet.ReachedAt{proxy}, "", other, snapshot.Names{AnswersAt: []string{"10.0.0.6"}, Deployments: web}, false},
		"no deployments here":                {nil, "", nil, snapshot.Names{Deployments: web}, true},
		"no deployments there":               {nil, "", web, snapshot.Names{}, true},
		"the same names, address not pushed": {[]fleet.ReachedAt{here}, "", web, snapshot.Names{Deployments: web}, true},
	} {
		if why := namesake(&fleet.Sources{Reached: test.reached}, test.uuid, test.own, test.pushed); (why == "") != test.same {
			t.Errorf("%s: %q", name, why)
		}
	}
}
