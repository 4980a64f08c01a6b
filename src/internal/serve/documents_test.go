//go:build !race

package serve_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestKeysAreTold: docs/server.md shows the keys of the configuration, and tells every scope.
func TestKeysAreTold(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	told := func(text string) {
		t.Helper()
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/server.md does not have %s", text)
		}
	}
	for _, of := range []reflect.Type{reflect.TypeFor[serve.Config](), reflect.TypeFor[serve.TLS](), reflect.TypeFor[serve.Login](), reflect.TypeFor[serve.Collect]()} {
		for i := range of.NumField() {
			if key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); key != "-" {
				told(key + ":")
			}
		}
	}
	for _, scope := range []string{accounts.Read, accounts.Admin, accounts.BookFor("NAME"), accounts.PushFor("NAME")} {
		told("| `" + scope + "` |")
	}
}
