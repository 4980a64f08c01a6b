//go:build !race

package survey_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// TestP3NoLouderThanNeeded hides a value and then puts every other value in its
// place that its director would take. Where none of them changes the verdict of a
// run, hiding it must not change it either: neither the exit code nor the findings,
// but for the one that tells of the variable.
//
// The oracle tries values. It knows nothing of what may hide where.
func TestP3NoLouderThanNeeded(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(13, 1))}
	compared, differing, tried := map[string]int{}, map[string]int{}, 0
	failed := map[string]bool{}
	for tried < max(min(80, scale(t)/10), scale(t)/25) {
		m := r.fleet(t)
		if len(refusedByDirectors(m.lint(-1, true).findings)) > 0 {
			continue
		}
		for range 6 {
			h, values := r.fillable(m)
			if h == nil {
				continue
			}
			tried++
			target := r.IntN(len(m.files)+1) - 1
			first, equal := verdict{}, true
			admitted := 0
			for _, v := range append(values, h.was) {
				filled := m.filled(t, h, v)
				if len(refusedByDirectors(filled.lint(-1, true).findings)) > 0 {
					continue // its director would not take it
				}
				if now := verdictOf(filled.lint(target, true)); admitted == 0 {
					first = now
				} else if !now.equal(first) {
					equal = false
					break
				}
				admitted++
			}
			if !equal || admitted < 2 {
				differing[h.kind]++
				continue
			}
			compared[h.kind]++
			hidden := verdictOf(m.filled(t, h, "((blind))").lint(target, true))
			pool := strings.Contains(h.kind, "range") || strings.HasSuffix(h.kind, "static") || strings.HasSuffix(h.kind, "reserved")
			if pool && first.exit == 1 && hidden.exit != 0 && len(hidden.doubts) > 0 && hidden.within(first) {
				continue // a pool of which nobody can see what it holds proves no conflict; it is one of doubt
			}
			if !hidden.equal(first) && !failed[h.kind] {
				failed[h.kind] = true
				text := ""
				for _, f := range m.files {
					out, _ := yaml.Marshal(f.doc.Node())
					text += "--- " + f.path + "\n" + string(out)
				}
				of := "the whole fleet"
				if target >= 0 {
					of = m.files[target].path
				}
				t.Errorf("lint of %s: %s of %s hides, and no value there changes anything (%d tried):\n%s\nit is said:\n%s\n%s", of, h.kind, m.files[h.file].path, admitted, first, hidden, text)
			}
		}
	}
	for _, kind := range sortedKeys(compared) {
		t.Logf("%5d compared, %5d where it matters: %s", compared[kind], differing[kind], kind)
	}
	if scale(t) >= 800 && len(compared) < 8 {
		t.Errorf("only these values never mattered: %v", compared)
	}
}

// verdict is how a run ends, and what it finds.
type verdict struct {
	exit     int
	findings []string
	doubts   []string
}

func verdictOf(o outcome) verdict {
	v := verdict{exit: o.exit}
	for _, f := range o.findings {
		if f.Rule != lint.HiddenAddressID && f.Severity >= lint.Error {
			v.findings = append(v.findings, partsOf(f))
		}
	}
	for _, d := range o.doubts {
		v.doubts = append(v.doubts, d.Trouble().Message)
	}
	slices.Sort(v.findings)
	return v
}

func (v verdict) equal(o verdict) bool {
	return v.exit == o.exit && slices.Equal(v.findings, o.findings)
}

// within reports whether o finds all that v does.
func (v verdict) within(o verdict) bool {
	return !slices.ContainsFunc(v.findings, func(f string) bool { return !slices.Contains(o.findings, f) })
}

func (v verdict) String() string {
	return fmt.Sprintf("exit %d\n%s\n%s", v.exit, strings.Join(v.findings, "\n"), strings.Join(v.doubts, "\n"))
}

// fillableHole is a place of which every admissible value can be tried.
type fillableHole struct {
	file int
	path []string
	kind string
	was  string
}

