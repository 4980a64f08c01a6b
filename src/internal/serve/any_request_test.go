//go:build !race

package serve_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// described operations, as the server itself tells them.
type openAPI struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Schema   schema
	}
	RequestBody struct {
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []any
	Format     string
	Properties map[string]schema
	Required   []string
	Items      *schema
}

// asker makes requests out of the description: right ones, and ones with something
// else in one place or another.
type asker struct {
	*rand.Rand
	api   openAPI
	words []string
	raw   string
}

// text is a word that means something to the server, or none that does.
func (a *asker) text() string {
	switch a.IntN(8) {
	case 0:
		return a.raw
	case 1:
		return strings.Repeat(a.words[a.IntN(len(a.words))], a.IntN(40))
	case 2:
		return a.words[a.IntN(len(a.words))] + a.raw
	}
	return a.words[a.IntN(len(a.words))]
}

func (a *asker) value(s schema, depth int) any {
	if a.IntN(12) == 0 || depth > 6 { // something else
		return []any{nil, true, -1, 1e300, 9007199254740993, a.text(), []any{}, map[string]any{}, map[string]any{a.text(): nil}}[a.IntN(9)]
	}
	if s.Ref != "" {
		return a.value(a.api.Components.Schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]], depth+1)
	}
	if len(s.Enum) > 0 {
		return s.Enum[a.IntN(len(s.Enum))]
	}
	kinds := fmt.Sprint(s.Type)
	switch {
	case strings.Contains(kinds, "object"):
		o := map[string]any{}
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) && a.IntN(15) > 0 || a.IntN(3) == 0 {
				o[name] = a.value(p, depth+1)
			}
		}
		if a.IntN(10) == 0 {
			o[a.text()] = a.text()
		}
		return o
	case strings.Contains(kinds, "array"):
		var list []any
		for range a.IntN(4) {
			list = append(list, a.value(*s.Items, depth+1))
		}
		return list
	case strings.Contains(kinds, "integer"), strings.Contains(kinds, "number"):
		return []any{0, 1, 2, 30, -1, 4096, 1 << 40, 0.5}[a.IntN(8)]
	case strings.Contains(kinds, "boolean"):
		return a.IntN(2) == 0
	case s.Format == "date-time":
		return []string{"2026-12-24T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "2026-13-01", a.text()}[a.IntN(5)]
	}
	return a.text()
}

// TestAnyRequest asks all operations of the server's own description for whatever comes to
// somebody's mind: no answer says that the server is at a loss, and each is as described.
// IPGUARD_REQUESTS says how often; else it is some hundred times.
func TestAnyRequest(t *testing.T) {
	t.Parallel()
	r := start(t)
	var api openAPI
	r.raw("", "GET", "/api/v1/openapi.json", "").into(t, &api)
	type asked struct {
		method, path string
		operation
	}
	var operations []asked
	for path, methods := range api.Paths {
		for method, o := range methods {
			operations = append(operations, asked{strings.ToUpper(method), path, o})
		}
	}
	slices.SortFunc(operations, func(a, b asked) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(operations) < 15 {
		t.Fatalf("only %d operations", len(operations))
	}
	admin := r.token("admin", accounts.Admin)
	tokens := []string{admin, admin, admin, r.token("reader", accounts.Read), r.token("promo", accounts.BookFor("promo"))}
	requests := 600
	if text := os.Getenv("IPGUARD_REQUESTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		requests = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	statuses := map[int]int{}
	for n := range requests {
		a := &asker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), api: api, words: words}
		a.raw = noise[a.IntN(len(noise))]
		o := operations[n%len(operations)]
		path, body, headers := a.request(o.path, o.operation)
		got := r.ask(tokens[a.IntN(len(tokens))], o.method, path, body, headers...)
		statuses[got.status]++
		if got.status >= 500 {
			t.Errorf("%s %s with %s: %d %s", o.method, path, body, got.status, got.body)
		}
		if t.Failed() {
			t.Fatalf("request %d", n)
		}
	}
	t.Logf("answers by status: %v", statuses)
	if statuses[200] < requests/20 || statuses[422] < requests/20 {
		t.Errorf("the requests are not varied enough to say anything: %v", statuses)
	}
}

// words mean something to the server, and noise means nothing.
var (
	words = []string{
		"promo", "dr-west", "promo/web/api", "lb/x", "10.8.52.185", "10.8.52.0/24", "10.8.52.191", "::1", "2001:db8::/64", "0.0.0.0/0", "..", "", "*", "ipguard.admin",
		"ipguard.teams.promo.book", "booked", "released", "held", "ci", "-1", "a b", "%", "'; drop table booking; --", "<script>", "\u202e", "=1+1",
	}
	noise = []string{"x", "\x00", "\xff", "/../", "%2e", "\r\nX: y", "\u202e", "{", "]", "é", strings.Repeat("9", 300), "\\u0000", "\U0001F600"}
)

// request is one for an operation.
func (a *asker) request(path string, o operation) (target, body string, headers []string) {
	query := url.Values{}
	for _, p := range o.Parameters {
		v := a.value(p.Schema, 0)
		text, isText := v.(string)
		if !isText {
			text = fmt.Sprint(v)
		}
		switch p.In {
		case "path":
			if text == "" || text == "." || text == ".." { // another path
				text = "x"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
		case "query":
			if a.IntN(2) == 0 {
				query.Set(p.Name, text)
			}
		case "header":
			if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				headers = append(headers, p.Name, []string{text, `"0"`, "*"}[a.IntN(3)])
			}
		}
	}
	if content, ok := o.RequestBody.Content["application/json"]; ok {
		text, _ := json.Marshal(a.value(content.Schema, 0)) // what was made of JSON can be JSON
		body = string(text)
		if a.IntN(10) == 0 && len(body) > 0 {
			body = body[:a.IntN(len(body))] + a.raw
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, body, headers
}
