//go:build !race

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// wholeNumbers is JSON that is written at once; what a stream writes must be the same.
type wholeNumbers struct {
	Version int          `json:"version"`
	Lists   []wholeInner `json:"lists"`
	Last    string       `json:"last"`
}

type wholeInner struct {
	Name   string            `json:"name"`
	Values []map[string]any  `json:"values"`
	Empty  []json.RawMessage `json:"empty"`
}

// ends keeps what is written at once.
type ends struct{ writes []string }

func (e *ends) Write(p []byte) (int, error) {
	e.writes = append(e.writes, string(p))
	return len(p), nil
}

// TestJSONStream compares what is written piece by piece with the whole, and holds that no
// write ends within a value.
func TestJSONStream(t *testing.T) {
	texts := []string{"", "plain", "<&>", "\"quoted\"\\", "\x1b[31m", "\u2028", "a\nb", "\U000e0001"}
	seeds := 60
	if sharedtest.Short() {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 1))
		value := wholeNumbers{Version: 1, Lists: []wholeInner{}, Last: texts[r.IntN(len(texts))]}
		for range r.IntN(4) {
			inner := wholeInner{Name: texts[r.IntN(len(texts))], Values: []map[string]any{}, Empty: []json.RawMessage{}}
			for range r.IntN(4) * int(seed) {
				inner.Values = append(inner.Values, map[string]any{"a": []string{texts[r.IntN(len(texts))], strings.Repeat("x", r.IntN(2000))}, "b": nil})
			}
			value.Lists = append(value.Lists, inner)
		}
		var want bytes.Buffer
		if err := encodeJSON(&want, value); err != nil {
			t.Fatal(err)
		}
		to := &ends{}
		s := NewJSONStream(to)
		s.Open('{')
		s.Field("version", value.Version)
		s.List("lists", len(value.Lists), func(i int) {
			s.Open('{')
			s.Field("name", value.Lists[i].Name)
			s.List("values", len(value.Lists[i].Values), func(k int) { s.Value(value.Lists[i].Values[k]) })
			s.List("empty", 0, nil)
			s.Close('}')
		})
		s.Field("last", value.Last)
		s.Close('}')
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(to.writes, ""); got != want.String() {
			t.Fatalf("seed %d: a stream writes\n%s\nwant\n%s", seed, got, want.String())
		}
		for _, text := range to.writes {
			if last := text[len(text)-1]; last != '}' && last != '"' && last != '\n' {
				t.Fatalf("seed %d: a write ends with %q", seed, text[max(0, len(text)-40):])
			}
		}
	}
}

// TestRows compares a table with the same rows written at once, and holds that no write
// ends within a row: what keeps names back looks at one write.
func TestRows(t *testing.T) {
	row := func(i int) []string { return []string{strconv.Itoa(i), strings.Repeat("secret name, \"", i%7), "\n"} }
	want := &bytes.Buffer{}
	all := csv.NewWriter(want)
	if err := all.Write([]string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	for i := range n {
		if err := all.Write(row(i)); err != nil {
			t.Fatal(err)
		}
	}
	all.Flush()
	to := &ends{}
	if err := writeRows(to, []string{"a", "b", "c"}, n, row); err != nil {
		t.Fatal(err)
	}
	if strings.Join(to.writes, "") != want.String() {
		t.Error("the rows are others")
	}
	for _, text := range to.writes {
		if rows, err := csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil || !strings.HasSuffix(text, "\n") || len(rows) == 0 {
			t.Fatalf("a write ends within a row: %q (%v)", text[max(0, len(text)-40):], err)
		}
	}
	if len(to.writes) < 5 {
		t.Errorf("%d writes: all rows were in memory", len(to.writes))
	}
}
