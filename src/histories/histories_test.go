//go:build !race

package main

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestAgreement holds the command line against the recorded histories.
func TestAgreement(t *testing.T) {
	only := "*"
	if sharedtest.Short() {
		only = "*-w00*"
	}
	total, err := replay(sharedtest.Dir(t, "director-histories"), only)
	if err != nil {
		t.Fatal(err)
	}
	if !total.enough() {
		t.Errorf("too little agreement\n%s", total.report(true))
	}
	if c := total.told; c.verdicts.same != c.verdicts.of || c.classes.same != c.classes.of || c.addresses.same != c.addresses.of || c.indexes.same != c.indexes.of {
		t.Errorf("steps that could be told differ\n%s", total.report(false))
	}
	t.Logf("\n%s", total.report(false))
}

// TestDisagreementIsFound: a director that would have said otherwise is noticed, in
// each of the four things.
func TestDisagreementIsFound(t *testing.T) {
	zero, one := 0, 1
	lease := row{Deployment: "d", Group: "a", AZ: "z1", IP: "10.0.0.2", Index: &zero, VM: true}
	accepted := result{Deployment: "d", Accepted: true, Before: []row{lease}, Addresses: []row{lease}}
	refused := result{Deployment: "d", Class: "Bosh::Director::JobUnknownNetwork"}
	right := answer{addresses: []predicted{{Group: "a", AZ: "z1", IP: "10.0.0.2", Index: &zero}}}
	for name, c := range map[string]struct {
		want result
		got  answer
		same bool
	}{
		"as it was":          {accepted, right, true},
		"refused as it was":  {refused, answer{refused: true, class: "JobUnknownNetwork"}, true},
		"should be accepted": {accepted, answer{refused: true, class: "JobUnknownNetwork"}, false},
		"should be refused":  {refused, right, false},
		"another class":      {refused, answer{refused: true, class: "JobMissingNetwork"}, false},
		"another address":    {accepted, answer{addresses: []predicted{{Group: "a", AZ: "z1", IP: "10.0.0.3", Index: &zero}}}, false},
		"another zone":       {accepted, answer{addresses: []predicted{{Group: "a", AZ: "z2", IP: "10.0.0.2", Index: &zero}}}, false},
		"another index":      {accepted, answer{addresses: []predicted{{Group: "a", AZ: "z1", IP: "10.0.0.2", Index: &one}}}, false},
		"no index":           {accepted, answer{addresses: []predicted{{Group: "a", AZ: "z1", IP: "10.0.0.2"}}}, false},
		"open without cause": {accepted, answer{unknown: []string{"whether"}}, false},
	} {
		var total tally
		total.compare(c.want, c.got)
		if got := total.enough(); got != c.same {
			t.Errorf("%s: enough: %v\n%s", name, got, total.report(true))
		}
	}
}