// fillable picks a place at random, with values to try there.
func (r random) fillable(m *madeUp) (*fillableHole, []string) {
	i := r.IntN(len(m.files))
	all := holes(m.files[i].doc.Node())
	r.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	for _, h := range all {
		if h.node.Kind != yaml.ScalarNode {
			continue
		}
		kind, values := valuesFor(m.files[i].kind, h.path)
		if kind != "" {
			if m.six {
				kind, values = "IPv6 "+kind, slices.Clone(values)
				for j := range values {
					values[j] = asSix(values[j])
				}
				if strings.Contains(kind, "range") {
					values = append(values, "fd00::/48") // all VLANs, as 10.0.0.0/8 is
				}
			}
			return &fillableHole{file: i, path: h.path, kind: kind, was: h.node.Value}, values
		}
	}
	return nil, nil
}

func (m *madeUp) filled(t testing.TB, h *fillableHole, value string) *madeUp {
	root := copied(m.files[h.file].doc.Node())
	for _, hole := range holes(root) {
		if slices.Equal(hole.path, h.path) {
			tag := "!!str"
			if strings.HasSuffix(h.kind, "instances") && !strings.Contains(value, "((") {
				tag = "!!int"
			}
			*hole.node = *scalar(value, hole.node)
			hole.node.Tag = tag
		}
	}
	return m.with(t, h.file, root)
}

// everyAddress are those of both VLANs, some of the public network, and one that
// is nowhere.
var everyAddress = func() []string {
	list := []string{"192.168.7.7"}
	for n := range 32 {
		list = append(list, ip(0, n))
	}
	for n := range 16 {
		list = append(list, ip(1, n))
	}
	for n := range 6 {
		list = append(list, ip(9, n))
	}
	return list
}()

// everyRange are ranges of both VLANs: single addresses, and from one end or to the
// other.
var everyRange = func() []string {
	list := []string{ip(0, 5) + " - " + ip(0, 2), ip(0, 0) + "/27"}
	for n := 1; n < 31; n++ {
		list = append(list, ip(0, n), ip(0, 1)+" - "+ip(0, n), ip(0, n)+" - "+ip(0, 30), ip(0, 8)+" - "+ip(0, n))
	}
	for n := 1; n < 15; n++ {
		list = append(list, ip(1, n), ip(1, 1)+" - "+ip(1, n), ip(1, n)+" - "+ip(1, 14))
	}
	return list
}()

// valuesFor are the values to try at a place; kind is empty where they are too many
// to try, or none is an address or has to do with one.
func valuesFor(kind fleet.Kind, path []string) (string, []string) {
	last := path[len(path)-1]
	under := func(key string) bool { return len(path) >= 2 && path[len(path)-2] == key }
	switch {
	case last == "vip" || last == "vips":
		return "a virtual address", everyAddress
	case last == "virtual_router_id":
		return "a router's id", []string{"1", "51", "52", "53"}
	case last == "name" && under("cloud_properties"):
		return "a network's name", []string{"VLAN-0", "VLAN-1", "x"}
	case last == "subnet" && under("cloud_properties"):
		return "a cloud's id", []string{"subnet-1", "subnet-2", "subnet-3", "no id"} // a director takes any
	case under("static_ips"):
		return "static_ips (" + string(kind) + ")", everyAddress
	case under("reserved"):
		return "reserved", everyRange
	case under("static"):
		return "static", append(everyRange, everyAddress...)
	case under("dns"):
		return "dns", everyAddress
	case last == "gateway":
		return "gateway (" + string(kind) + ")", everyAddress
	case last == "range":
		var list []string
		for _, bits := range []int{8, 16, 22, 23, 24, 25, 26, 27, 28, 29} {
			list = append(list, fmt.Sprintf("10.0.0.0/%d", bits), fmt.Sprintf("10.0.1.0/%d", bits))
		}
		return "range (" + string(kind) + ")", append(list, "192.168.0.0/24", "10.0.0.16/28", "10.0.0.0/30")
	case last == "instances":
		return "instances", []string{"0", "1", "2", "5", "40"}
	case under("azs") || last == "az":
		return "a zone", []string{"z1", "z2", "z3"}
	case last == "lifecycle":
		return "lifecycle", []string{"service", "errand"}
	case last == "vm_type", last == "stemcell", last == "release", last == "mbus", last == "job", last == "version":
		return last, []string{"small", "x"}
	case last == "name" && kind == fleet.Deployments && len(path) == 1:
		return "a deployment's name", []string{"x", "y-z"}
	case last == "name" && kind == fleet.Deployments && len(path) == 3:
		return "a group's name", []string{"x", "y-z"}
	}
	return "", nil
}
