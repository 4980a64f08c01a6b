//go:build !race

package survey_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// This file holds what must be true whatever nobody can see of a fleet:
//
//	P1 never greener    hide any part, and no run ends better than before
//	P2 hidden, not wrong   hide any value, and no director refuses because of it
//	P3 no louder than needed   where nothing that could hide changes the verdict,
//	                       hiding it changes nothing
//
// A blinder hides parts of random fleets. It walks the nodes of the YAML and knows
// no list of keys.

// scale is how many blindings are tried: IPGUARD_BLINDINGS, or few, or with -short fewer.
func scale(t testing.TB) int {
	text := os.Getenv("IPGUARD_BLINDINGS")
	if text == "" && sharedtest.Short() {
		return 100
	}
	if text == "" {
		return 800
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("IPGUARD_BLINDINGS is %q, and must be a number", text)
	}
	return n
}

// hole is one place of a document.
type hole struct {
	node, key, parent *yaml.Node
	path              []string
}

// holes are all places of a document but the outermost.
func holes(root *yaml.Node) []hole {
	var list []hole
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		for i := 0; i < len(n.Content); i++ {
			below := append(slices.Clone(path), strconv.Itoa(i))
			h := hole{node: n.Content[i], parent: n}
			if n.Kind == yaml.MappingNode {
				h.key = n.Content[i]
				i++
				below[len(below)-1] = h.key.Value
				h.node = n.Content[i]
			}
			h.path = below
			list = append(list, h)
			walk(h.node, below)
		}
	}
	walk(root, nil)
	return list
}

func copied(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = copied(child)
	}
	return &c
}

// blinded is a fleet of which a part is hidden.
type blinded struct {
	*madeUp
	how   string
	file  int
	lines func(place.Place) bool // what is hidden
}

func (b *blinded) String() string { return b.files[b.file].path + " " + b.how }

// with is the fleet with another document.
func (m *madeUp) with(t testing.TB, i int, root *yaml.Node) *madeUp {
	c := *m
	c.files = slices.Clone(m.files)
	doc, err := source.NewDocument(c.files[i].path, root, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	new(source.Names).Withhold(doc) // as a loader of files does
	c.files[i].doc = doc
	return &c
}

func scalar(text string, at *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: at.Line, Column: at.Column}
}

// blind hides a random part; at prefers parts that were found to matter.
func (r random) blind(t testing.TB, m *madeUp, at []place.Place) *blinded {
	i := r.IntN(len(m.files))
	if len(at) > 0 {
		hit := at[r.IntN(len(at))].File
		if j := slices.IndexFunc(m.files, func(f file) bool { return f.path == hit }); j >= 0 && !r.chance(6) {
			i = j
		}
	}
	path := m.files[i].path
	b := &blinded{madeUp: m, file: i, lines: func(p place.Place) bool { return p.File == path }}
	if r.chance(12) {
		c := *m
		c.files = slices.Clone(m.files)
		c.files[i].doc = nil
		b.how = "gone"
		if r.chance(2) {
			c.files[i].broken, b.how = "a: [", "no YAML"
		}
		b.madeUp = &c
		return b
	}
	root := copied(m.files[i].doc.Node())
	all := holes(root)
	h := all[r.IntN(len(all))]
	if on := around(all, path, at); len(on) > 0 && !r.chance(4) {
		h = on[r.IntN(len(on))]
	}
	what, variable := strings.Join(h.path, "."), r.unfilled("blind", false)
	before := *h.node
	inProperties := slices.Contains(h.path[:len(h.path)-1], "properties")
	switch {
	case h.key != nil && r.chance(6):
		b.how = "a variable for the key " + what
		h.key.Value, h.key.Tag, h.key.Style = r.unfilled("blind", true), "!!str", 0
	case h.key != nil && closed(m.files[i].kind, h.path) && r.chance(5):
		b.how = "misspelt " + what
		h.key.Value = r.misspelt(h.key.Value)
	case !inProperties && r.chance(4):
		b.how = "of another type " + what
		*h.node = *r.otherType(h.node)
	case h.node.Kind == yaml.ScalarNode && r.chance(6):
		b.how = "partly a variable " + what
		*h.node = *scalar(h.node.Value[:len(h.node.Value)/2]+variable, h.node)
	default:
		b.how = "a variable " + what
		*h.node = *scalar(variable, h.node)
	}
	first, last := span(&before)
	if h.key != nil {
		first = min(first, h.key.Line)
	}
	b.lines = func(p place.Place) bool { return p.File == path && p.Line >= first && p.Line <= last }
	b.madeUp = m.with(t, i, root)
	return b
}

