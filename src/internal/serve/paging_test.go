//go:build !race

package serve_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// whole are the operations whose lists are not told in parts, and why.
var whole = map[string]string{
	"me": "who asks has few scopes", "get-plan": "a plan is judged as a whole", "get-records": "so are the records of a pool",
	"list-free": "number says how many, up to 4096", "list-fences": "there is at most one for each pool, and one for all", "get-pool": "one pool's ranges are as many as its fleet file has",
}

// TestPaging: each list of the API is described as one that is told in parts, and its
// parts are together what it tells at once.
func TestPaging(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	for i := range 3 {
		r.ask(admin, "POST", "/api/v1/pools/promo/bookings", fmt.Sprintf(`{"for": "promo/web-%d/api"}`, i))
		r.token(fmt.Sprintf("one-of-%d", i), accounts.Read)
		r.session(fmt.Sprintf("person-%d", i))
	}
	r.ask(admin, "POST", "/api/v1/import", `{"pools": ["promo"]}`)
	var described struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct {
				Headers map[string]any
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	r.raw("", "GET", "/api/v1/openapi.json", "").into(t, &described)
	lists := 0
	for path, operations := range described.Paths {
		o, ok := operations["get"]
		if !ok || whole[o.OperationID] != "" {
			continue
		}
		answer := o.Responses["200"].Content["application/json"].Schema
		if ref, ok := answer["$ref"].(string); ok {
			answer = described.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]]
		}
		properties, _ := answer["properties"].(map[string]any)
		var arrays []string
		for name, p := range properties {
			if kind := fmt.Sprint(p.(map[string]any)["type"]); strings.Contains(kind, "array") {
				arrays = append(arrays, name)
			}
		}
		if len(arrays) == 0 {
			continue
		}
		lists++
		var parameters []string
		for _, p := range o.Parameters {
			parameters = append(parameters, p.Name)
		}
		_, next := properties["next"]
		_, link := o.Responses["200"].Headers["Link"]
		if !slices.Contains(parameters, "limit") || !slices.Contains(parameters, "after") || !next || !link {
			t.Errorf("%s has lists (%v), and no limit, after, next and Link: %v", o.OperationID, arrays, parameters)
			continue
		}
		path = strings.NewReplacer("{address}", url.PathEscape("10.8.52.0/24")).Replace(path)
		once := map[string][]string{}
		r.follow(admin, path+"?limit=1000", once)
		parts := map[string][]string{}
		several := len(arrays) == 1 && len(once[arrays[0]]) > 1
		if asked := r.follow(admin, path+"?limit=1", parts); several && asked != len(once[arrays[0]]) {
			t.Errorf("%s tells %d in %d parts", path, len(once[arrays[0]]), asked)
		}
		for _, name := range arrays {
			if !slices.Equal(once[name], parts[name]) {
				t.Errorf("%s: %s at once\n%q\nand in parts\n%q", path, name, once[name], parts[name])
			}
		}
		for _, wrong := range []string{"%00", "!!", "-1", "x+y"} {
			if a := r.ask(admin, "GET", path+"?after="+wrong, ""); a.status != 422 && a.status != 200 {
				t.Errorf("%s: after %s: %d %s", path, wrong, a.status, a.body)
			}
		}
	}
	if lists < 9 {
		t.Errorf("%d lists were found", lists)
	}
}

// follow adds what the parts of a list have, and says how many there were.
func (r *running) follow(token, path string, all map[string][]string) (asked int) {
	r.t.Helper()
	for ; path != "" && asked < 500; asked++ {
		a := r.ask(token, "GET", path, "")
		var part map[string]json.RawMessage
		if a.status != 200 || json.Unmarshal([]byte(a.body), &part) != nil {
			r.t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		for name, text := range part {
			var items []json.RawMessage
			if json.Unmarshal(text, &items) == nil {
				for _, item := range items {
					all[name] = append(all[name], string(item))
				}
			}
		}
		link := a.header.Get("Link")
		if _, more := part["next"]; more != (link != "") {
			r.t.Errorf("%s: next %s, and the Link %q", path, part["next"], link)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
	}
	return asked
}
