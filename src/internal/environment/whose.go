package environment

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Known is a director of the fleet file.
type Known struct {
	Name string
	// Target and Proxy are what the fleet file says of its environment; empty
	// where it says nothing.
	Target, Proxy string
	// UUID returns that of the director's snapshot, empty without one.
	UUID func() string
}

// Asked is the director that a command line means.
type Asked struct {
	// Target is an alias or a URL, Proxy as in BOSH_ALL_PROXY.
	Target, Proxy string
	// Exceptions says that NO_PROXY is set.
	Exceptions bool
	// UUID asks the director for its UUID. It is called once at most, and only
	// where nothing else decides.
	UUID func() (string, error)
}

// Whose returns the name of the director that is meant: the one with the same
// address and the same way to it. An alias means what the configuration of each
// user says, and a proxy on one side may be the way of the other side too: there
// the UUID of a snapshot is the proof. What stays in doubt, or is nobody's, is a
// *trouble.Trouble.
func (c *Config) Whose(asked Asked, fleet []Known) (string, error) {
	address, err := c.Address(asked.Target)
	if err != nil {
		return "", &trouble.Trouble{Message: err.Error()}
	}
	q := &question{config: c, asked: asked, address: address, way: WayOf(asked.Proxy, asked.Exceptions)}
	for i := range fleet {
		q.compare(&fleet[i])
	}
	switch {
	case len(q.certain) == 1:
		return q.certain[0].Name, nil
	case len(q.certain) > 1:
		return "", &trouble.Trouble{
			Message: fmt.Sprintf("directors %s are one: all are at %s, reached %s", strings.Join(names(q.certain), " and "), address, q.way),
			Hint:    "keep one of them, or give each its own proxy if they are behind different jumpboxes",
		}
	case len(q.doubtful) > 0:
		return q.prove()
	}
	return "", q.nobody("")
}

// question is which director of a fleet is meant.
type question struct {
	config            *Config
	asked             Asked
	address           string
	way               Way
	certain, doubtful []*Known
	// reasons say of each doubtful one why, known where all are.
	reasons, known []string
}

// compare puts a director where it belongs.
func (q *question) compare(k *Known) {
	if k.Target == "" {
		q.known = append(q.known, k.Name+" without an environment")
		return
	}
	if q.config.isAlias(k.Target) {
		q.known = append(q.known, k.Name+" by the alias "+shownTarget(k.Target))
		q.doubt(k, fmt.Sprintf("its environment there is the alias %s, which is another director for whoever has another one under that name", shownTarget(k.Target)))
		return
	}
	address, err := addressOf(k.Target)
	if err != nil {
		q.known = append(q.known, k.Name+" at what is no URL")
		return
	}
	way := WayOf(k.Proxy, false)
	at := k.Name + " at " + address
	if k.Proxy != "" {
		at += " " + way.String()
	}
	q.known = append(q.known, at)
	if address != q.address {
		return
	}
	switch way.Is(q.way) {
	case Same:
		q.certain = append(q.certain, k)
	case Unsure:
		q.doubt(k, fmt.Sprintf("it is reached %s there, and %s here", way, q.way))
	}
}

func (q *question) doubt(k *Known, reason string) {
	q.doubtful, q.reasons = append(q.doubtful, k), append(q.reasons, reason)
}

// prove asks the director who it is, if a snapshot can tell.
func (q *question) prove() (string, error) {
	uuids := map[string]*Known{}
	for _, k := range q.doubtful {
		if uuid := k.UUID(); uuid != "" {
			uuids[uuid] = k
		}
	}
	if len(uuids) == 0 {
		return "", q.inDoubt(q.doubtful, q.reasons, "")
	}
	uuid, err := q.asked.UUID()
	if err != nil {
		return "", q.inDoubt(q.doubtful, q.reasons, fmt.Sprintf("; asked for its UUID, it gave none: %s", err))
	}
	if k := uuids[uuid]; k != nil && uuid != "" {
		return k.Name, nil
	}
	var left []*Known
	var reasons []string
	for i, k := range q.doubtful {
		if k.UUID() == "" {
			left, reasons = append(left, k), append(reasons, q.reasons[i])
		}
	}
	if len(left) == 0 {
		return "", q.nobody(", whose UUID no snapshot has")
	}
	return "", q.inDoubt(left, reasons, "")
}

// inDoubt says what would settle whether it is one of some directors.
func (q *question) inDoubt(which []*Known, reasons []string, more string) error {
	hint := "if it is, write " + q.line() + " there; the UUID of a snapshot would be proof, too (ipguard collect)"
	if len(which) > 1 {
		hint = "write " + q.line() + " for the one that it is; the UUID of a snapshot would be proof, too (ipguard collect)"
	}
	return &trouble.Trouble{
		Message: fmt.Sprintf("whether %s is director %s is not certain: %s%s",
			q.place(), strings.Join(names(which), " or "), strings.Join(dedupe(reasons), "; "), more),
		Hint: hint,
	}
}

// nobody says that no director of the fleet is meant.
func (q *question) nobody(more string) error {
	return &trouble.Trouble{
		Message: fmt.Sprintf("no director here is that of %s%s", q.place(), more),
		Hint:    "it has " + strings.Join(q.known, ", ") + "; give the one that is meant " + q.line(),
	}
}

// place is the environment as the command line has it, and where that leads.
func (q *question) place() string {
	where := q.address
	if q.way != (Way{}) {
		where += " " + q.way.String()
	}
	return fmt.Sprintf("the environment %s (%s)", shownTarget(q.asked.Target), where)
}

// line is what the fleet file would say of the environment.
func (q *question) line() string {
	target := "https://" + q.address
	if q.asked.Proxy == "" {
		return "environment: " + target
	}
	scheme := "socks5"
	rest := ""
	if strings.HasPrefix(q.asked.Proxy, "ssh+") {
		scheme, rest = "ssh+socks5", "?private-key=PATH"
	}
	return fmt.Sprintf(`environment: {target: %q, proxy: "%s://USER@%s%s"}`, target, scheme, q.way.Hop, rest)
}

// isAlias reports whether a target is a word that means something by bosh's
// configuration only. What has a scheme or is an IP address is none, even if
// somebody has an alias of that name.
func (c *Config) isAlias(target string) bool {
	if strings.Contains(target, "://") || isHost(target) {
		return false
	}
	return !strings.ContainsAny(target, ".:") || c.URL(target) != target
}

func isHost(target string) bool {
	if _, err := netip.ParseAddrPort(target); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(target, "[]"))
	return err == nil
}

func names(list []*Known) []string {
	var names []string
	for _, k := range list {
		names = append(names, k.Name)
	}
	return names
}

func dedupe(list []string) []string {
	var once []string
	seen := map[string]bool{}
	for _, text := range list {
		if !seen[text] {
			seen[text], once = true, append(once, text)
		}
	}
	return once
}

// shownTarget is a target without what may be a secret in it.
func shownTarget(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok {
		scheme, rest = "", target
	} else {
		scheme += "://"
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return !place.IsPlain(r) && !strings.ContainsRune("/?#@:[]", r) }) {
		return scheme + "…" // no host has such characters (RFC 3986, section 3.2.2), and no alias needs them
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = "…" + authority[i:]
	}
	if path != "" {
		path = "/…"
	}
	return scheme + authority + path
}