// span are the first and the last line of a node.
func span(n *yaml.Node) (first, last int) {
	first, last = n.Line, n.Line
	for _, c := range n.Content {
		f, l := span(c)
		first, last = min(first, f), max(last, l)
	}
	return first, last
}

// around are the holes that have one of the places in them.
func around(all []hole, path string, at []place.Place) []hole {
	var list []hole
	for _, h := range all {
		first, last := span(h.node)
		if slices.ContainsFunc(at, func(p place.Place) bool { return p.File == path && p.Line >= first && p.Line <= last }) {
			list = append(list, h)
		}
	}
	return list
}

// closed reports whether the key at a path is of a set of which a reader knows all
// keys: of a subnet, a group's network, a manifest for create-env, or one on the way to
// virtual addresses.
func closed(kind fleet.Kind, path []string) bool {
	if slices.Contains(path, "cloud_properties") || slices.Contains(path[:len(path)-1], "properties") {
		return false
	}
	n := len(path)
	toVIPs := n == 1 && (path[0] == "instance_groups" || path[0] == "addons") || n == 3 && path[2] == "jobs" || n == 5 && path[2] == "jobs" && path[4] == "properties"
	within := func(key string) bool { return n >= 3 && path[n-3] == key }
	switch kind {
	case fleet.CloudConfigs:
		return within("subnets")
	case fleet.Deployments:
		return n > 3 && within("networks") || toVIPs
	case fleet.RuntimeConfigs:
		return toVIPs
	case fleet.CreateEnv:
		return !slices.Contains(path, "releases") && !slices.Contains(path, "stemcell")
	}
	return false
}

// misspelt drops, doubles or swaps a letter.
func (r random) misspelt(word string) string {
	i := r.IntN(len(word))
	switch {
	case len(word) > 2 && r.chance(2):
		return word[:i] + word[i+1:]
	case i+1 < len(word) && word[i] != word[i+1] && r.chance(2):
		return word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]
	}
	return word[:i] + word[i:i+1] + word[i:]
}

// otherType is a value of a type that does not belong there.
func (r random) otherType(n *yaml.Node) *yaml.Node {
	number := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "7", Line: n.Line, Column: n.Column}
	switch {
	case n.Kind == yaml.MappingNode && r.chance(2):
		return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: n.Line, Column: n.Column, Content: []*yaml.Node{number}}
	case n.Kind != yaml.ScalarNode:
		return number
	case r.chance(2):
		return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: n.Line, Column: n.Column, Content: []*yaml.Node{number}}
	}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column, Content: []*yaml.Node{scalar("x", n), number}}
}

// question is one run, and how it ended before anything was hidden.
type question struct {
	name string
	ask  func(m *madeUp, sighted bool) int
	at   []place.Place // what a refusal was about
	exit int
}

