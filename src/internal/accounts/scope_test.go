//go:build !race

package accounts_test

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestCheckScope: what is taken for a scope gives its bearer something that it names.
func TestCheckScope(t *testing.T) {
	for scope, is := range map[string]bool{
		accounts.Read: true, accounts.Admin: true, accounts.BookFor("red"): true, accounts.PushFor("red.eu"): true, accounts.ApproveFor("vlan-52"): true, accounts.BookFor("*"): true,
		accounts.BookFor("re*"): false, accounts.PushFor("*.eu"): false, accounts.ApproveFor("**"): false, accounts.BookFor(""): false, accounts.BookFor("a b"): false,
		"ipguard.teams.red": false, "ipguard.*": false, "": false,
	} {
		if err := accounts.CheckScope(scope); (err == nil) != is {
			t.Errorf("%q: %v", scope, err)
		}
		if one := (accounts.Actor{Scopes: []string{accounts.BookFor("*")}}); !one.Has(accounts.BookFor("red")) || one.Has(accounts.PushFor("red")) {
			t.Error("* does not stand for all names, or for more")
		}
	}
}
