package environment

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

const twoAliases = `
environments:
- {url: "https://10.0.0.6:25555", alias: red}
- {url: "https://172.16.0.9:25555", alias: lab}
- {url: "https://10.0.0.9:25555", alias: 10.0.0.7}
`

// TestWhose: by URL and way, by the proof of a UUID where that does not do, and
// nobody's otherwise.
func TestWhose(t *testing.T) {
	const (
		url     = "https://10.0.0.6:25555"
		first   = "ssh+socks5://jumpbox@198.51.100.1:22?private-key=k1"
		second  = "ssh+socks5://jumpbox@198.51.100.2:22?private-key=k2"
		aTunnel = "socks5://localhost:5000"
	)
	known := func(name, target, proxy, uuid string) Known {
		return Known{Name: name, Target: target, Proxy: proxy, UUID: func() string { return uuid }}
	}
	both := []Known{known("red", url, first, ""), known("blue", url, second, "")}
	for name, c := range map[string]struct {
		target, proxy, uuid string
		exceptions          bool
		fleet               []Known
		want                string // a director, or what the message has
		asks                bool
	}{
		"by the first jumpbox":              {target: url, proxy: first, fleet: both, want: "red"},
		"by the second jumpbox":             {target: url, proxy: second, fleet: both, want: "blue"},
		"an alias":                          {target: "red", proxy: second, fleet: both, want: "blue"},
		"another user, key and case":        {target: "10.0.0.6", proxy: "ssh+socks5://ops:word@198.51.100.2?private-key=/k", fleet: both, want: "blue"},
		"without a user":                    {target: "https://10.0.0.6:25555", proxy: "ssh+socks5://198.51.100.2:22/?private-key=/k", fleet: both, want: "blue"},
		"a third jumpbox":                   {target: url, proxy: "ssh+socks5://jumpbox@198.51.100.3:22?private-key=k1", fleet: both, want: "no director here is that of"},
		"another port":                      {target: url, proxy: "ssh+socks5://jumpbox@198.51.100.1:2222?private-key=k1", fleet: both, want: "no director here is that of"},
		"only red is known":                 {target: url, proxy: second, fleet: both[:1], want: "no director here is that of"},
		"without a proxy":                   {target: url, fleet: both, want: "is director red or blue is not certain"},
		"a proxy here alone":                {target: url, proxy: second, fleet: []Known{known("red", url, "", "")}, want: "is director red is not certain"},
		"a tunnel":                          {target: url, proxy: aTunnel, fleet: both[:1], want: "is director red is not certain"},
		"a tunnel on both sides":            {target: url, proxy: aTunnel, fleet: []Known{known("red", url, aTunnel, "")}, want: "is director red is not certain"},
		"the jumpbox by name":               {target: url, proxy: "ssh+socks5://jump.example.com:22?private-key=k", fleet: both[:1], want: "is director red is not certain"},
		"a proxy that is none":              {target: url, proxy: "ssh+socks5://:22", fleet: both[:1], want: "is director red is not certain"},
		"a SOCKS proxy":                     {target: url, proxy: "socks5://198.51.100.1", fleet: []Known{known("red", url, "socks5://user:word@198.51.100.1:1080", "")}, want: "red"},
		"a SOCKS proxy with exceptions":     {target: url, proxy: "socks5://198.51.100.1", exceptions: true, fleet: []Known{known("red", url, "socks5://198.51.100.1:1080", "")}, want: "not certain"},
		"two at one place":                  {target: url, fleet: []Known{known("red", url, "", ""), known("blue", "10.0.0.6", "", "")}, want: "directors red and blue are one"},
		"an alias of somebody":              {target: "lab", fleet: []Known{known("b", "lab", "", "")}, want: "is director b is not certain"},
		"that alias by its URL":             {target: "https://172.16.0.9:25555", fleet: []Known{known("b", "lab", "", "")}, want: "is director b is not certain"},
		"an alias that this user lacks":     {target: "https://172.16.0.9:25555", fleet: []Known{known("b", "prod", "", "")}, want: "is director b is not certain"},
		"a URL beside an alias":             {target: "lab", fleet: []Known{known("a", "https://172.16.0.9", "", ""), known("b", "lab", "", "")}, want: "a"},
		"an alias like an address, asked":   {target: "10.0.0.7", fleet: []Known{known("a", "10.0.0.7", "", ""), known("b", "10.0.0.9", "", "")}, want: "b"},
		"an alias like an address, known":   {target: "https://10.0.0.7:25555", fleet: []Known{known("a", "10.0.0.7", "", "")}, want: "a"},
		"IPv6":                              {target: "https://[2001:db8::6]:25555", fleet: []Known{known("a", "https://[2001:DB8:0::6]:25555", "", "")}, want: "a"},
		"upper case and a dot at the end":   {target: "https://BOSH.example.com.", fleet: []Known{known("a", "bosh.example.com", "", "")}, want: "a"},
		"another port of the director":      {target: "https://10.0.0.6:25556", fleet: []Known{known("a", url, "", "")}, want: "no director here is that of"},
		"proof for an alias":                {target: "lab", uuid: "u1", fleet: []Known{known("b", "lab", "", "u1")}, want: "b", asks: true},
		"proof against it":                  {target: "lab", uuid: "u2", fleet: []Known{known("b", "lab", "", "u1")}, want: "no director here is that of", asks: true},
		"proof for one of two":              {target: url, uuid: "u2", fleet: []Known{known("red", url, first, "u1"), known("blue", url, second, "u2")}, want: "blue", asks: true},
		"no proof for the one that is left": {target: url, uuid: "u3", fleet: []Known{known("red", url, first, "u1"), known("blue", url, second, "")}, want: "is director blue is not certain", asks: true},
		"no answer":                         {target: "lab", fleet: []Known{known("b", "lab", "", "u1")}, want: "it gave none: no answer", asks: true},
		"no environment":                    {target: url, fleet: []Known{known("b", "", "", "u1")}, want: "b without an environment"},
		"no question without doubt":         {target: url, uuid: "u2", fleet: []Known{known("a", url, "", "u1"), known("b", "lab", "", "u2")}, want: "a"},
	} {
		asked := 0
		got, err := load(t, twoAliases).Whose(Asked{Target: c.target, Proxy: c.proxy, Exceptions: c.exceptions, UUID: func() (string, error) {
			asked++
			if c.uuid == "" {
				return "", errors.New("no answer")
			}
			return c.uuid, nil
		}}, c.fleet)
		if err != nil {
			got = err.Error() + " hint: " + hintOf(err)
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if wanted := 0; c.asks {
			if wanted = 1; asked != wanted {
				t.Errorf("%s: asked %d times", name, asked)
			}
		} else if asked != wanted {
			t.Errorf("%s: asked %d times without need", name, asked)
		}
		for _, secret := range []string{"word", "/k", "ops"} {
			if err != nil && strings.Contains(got, secret) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

// TestWhoseNeverGuesses: in a world of few addresses, jumpboxes and aliases, whoever
// is named is the director that bosh would reach, whatever the fleet file says. The
// oracle knows where each pair of address and jumpbox leads.
func TestWhoseNeverGuesses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	addresses := []string{"10.0.0.6", "10.0.0.7"}
	hops := []string{"", "198.51.100.1", "198.51.100.2"}
	configs := map[[2]string]*Config{}
	for _, lab := range addresses {
		for _, prod := range addresses {
			configs[[2]string{lab, prod}] = load(t, "environments:\n- {alias: lab, url: \"https://"+lab+":25555\"}\n- {alias: prod, url: \"https://"+prod+":25555\"}\n")
		}
	}
	named, proven, doubts := 0, 0, 0
	for range 20000 {
		// The user's own aliases; those of the writers of the fleet file are others.
		mine := map[string]string{"lab": addresses[r.IntN(2)], "prod": addresses[r.IntN(2)]}
		theirs := map[string]string{"lab": addresses[r.IntN(2)], "prod": addresses[r.IntN(2)]}
		c := configs[[2]string{mine["lab"], mine["prod"]}]
		target := func() string { return append(addresses, "lab", "prod")[r.IntN(4)] }
		proxy := func(hop string) string {
			if hop == "" {
				return ""
			}
			return []string{"ssh+socks5://a@" + hop + ":22?private-key=x", "ssh+socks5://b@" + hop + "?private-key=y"}[r.IntN(2)]
		}
		truth := map[string]string{} // by director: address and hop
		var fleet []Known
		taken := map[string]bool{}
		for _, name := range []string{"a", "b", "c"}[:1+r.IntN(3)] {
			text, hop := target(), hops[r.IntN(3)]
			address := text
			if at, ok := theirs[text]; ok {
				address = at
			}
			place := address + " by " + hop
			if taken[place] {
				continue // two names for one director are an error of the fleet file
			}
			taken[place], truth[name] = true, place
			uuid := ""
			if r.IntN(2) == 0 {
				uuid = "uuid of " + place
			}
			written := proxy(hop)
			fleet = append(fleet, Known{Name: name, Target: text, Proxy: written, UUID: func() string { return uuid }})
		}
		text, hop := target(), hops[r.IntN(3)]
		address := text
		if at, ok := mine[text]; ok {
			address = at
		}
		goesTo, asked := address+" by "+hop, false
		got, err := c.Whose(Asked{Target: text, Proxy: proxy(hop), UUID: func() (string, error) { asked = true; return "uuid of " + goesTo, nil }}, fleet)
		switch {
		case err != nil:
			doubts++
		case truth[got] != goesTo:
			t.Fatalf("%q by %q is %s, which is at %s; fleet %+v", text, hop, got, truth[got], fleet)
		default:
			named++
			if asked {
				proven++
			}
		}
	}
	t.Logf("%d named, %d of them by their UUID, %d in doubt or nobody's", named, proven, doubts)
	if named < 2000 || proven < 500 || doubts < 2000 {
		t.Error("the worlds are not varied enough to say anything")
	}
}

func hintOf(err error) string {
	var t *trouble.Trouble
	if errors.As(err, &t) {
		return t.Hint
	}
	return ""
}