// questions are the runs that do not end well.
func questions(m *madeUp) []question {
	var list []question
	files := *m
	files.collected = "" // places in snapshots are those of nothing that is hidden
	for target := -1; target < len(m.files); target++ {
		o := files.lint(target, true)
		wrong := unguarded(o.findings)
		if len(wrong) == 0 {
			continue
		}
		q := question{name: "lint", exit: 1, ask: func(m *madeUp, sighted bool) int { return m.lint(target, sighted).exit }}
		if target >= 0 {
			q.name = "lint " + m.files[target].path
		}
		for _, f := range wrong {
			for _, p := range f.Claims {
				q.at = append(q.at, p.At)
			}
		}
		list = append(list, q)
	}
	whole := files.read(-1, true)
	for _, a := range m.addresses {
		for name, ask := range map[string]func(*madeUp, bool) int{
			"free": func(m *madeUp, sighted bool) int { return free(m.read(-1, sighted), a) },
			"who":  func(m *madeUp, sighted bool) int { return who(m.read(-1, sighted), a) },
		} {
			if exit := ask(m, true); exit != 0 {
				list = append(list, question{name: name + " " + a.String(), exit: exit, ask: ask, at: placesOf(whole, a)})
			}
		}
	}
	if exit := fenced(whole); exit != 0 {
		list = append(list, question{name: "fence", exit: exit, ask: func(m *madeUp, sighted bool) int { return fenced(m.read(-1, sighted)) }})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// placesOf are where somebody claims an address.
func placesOf(s *survey.Survey, a netip.Addr) []place.Place {
	var list []place.Place
	for _, c := range s.Facts.Plan.Claims {
		if c.Range.Contains(a) && c.Kind != plan.Reserved {
			list = append(list, c.At)
		}
	}
	return list
}

// neverGreener tries blindings, and returns the violations of P1, and how many of
// the runs before were refused because of what was then hidden.
func neverGreener(t testing.TB, r random, next func() *madeUp, blindings int, sighted bool, violated func(b *blinded, q question)) (because int, kinds map[string]int) {
	kinds = map[string]int{}
	for tried := 0; tried < blindings; {
		m := next()
		list := questions(m)
		if len(list) == 0 {
			continue
		}
		for range 25 {
			q := list[r.IntN(len(list))]
			b := r.blind(t, m, q.at)
			if m.collected != "" && strings.HasPrefix(b.how, "misspelt") {
				continue // what a director overlooks it has not, and its VMs have not
			}
			tried++
			kinds[q.name[:min(4, len(q.name))]+" "+strings.Fields(b.how)[0]+" "+lastWord(b.how)]++
			if slices.ContainsFunc(q.at, b.lines) {
				because++
			}
			if q.ask(b.madeUp, sighted) == 0 {
				violated(b, q)
			}
		}
	}
	return because, kinds
}

func lastWord(how string) string {
	words := strings.Fields(how)
	path := strings.Split(words[len(words)-1], ".")
	for _, key := range slices.Backward(path) {
		if _, err := strconv.Atoi(key); err != nil {
			return key
		}
	}
	return path[0]
}

// TestP1NeverGreener hides parts of random fleets: what was refused is refused, or
// it is said that it cannot be known.
func TestP1NeverGreener(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(11, 1))}
	testNeverGreener(t, r, func() *madeUp { return r.fleet(t) }, scale(t))
}

// TestP1OnFleetsOfFiles is the same for the example fleets and for one of the size
// that fleets have, into which conflicts were planted.
func TestP1OnFleetsOfFiles(t *testing.T) {
	t.Parallel()
	var all []*madeUp
	for _, name := range []string{"clean", "incident", "incident-2017", "isolated-networks", "shared-vlan", "unfenced-vlan"} {
		if m := readFleet(t, "../../../manifests-examples/"+name+"/ipguard.yml"); len(questions(m)) > 0 {
			all = append(all, m)
		}
	}
	for seed := range 3 {
		made, err := madefleet.Make(madefleet.Size{Directors: 3, Deployments: 4, StaticAddresses: 24, Conflicts: 6, AsWritten: true, Seed: uint64(seed)})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := made.Write(dir); err != nil {
			t.Fatal(err)
		}
		all = append(all, readFleet(t, filepath.Join(dir, madefleet.FleetFile)))
	}
	r, turn := random{rand.New(rand.NewPCG(14, 1))}, 0
	testNeverGreener(t, r, func() *madeUp { turn++; return all[turn%len(all)] }, scale(t)/10)
}

// TestP1OnSnapshots is the same where the directors of which nothing is judged were asked,
// and what they have is known by their snapshots alone.
func TestP1OnSnapshots(t *testing.T) {
	t.Parallel()
	r, folder := random{rand.New(rand.NewPCG(16, 1))}, t.TempDir()
	testNeverGreener(t, r, func() *madeUp {
		m := r.fleet(t)
		m.collected = folder
		return m
	}, scale(t)/8)
}

// TestP1NamedIsKept makes a mistake in a file and leaves its addresses as they are: who
// asks for one in plain text still has it, or may have it, whatever is wrong beside it.
func TestP1NamedIsKept(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(15, 1))}
	failed, kinds := map[string]int{}, map[string]int{}
	for made := 0; made < scale(t); {
		m := r.fleet(t)
		named := m.inUse()
		for range 25 {
			b := r.mistake(t, m)
			if b == nil {
				continue
			}
			made++
			key := string(b.files[b.file].kind) + " " + strings.Fields(b.how)[0] + " " + lastWord(b.how)
			kinds[key]++
			for _, c := range lost(b, named) {
				if failed[key]++; failed[key] == 1 {
					t.Errorf("%s of %s/%s at %s is nobody's any more; %s\n%s", c.Range, c.Owner().Director, c.Owner().Deployment, c.At, b, b.text(lint.Finding{}))
				}
			}
		}
	}
	for _, k := range sortedKeys(kinds) {
		t.Logf("%6d %s", kinds[k], k)
	}
	for _, k := range sortedKeys(failed) {
		t.Errorf("%d violations: %s", failed[k], k)
	}
}

