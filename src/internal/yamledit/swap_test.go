//go:build !race

package yamledit

import "testing"

func TestSwapRanges(t *testing.T) {
	for _, c := range []struct {
		text, want string
		at         Place
	}{
		{"reserved: [10.0.0.9 - 10.0.0.20]\n", "reserved: [10.0.0.20 - 10.0.0.9]\n", Place{1, 12}},
		{"a:\n- \"10.0.0.9-10.0.0.2\" # why\n", "a:\n- \"10.0.0.2-10.0.0.9\" # why\n", Place{2, 3}},
		{"\ufeffü: ['fd00::9 -  fd00::2', x]\r\n", "\ufeffü: ['fd00::2 -  fd00::9', x]\r\n", Place{1, 5}},
	} {
		got, err := SwapRanges([]byte(c.text), []Place{c.at})
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"reserved: [((a)) - 10.0.0.2]", "reserved: [10.0.0.9]", "reserved: [", "x"} {
		if got, err := SwapRanges([]byte(text), []Place{{1, 12}}); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
