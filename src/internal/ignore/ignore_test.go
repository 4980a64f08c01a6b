//go:build !race

package ignore

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

var today = day("2026-11-21")

func TestScan(t *testing.T) {
	const text = "a: 1\n" +
		"  b: [10.0.0.1]  # ipguard: ignore[vip-in-pool] until 2027-01-31 -- the balancer -- moves\r\n" +
		"#ipguard:ignore[a,b]until 2027-01-31 --why\n" +
		"ü: x\t# ipguard:   ignore [ a ]  until   2027-01-31  --  why  \n" +
		"url: http://x/#ipguard: ignore[a] until 2027-01-31 -- no comment\n" +
		"# see ipguard: it is no comment for it\n" +
		"# ipguard:\n" +
		"# ipguard: ignroe[a]\n" +
		"# ipguard: ignore\n" +
		"# ipguard: ignore[]\n" +
		"# ipguard: ignore[a, ]\n" +
		"# ipguard: ignore[a\n" +
		"# ipguard: ignore[a]\n" +
		"# ipguard: ignore[a] -- why\n" +
		"# ipguard: ignore[a] until\n" +
		"# ipguard: ignore[a] until tomorrow -- why\n" +
		"# ipguard: ignore[a] until 2027-02-29 -- why\n" +
		"# ipguard: ignore[a] until 2027-01-31\n" +
		"# ipguard: ignore[a] until 2027-01-31 --\n" +
		"# ipguard: ignore[a] until 2027-01-31 because -- why"
	want := []string{
		"2:18 [vip-in-pool] 2027-01-31 the balancer -- moves",
		"3:1 [a b] 2027-01-31 why",
		"4:6 [a] 2027-01-31 why",
		"7:1 ! a comment for ipguard begins with ignore[RULE], not with nothing",
		"8:1 ! a comment for ipguard begins with ignore[RULE], not with ignroe[a]",
		"9:1 ! the comment does not say which rule it ignores",
		"10:1 ! the comment does not say which rule it ignores",
		"11:1 ! the comment does not say which rule it ignores",
		"12:1 ! the comment does not say which rule it ignores",
		"13:1 ! the comment does not say until when it holds",
		"14:1 ! the comment does not say until when it holds",
		"15:1 ! behind ignore[RULE] comes until and a date, not until",
		"16:1 ! the comment's date is no day of the form 2027-01-31: tomorrow",
		"17:1 ! the comment's date is no day of the form 2027-01-31: 2027-02-29",
		"18:1 ! the comment gives no reason",
		"19:1 ! the comment gives no reason",
		"20:1 ! behind ignore[RULE] comes until and a date, not until 2027-01-31 because",
	}
	var got []string
	for _, d := range Scan("f.yml", []byte(text)) {
		at := strings.TrimPrefix(d.At.String(), "f.yml:")
		if d.Problem != "" {
			got = append(got, at+" ! "+d.Problem)
			continue
		}
		got = append(got, at+" ["+strings.Join(d.Rules, " ")+"] "+d.Until.Format(time.DateOnly)+" "+d.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func addresses(from, to string) netipx.IPRange {
	return netipx.IPRangeFrom(netip.MustParseAddr(from), netip.MustParseAddr(to))
}

func party(director, deployment, file string, line int) lint.Party {
	return lint.Party{
		Owner: plan.Owner{Director: director, Deployment: deployment}, Kind: plan.Static,
		At: place.Place{File: file, Line: line, Column: 7},
	}
}

// found is a finding about 10.0.0.9 in which a/web and b have part.
func found(rule string) lint.Finding {
	return lint.Finding{
		Rule: rule, Severity: lint.Error, Message: "m", Range: addresses("10.0.0.9", "10.0.0.9"),
		Claims: []lint.Party{party("a", "web", "web.yml", 3), party("b", "", "b.yml", 5)},
	}
}

func directive(file string, line int, text string) Directive {
	d := parse(text)
	d.At = place.Place{File: file, Line: line, Column: 20}
	return d
}

func allowance(rule, until string, owners ...string) Allowance {
	return Allowance{
		Rule: rule, Ranges: []netipx.IPRange{addresses("10.0.0.8", "10.0.0.9")}, Owners: owners, Until: day(until),
		At: place.Place{File: "ipguard.yml", Line: 9, Column: 3},
	}
}

// outcome is what is left of a run: "rule" for each finding, with its severity
// where it is about an exception.
func outcome(findings []lint.Finding, e Exceptions, seen Seen) []string {
	kept, accepted := Judge(findings, e, today, seen)
	var list []string
	for _, f := range kept {
		list = append(list, f.Rule)
	}
	for range accepted {
		list = append(list, "accepted")
	}
	return list
}

func TestJudge(t *testing.T) {
	const ok = " until 2026-11-21 -- why"
	comment := func(file string, line int, text string) Exceptions {
		return Exceptions{Directives: []Directive{directive(file, line, text)}}
	}
	allow := func(a Allowance) Exceptions { return Exceptions{Allowances: []Allowance{a}} }
	for name, c := range map[string]struct {
		rule string
		e    Exceptions
		want string
	}{
		"on the first line, its last day":   {"vip-in-pool", comment("web.yml", 3, "ignore[vip-in-pool]"+ok), "accepted"},
		"on the other side's line":          {"vip-in-pool", comment("b.yml", 5, "ignore[vip-in-pool]"+ok), "accepted"},
		"of another rule":                   {"vip-in-pool", comment("web.yml", 3, "ignore[dns-in-pool]"+ok), "vip-in-pool unused-exception"},
		"of two rules, one found":           {"vip-in-pool", comment("web.yml", 3, "ignore[dns-in-pool, vip-in-pool]"+ok), "unused-exception accepted"},
		"on another line":                   {"vip-in-pool", comment("web.yml", 4, "ignore[vip-in-pool]"+ok), "vip-in-pool unused-exception"},
		"in another file":                   {"vip-in-pool", comment("x.yml", 3, "ignore[vip-in-pool]"+ok), "vip-in-pool unused-exception"},
		"expired":                           {"vip-in-pool", comment("web.yml", 3, "ignore[vip-in-pool] until 2026-11-20 -- why"), "vip-in-pool expired-exception"},
		"without a reason":                  {"vip-in-pool", comment("web.yml", 3, "ignore[vip-in-pool] until 2026-11-21"), "vip-in-pool invalid-exception"},
		"of no rule":                        {"vip-in-pool", comment("web.yml", 3, "ignore[vip-in-pol]"+ok), "vip-in-pool invalid-exception"},
		"of a rule and no rule":             {"vip-in-pool", comment("web.yml", 3, "ignore[vip-in-pool, vip-in-pol]"+ok), "vip-in-pool invalid-exception"},
		"for a clash":                       {"address-claimed-twice", comment("web.yml", 3, "ignore[address-claimed-twice]"+ok), "address-claimed-twice invalid-exception"},
		"for exceptions":                    {"vip-in-pool", comment("web.yml", 3, "ignore[unused-exception]"+ok), "vip-in-pool invalid-exception"},
		"allowed":                           {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-21", "b", "a/web")), "accepted"},
		"allowed by directors":              {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-21", "a", "b")), "accepted"},
		"allowed of another rule":           {"address-claimed-twice", allow(allowance("vip-in-pool", "2026-11-21", "a", "b")), "address-claimed-twice unused-exception"},
		"allowed for another deployment":    {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-21", "b", "a/api")), "address-claimed-twice unused-exception"},
		"allowed for one side":              {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-21", "b")), "address-claimed-twice unused-exception"},
		"allowed for a third as well":       {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-21", "a", "b", "c")), "address-claimed-twice unused-exception"},
		"allowed until yesterday":           {"address-claimed-twice", allow(allowance("address-claimed-twice", "2026-11-20", "a", "b")), "address-claimed-twice expired-exception"},
		"allowed of no rule":                {"address-claimed-twice", allow(allowance("address-claimed", "2026-11-21", "a", "b")), "address-claimed-twice invalid-exception"},
		"exceptions cannot be allowed":      {"stale-baseline", allow(allowance("stale-baseline", "2026-11-21", "a", "b")), "stale-baseline invalid-exception"},
		"a director's name with its prefix": {"vip-in-pool", allow(allowance("vip-in-pool", "2026-11-21", "a/we", "b")), "vip-in-pool unused-exception"},
	} {
		got := strings.Join(outcome([]lint.Finding{found(c.rule)}, c.e, All), " ")
		if got = sortWords(got); got != sortWords(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func sortWords(s string) string {
	return strings.Join(slices.Sorted(strings.FieldsSeq(s)), " ")
}

// TestAllAddressesMustBeAllowed: a finding that reaches beyond is another matter.
func TestAllAddressesMustBeAllowed(t *testing.T) {
	f := found("overlapping-pools")
	f.Range = addresses("10.0.0.9", "10.0.0.10")
	e := Exceptions{Allowances: []Allowance{allowance("overlapping-pools", "2027-01-01", "a", "b")}}
	if got := strings.Join(outcome([]lint.Finding{f}, e, AllThatCouldBeRead), " "); got != "overlapping-pools" {
		t.Errorf("got %s", got)
	}
	e.Allowances[0].Ranges = append(e.Allowances[0].Ranges, addresses("10.0.0.10", "10.0.0.10"))
	if got := strings.Join(outcome([]lint.Finding{f}, e, AllThatCouldBeRead), " "); got != "accepted" {
		t.Errorf("with both ranges: got %s", got)
	}
}

func TestExternalOwner(t *testing.T) {
	f := found("external-in-pool")
	f.Claims[0] = lint.Party{Kind: plan.External, Owner: plan.Owner{Property: "load balancer"}}
	e := Exceptions{Allowances: []Allowance{allowance("external-in-pool", "2027-01-01", "load balancer", "b")}}
	if got := strings.Join(outcome([]lint.Finding{f}, e, All), " "); got != "accepted" {
		t.Errorf("got %s", got)
	}
}

// TestNothingIsUnusedInPart: only a run that saw everything can tell that an
// exception is of no use; and one that judges some deploys does not trouble them
// with exceptions of others.
func TestNothingIsUnusedInPart(t *testing.T) {
	e := Exceptions{
		Directives: []Directive{
			directive("x.yml", 1, "ignore[vip-in-pool] until 2027-01-01 -- why"),
			directive("x.yml", 2, "ignore[vip-in-pool] until 2026-01-01 -- why"),
			directive("x.yml", 3, "ignore[vip-in-pool]"),
			directive("web.yml", 3, "ignore[dns-in-pool] until 2026-01-01 -- why"),
			directive("b.yml", 5, "ignore"),
		},
		Allowances: []Allowance{
			allowance("vip-in-pool", "2027-01-01", "a", "b"),
			allowance("nonsense", "2027-01-01", "a", "b"),
			allowance("gateway-in-use", "2026-01-01", "a", "b"),
		},
	}
	findings := []lint.Finding{found("gateway-in-use")}
	for seen, want := range map[Seen]string{
		Part:               "expired-exception expired-exception gateway-in-use invalid-exception",
		AllThatCouldBeRead: "expired-exception expired-exception expired-exception gateway-in-use invalid-exception invalid-exception invalid-exception",
		All:                "expired-exception expired-exception expired-exception gateway-in-use invalid-exception invalid-exception invalid-exception unused-exception unused-exception",
	} {
		if got := sortWords(strings.Join(outcome(findings, e, seen), " ")); got != want {
			t.Errorf("%d: %s, want %s", seen, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add("a: 1 # ipguard: ignore[vip-in-pool] until 2027-01-31 -- why\n")
	f.Add("# ipguard: ignore[a, b] until 2027-01-31 -- why\r\n# ipguard:\r")
	f.Add("ipguard:\n#ipguard:ignore[\x00]until -- \xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Scan("f", []byte(text)) {
			if n := strings.Count(text, "\n") + 1; d.At.Line < 1 || d.At.Line > n || d.At.Column < 1 {
				t.Errorf("a comment at %s of %d lines", d.At, n)
			}
			if d.Problem == "" && (len(d.Rules) == 0 || d.Reason == "" || d.Until.IsZero() && !strings.Contains(text, "0001-01-01")) {
				t.Errorf("a comment without rule, reason or day: %+v", d)
			}
		}
	})
}

// TestWhatACommentAccepts: the address on its line, not what others do in a range;
// and one other owner, or those that it names.
func TestWhatACommentAccepts(t *testing.T) {
	const rule = "static-in-foreign-pool"
	with := func(pool string) lint.Finding {
		f := found(rule)
		f.Message = "10.0.0.9 lies in a pool of " + pool
		f.Claims[1] = party(pool, "", pool+".yml", 5)
		f.Claims[1].Kind = plan.DynamicPool
		return f
	}
	onAddress := func(text string) Directive { return directive("web.yml", 3, "ignore["+rule+"] "+text) }
	onRange := directive("b.yml", 5, "ignore["+rule+"] until 2027-01-31 -- web may sit here")
	for name, c := range map[string]struct {
		findings   []lint.Finding
		directives []Directive
		want       []string
	}{
		"the address":            {[]lint.Finding{with("b")}, []Directive{onAddress("until 2027-01-31 -- why")}, []string{"accepted 1"}},
		"the range":              {[]lint.Finding{with("b")}, []Directive{onRange}, []string{"invalid-exception error", rule + " error", "accepted 0"}},
		"both":                   {[]lint.Finding{with("b")}, []Directive{onAddress("until 2027-01-31 -- why"), onRange}, []string{"unused-exception warning", "accepted 1"}},
		"another one comes":      {[]lint.Finding{with("b"), with("c")}, []Directive{onAddress("until 2027-01-31 -- why")}, []string{"invalid-exception error", rule + " error", rule + " error", "accepted 0"}},
		"which one is meant":     {[]lint.Finding{with("b"), with("c")}, []Directive{onAddress("with b until 2027-01-31 -- why")}, []string{rule + " error", "accepted 1"}},
		"both are meant":         {[]lint.Finding{with("b"), with("c")}, []Directive{onAddress("with b, c until 2027-01-31 -- why")}, []string{"accepted 2"}},
		"somebody else is meant": {[]lint.Finding{with("b")}, []Directive{onAddress("with c until 2027-01-31 -- why")}, []string{"unused-exception warning", rule + " error", "accepted 0"}},
		"over":                   {[]lint.Finding{with("b")}, []Directive{onAddress("until 2026-11-20 -- why")}, []string{"expired-exception warning", rule + " error", "accepted 0"}},
	} {
		kept, accepted := Judge(c.findings, Exceptions{Directives: c.directives}, today, All)
		var got []string
		for _, f := range kept {
			got = append(got, f.Rule+" "+f.Severity.String())
		}
		slices.Sort(got)
		slices.Sort(c.want[:len(c.want)-1])
		if got = append(got, fmt.Sprint("accepted ", accepted)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestShownEntryAccepts: the entry of allow that a finding shows accepts it.
func TestShownEntryAccepts(t *testing.T) {
	f := found("static-in-foreign-pool")
	f.Claims[1].Kind = plan.DynamicPool
	kept, _ := Judge([]lint.Finding{f}, Exceptions{Directives: []Directive{directive("b.yml", 5, "ignore[static-in-foreign-pool] until 2027-01-31 -- \"so\": it is")}}, today, All)
	const want = `- {rule: static-in-foreign-pool, addresses: [10.0.0.9], owners: [a/web, "b"], until: 2027-01-31, reason: "\"so\": it is"}`
	if len(kept) != 2 {
		t.Fatalf("%d left", len(kept))
	}
	for _, k := range kept {
		if k.Rule == f.Rule && !strings.HasSuffix(k.Suggestion, "allow:\n"+want) {
			t.Errorf("%s: %s", k.Rule, k.Suggestion)
		}
	}
	kept, accepted := Judge([]lint.Finding{f}, Exceptions{Allowances: []Allowance{allowance("static-in-foreign-pool", "2027-01-31", "a/web", "b")}}, today, All)
	if len(kept) > 0 || accepted != 1 {
		t.Errorf("%d left", len(kept))
	}
}