// inUse are the addresses that manifests ask for, and those of create-env.
func (m *madeUp) inUse() []plan.Claim {
	return slices.DeleteFunc(slices.Clone(m.read(-1, true).Facts.Plan.Claims), func(c plan.Claim) bool { return !c.Kind.InUse() })
}

// lost are those of the addresses that the files still name, and that neither their
// director nor its create-env VM has, or may have.
func lost(b *blinded, named []plan.Claim) []plan.Claim {
	p := b.read(-1, true).Facts.Plan
	return slices.DeleteFunc(slices.Clone(named), func(c plan.Claim) bool {
		keeps := func(o plan.Claim) bool {
			return o.Kind.InUse() && o.Owner().Director == c.Owner().Director && o.Range.Contains(c.Range.From())
		}
		groupless := strings.HasPrefix(b.how, "emptied instance_groups") && c.Kind == plan.VIP    // an addon goes nowhere
		groupless = groupless || strings.Contains(b.how, ".exclude.")                             // with a condition less it keeps from more
		groupless = groupless || strings.HasSuffix(b.how, ".vm_extensions") && c.Kind == plan.VIP // nobody chooses it
		return b.lines(c.At) || groupless || slices.ContainsFunc(p.Claims, keeps) ||
			slices.ContainsFunc(p.BlindSpots, func(s plan.BlindSpot) bool { return slices.ContainsFunc(s.May, keeps) })
	})
}

// mistake makes one that a person makes: a name that is not defined, another range,
// nothing in a list. cloud_properties stay, which decide where an address is, and so do
// the names of what may have any name.
func (r random) mistake(t testing.TB, m *madeUp) *blinded {
	i := r.IntN(len(m.files))
	path := m.files[i].path
	root := copied(m.files[i].doc.Node())
	all := holes(root)
	h := all[r.IntN(len(all))]
	if slices.Contains(h.path, "cloud_properties") || slices.Contains(h.path, "properties") {
		return nil
	}
	what, before := strings.Join(h.path, "."), *h.node
	b := &blinded{madeUp: m, file: i}
	switch {
	case h.node.Kind != yaml.ScalarNode && r.chance(2):
		b.how = "null " + what
		*h.node = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: before.Line, Column: before.Column}
	case h.node.Kind != yaml.ScalarNode:
		b.how = "emptied " + what
		h.node.Content = nil
	case h.key != nil && h.key.Value == "range":
		b.how = "other " + what
		h.node.Value = "10.77.0.0/24"
	case h.key != nil && h.key.Value == "gateway":
		b.how = "other " + what
		h.node.Value = "10.77.0.1"
	case h.key != nil && (h.key.Value == "name" || h.key.Value == "type" || h.key.Value == "network") && slices.ContainsFunc(h.path, func(key string) bool { return strings.Contains(key, "network") }):
		b.how = "misspelt " + what
		h.node.Value = r.misspelt(h.node.Value)
	default:
		return nil
	}
	first, last := span(&before)
	b.lines = func(p place.Place) bool {
		return p.File == path && p.Line >= first && p.Line <= last && (last > first || p.Line != first || before.Kind != yaml.ScalarNode)
	}
	b.madeUp = m.with(t, i, root)
	return b
}

