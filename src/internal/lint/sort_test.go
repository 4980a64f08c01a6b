//go:build !race

package lint

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

var compareRange = cmpopts.EquateComparable(netipx.IPRange{})

// sorted lists findings in the order in which the user shall see them; each
// differs from the one before in what decides the order.
func sorted() []Finding {
	at := func(file string, line, column int) []Party {
		return []Party{{At: place.Place{File: file, Line: line, Column: column}}}
	}
	return []Finding{
		{Rule: "z", Message: "of no place"},
		{Rule: "z", Claims: at("a.yml", 1, 1)},
		{Rule: "a", Claims: at("a.yml", 2, 1)},
		{Rule: "b", Claims: at("a.yml", 2, 1), Range: addresses("10.0.0.1", "10.0.0.1")},
		{Rule: "b", Claims: at("a.yml", 2, 1), Range: addresses("10.0.0.1", "10.0.0.9")},
		{Rule: "b", Claims: at("a.yml", 2, 1), Range: addresses("10.0.0.2", "10.0.0.2")},
		{Rule: "b", Claims: at("a.yml", 2, 1), Range: addresses("2001:db8::1", "2001:db8::1")},
		{Rule: "a", Claims: at("a.yml", 2, 9)},
		{Rule: "a", Claims: at("a.yml", 10, 1), Severity: Error},
		{Rule: "a", Claims: at("a.yml", 10, 1), Severity: Warning},
		{Rule: "a", Claims: at("a.yml", 10, 1), Severity: Warning, Message: "more"},
		{Rule: "a", Claims: at("b.yml", 1, 1)},
		{Rule: "a", Claims: append(at("b.yml", 1, 1), at("c.yml", 1, 1)...)},
	}
}

func addresses(from, to string) netipx.IPRange {
	return netipx.IPRangeFrom(netip.MustParseAddr(from), netip.MustParseAddr(to))
}

func TestSortIsTheSameForEveryInputOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		findings := append(sorted(), sorted()...) // every finding twice
		random.Shuffle(len(findings), func(i, j int) { findings[i], findings[j] = findings[j], findings[i] })
		if diff := cmp.Diff(sorted(), Sort(findings), compareRange, cmpopts.IgnoreUnexported(Finding{})); diff != "" {
			t.Fatalf("wrong order or duplicates (-want +got):\n%s", diff)
		}
	}
}

func TestSortOfNothing(t *testing.T) {
	if got := Sort(nil); len(got) != 0 {
		t.Errorf("Sort(nil) = %v", got)
	}
}

// Two findings may only be compacted if no field tells them apart: a field that
// compareFindings forgets would make findings vanish.
func TestEveryFieldTellsFindingsApart(t *testing.T) {
	whole := func() Finding { return Finding{Claims: []Party{{}}} }
	leaves := 0
	eachLeaf(reflect.TypeFor[Finding](), "Finding", nil, func(name string, set func(reflect.Value)) {
		leaves++
		changed := whole()
		set(reflect.ValueOf(&changed).Elem())
		if compareFindings(whole(), changed) == 0 || compareFindings(whole(), changed) != -compareFindings(changed, whole()) {
			t.Errorf("%s does not decide the order", name)
		}
	})
	if leaves < 20 {
		t.Errorf("visited %d fields; the walk misses some", leaves)
	}
}

// eachLeaf calls visit for every field below typ with a function that sets it
// to something other than the zero value.
func eachLeaf(typ reflect.Type, name string, get func(reflect.Value) reflect.Value, visit func(string, func(reflect.Value))) {
	if get == nil {
		get = func(v reflect.Value) reflect.Value { return v }
	}
	if typ == reflect.TypeFor[netipx.IPRange]() {
		visit(name, func(v reflect.Value) { get(v).Set(reflect.ValueOf(addresses("10.0.0.1", "10.0.0.2"))) })
		return
	}
	switch typ.Kind() {
	case reflect.Struct:
		for i := range typ.NumField() {
			if field := typ.Field(i).Name; typ == reflect.TypeFor[Finding]() && (field == "advise" || field == "More") {
				continue // what it makes follows from the other fields, and what is folded is sorted
			} else if typ == reflect.TypeFor[Party]() && field == "Claim" {
				continue // the other fields, and the message, are made of it
			}
			eachLeaf(typ.Field(i).Type, name+"."+typ.Field(i).Name, func(v reflect.Value) reflect.Value { return get(v).Field(i) }, visit)
		}
	case reflect.Slice:
		eachLeaf(typ.Elem(), name+"[0]", func(v reflect.Value) reflect.Value { return get(v).Index(0) }, visit)
	case reflect.String:
		visit(name, func(v reflect.Value) { get(v).SetString("x") })
	case reflect.Int:
		visit(name, func(v reflect.Value) { get(v).SetInt(7) })
	case reflect.Uint8:
		visit(name, func(v reflect.Value) { get(v).SetUint(1) })
	default:
		panic("a field of a kind that this walk does not know: " + name)
	}
}

func TestFingerprint(t *testing.T) {
	promo := Party{Owner: plan.Owner{Director: "promo", Deployment: "pgpool"}, At: place.Place{File: "promo/pgpool.yml", Line: 33, Column: 7}}
	west := Party{Owner: plan.Owner{Director: "dr-west", Deployment: "director"}, At: place.Place{File: "dr-west/director.yml", Line: 14, Column: 17}}
	base := Finding{Rule: "r", Segment: "vlan-52", Range: addresses("10.8.52.191", "10.8.52.191"), Message: "m", Claims: []Party{west, promo}}
	change := func(edit func(*Finding)) Finding {
		f := base
		f.Claims = []Party{west, promo}
		edit(&f)
		return f
	}
	same := map[string]Finding{
		"other lines":      change(func(f *Finding) { f.Claims[0].At.Line, f.Claims[1].At.File = 99, "moved.yml" }),
		"other wording":    change(func(f *Finding) { f.Message, f.Why, f.Suggestion = "n", "w", "s" }),
		"sides swapped":    change(func(f *Finding) { f.Claims = []Party{promo, west} }),
		"one owner twice":  change(func(f *Finding) { f.Claims = []Party{promo, west, promo} }),
		"another severity": change(func(f *Finding) { f.Severity = Info }),
	}
	other := map[string]Finding{
		"another rule":    change(func(f *Finding) { f.Rule = "s" }),
		"another segment": change(func(f *Finding) { f.Segment = "vlan-53" }),
		"other addresses": change(func(f *Finding) { f.Range = addresses("10.8.52.191", "10.8.52.192") }),
		"another owner":   change(func(f *Finding) { f.Claims[0].Owner.Director = "dr-east" }),
		"an owner less":   change(func(f *Finding) { f.Claims = f.Claims[:1] }),
		"no addresses":    change(func(f *Finding) { f.Range = netipx.IPRange{} }),
	}
	for name, f := range same {
		if f.Fingerprint(nil) != base.Fingerprint(nil) {
			t.Errorf("%s: the fingerprint changed", name)
		}
	}
	for name, f := range other {
		if f.Fingerprint(nil) == base.Fingerprint(nil) {
			t.Errorf("%s: the fingerprint is the same", name)
		}
	}
	a := Finding{Rule: "unknown-key", Message: "unknown key a", Claims: []Party{promo}}
	b := Finding{Rule: "unknown-key", Message: "unknown key b", Claims: []Party{promo}}
	if a.Fingerprint(nil) == b.Fingerprint(nil) {
		t.Error("two findings without addresses have one fingerprint")
	}
}
