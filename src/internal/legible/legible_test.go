//go:build !race

package legible_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// pieces are what is hidden, what looks like an escape, and all else.
var pieces = []rune("\x00\a\b\t\n\v\f\r\x1b\x7f\u0085\u009b\u00ad\u061c\u200b\u200d\u200e\u202e\u2028\u2029\u2066\ufeff\ufffe\U000e0041\U0001fffe\\\\\"u/nx0aé漢😀 ")

func anyText(random *rand.Rand) string {
	text := make([]rune, random.IntN(12))
	for i := range text {
		text[i] = pieces[random.IntN(len(pieces))]
		if random.IntN(10) == 0 {
			text[i] = rune(random.IntN(0x11000))
		}
	}
	return string(text)
}

// TestJSONKeepsItsMeaning writes any text as JSON: what is data is read as it was, what is
// shown is read as Text has it, and neither has a hidden character as it is.
func TestJSONKeepsItsMeaning(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		value := map[string][]string{anyText(random): {anyText(random), anyText(random)}}
		want := map[string][]string{}
		for key, list := range value {
			for _, v := range list {
				want[legible.Text(key)] = append(want[legible.Text(key)], legible.Text(v))
			}
		}
		for _, html := range []bool{true, false} {
			var plain, data bytes.Buffer
			encoder := json.NewEncoder(&plain)
			encoder.SetEscapeHTML(html)
			encoder.SetIndent("", "\t")
			if err := encoder.Encode(value); err != nil {
				t.Fatal(err)
			}
			if n, err := legible.NewJSONWriter(&data).Write(plain.Bytes()); n != plain.Len() || err != nil {
				t.Fatal(n, err)
			}
			same(t, data.Bytes(), value)
			same(t, legible.ShownJSON(plain.Bytes()), want)
			same(t, legible.ShownJSON(data.Bytes()), want)
		}
	}
}

func same(t *testing.T, text []byte, want map[string][]string) {
	t.Helper()
	if strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(string(text)), legible.Hidden) {
		t.Fatalf("a hidden character is in %q", text)
	}
	var got map[string][]string
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Fatalf("%s, want %s", a, b)
	}
}

// TestTextHidesNothing: no text has a hidden character, and one without is as it was.
func TestTextHidesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		broken := make([]byte, random.IntN(4))
		for i := range broken {
			broken[i] = byte(random.IntN(256))
		}
		text := string(broken) + anyText(random)
		shown := legible.Text(text)
		if strings.ContainsFunc(shown, legible.Hidden) || strings.ToValidUTF8(shown, "") != shown || legible.Text(shown) != shown {
			t.Fatalf("%q becomes %q", text, shown)
		}
	}
}

// FuzzShownJSON: no text makes it fail, and JSON stays JSON.
func FuzzShownJSON(f *testing.F) {
	for _, text := range []string{`{"a": "\u202e\n\ud83d\ude00\ud800"}`, `"\`, `"\u12`, "\\", "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if shown := legible.ShownJSON(text); json.Valid(text) && !json.Valid(shown) {
			t.Errorf("%q becomes %q", text, shown)
		}
		if json.Valid(text) && !json.Valid(legible.EscapedJSON(text)) {
			t.Errorf("%q", text)
		}
	})
}

// TestTextOfAnyLength has the beginning of what no name is as long as, and all else whole.
func TestTextOfAnyLength(t *testing.T) {
	long := strings.Repeat("ä", 100_000)
	got := legible.Text("the name " + long + " of  a " + strings.Repeat("b", 4096) + " group")
	want := "the name " + strings.Repeat("ä", 64) + `… (200000 bytes) of  a ` + strings.Repeat("b", 4096) + " group"
	if got != want {
		t.Errorf("%d bytes, %.200q", len(got), got)
	}
	if words := strings.Repeat("word ", 10_000); legible.Text(words) != words {
		t.Error("a long text of words was shortened")
	}
}