func testNeverGreener(t *testing.T, r random, next func() *madeUp, n int) {
	failed := map[string]int{}
	because, kinds := neverGreener(t, r, next, n, true, func(b *blinded, q question) {
		key := q.name[:min(4, len(q.name))] + " " + strings.Fields(b.how)[0] + " " + lastWord(b.how)
		failed[key]++
		if failed[key] == 1 {
			text := ""
			if f := b.files[b.file]; f.doc != nil {
				out, err := yaml.Marshal(f.doc.Node())
				text = "--- " + f.path + "\n" + string(out)
				if err != nil {
					text = err.Error()
				}
			}
			t.Errorf("%s: exit 0, and was %d before anything was hidden; %s\n%s%v", q.name, q.exit, b, text, q.at)
		}
	})
	for _, k := range sortedKeys(kinds) {
		t.Logf("%6d %s", kinds[k], k)
	}
	for _, k := range sortedKeys(failed) {
		t.Errorf("%d violations: %s", failed[k], k)
	}
	t.Logf("%d blindings, %d of what the run was refused for", n, because)
	if because < n/2 {
		t.Errorf("only %d of %d runs were refused because of what was then hidden", because, n)
	}
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// TestP1CanFail shows that the property finds a linter that knows no blind spots,
// within a hundred blindings.
func TestP1CanFail(t *testing.T) {
	t.Parallel()
	violations := 0
	r := random{rand.New(rand.NewPCG(11, 1))}
	neverGreener(t, r, func() *madeUp { return r.fleet(t) }, 100, false, func(*blinded, question) { violations++ })
	if violations == 0 {
		t.Error("100 blindings, and nothing was wrong without blind spots")
	}
	t.Logf("%d violations in 100 blindings without blind spots", violations)
}

// TestP2HiddenIsNotWrong puts a variable in the place of any value of fleets whose
// directors refuse nothing: they still refuse nothing.
func TestP2HiddenIsNotWrong(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(12, 1))}
	failed, tried := map[string]bool{}, 0
	for tried < scale(t)/4 {
		m := r.fleet(t)
		if len(refusedByDirectors(m.lint(-1, true).findings)) > 0 {
			continue
		}
		for range 20 {
			b, count := r.hide(t, m)
			if count == 0 {
				continue
			}
			tried++
			hidden := b.lint(-1, true)
			for _, f := range wrongOnly(m.lint(-1, true).findings, hidden.findings) {
				if key := f.Rule + lastWord(b.how); !failed[key] {
					failed[key] = true
					t.Errorf("%s: only where something hides: %s: %s\n%s", b, f.Rule, f.Message, b.text(f))
				}
			}
			for _, f := range refusedByDirectors(hidden.findings) {
				if key := f.Rule + lastWord(b.how); !failed[key] {
					failed[key] = true
					t.Errorf("%s: %s: %s\n%s", b, f.Rule, f.Message, b.text(f))
				}
			}
		}
	}
}

// wrongOnly are the errors about addresses of which nothing is wrong where all is seen.
func wrongOnly(seen, hidden []lint.Finding) (list []lint.Finding) {
	wrong := func(f lint.Finding) bool { return f.Severity >= lint.Error && f.Range.IsValid() }
	for _, f := range hidden {
		if wrong(f) && !slices.ContainsFunc(seen, func(o lint.Finding) bool { return wrong(o) && o.Range.Overlaps(f.Range) }) {
			list = append(list, f)
		}
	}
	return list
}

// text is what the files say that have part in a finding, and the one of which a part
// hides.
func (b *blinded) text(f lint.Finding) string {
	var text strings.Builder
	for i := range b.files {
		in := i == b.file || slices.ContainsFunc(f.Claims, func(p lint.Party) bool { return p.At.File == b.files[i].path })
		if !in || b.files[i].doc == nil {
			continue
		}
		out, err := yaml.Marshal(b.files[i].doc.Node())
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&text, "--- %s\n%s", b.files[i].path, out)
	}
	return text.String()
}

// unfilled is what stands where a value, or a key, is to come: a variable of the bosh CLI, or
// a template of another tool, which nobody has filled in.
func (r random) unfilled(name string, key bool) string {
	if r.chance(2) {
		return "((" + name + "))"
	}
	forms := []string{"${%s}", "{{ %s }}", "<%%= %s %%>", "(@= %s @)", "(( grab %s ))", "x-${%s}", "{{ %s }}-x"}
	if !key {
		forms = append(forms, "__%s__", "$%s")
	}
	return fmt.Sprintf(forms[r.IntN(len(forms))], name)
}

// hide puts fresh variables, or templates, in the place of one to three values or keys.
func (r random) hide(t testing.TB, m *madeUp) (*blinded, int) {
	i := r.IntN(len(m.files))
	if m.files[i].kind == fleet.RuntimeConfigs {
		return nil, 0
	}
	root := copied(m.files[i].doc.Node())
	b := &blinded{madeUp: m, file: i}
	count := 1 + r.IntN(2)
	for n := range count {
		all := holes(root)
		h := all[r.IntN(len(all))]
		isKey := h.key != nil && r.chance(4)
		variable := scalar(r.unfilled(fmt.Sprintf("blind%d", n), isKey), h.node)
		if isKey {
			b.how += " the key " + strings.Join(h.path, ".")
			*h.key = *variable
			continue
		}
		b.how += " " + strings.Join(h.path, ".")
		*h.node = *variable
	}
	b.madeUp = m.with(t, i, root)
	return b, count
}
