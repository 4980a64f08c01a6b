//go:build !race

package report

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// promisedShape is the JSON shape that users were promised: no key of it may
// be renamed, dropped or change its type; keys may be added behind.
const promisedShape = `{"version":1,"findings":[{"rule":"…","severity":"error|warning|info","message":"…","addresses":"10.8.52.191","segment":"…","director_error":"","claims":[{"director":"…","deployment":"…","instance_group":"…","network":"…","kind":"…","addresses":"…","file":"…","line":1,"column":1}],"suggestion":"…"}],"failures":[{"message":"…","file":"…","line":1}],"summary":{"errors":0,"warnings":0,"infos":0,"directors":0,"deployments":0,"claims":0}}`

func TestJSONHasThePromisedShape(t *testing.T) {
	want := shape(t, json.NewDecoder(strings.NewReader(promisedShape)))
	for _, name := range []string{"incident", "hostile"} {
		got := shape(t, json.NewDecoder(strings.NewReader(goldenNamed(t, name).write(t, "json"))))
		for path, keys := range want {
			if len(got[path]) < len(keys) || !slices.Equal(got[path][:len(keys)], keys) {
				t.Errorf("%s: object %q has the keys %v, promised are %v first", name, path, got[path], keys)
			}
		}
	}
}

// shape returns the keys of every object of a JSON text, in order and with the
// types of their values, by the object's path. Lists count as their elements,
// which must all be alike.
func shape(t *testing.T, decoder *json.Decoder) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	var value func(path string) string
	token := func() json.Token {
		tok, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	value = func(path string) string {
		switch tok := token().(type) {
		case json.Delim:
			if tok == '[' {
				for decoder.More() {
					value(path + "[]")
				}
				token()
				return "list"
			}
			var keys []string
			for decoder.More() {
				key := token().(string)
				keys = append(keys, key+" "+value(path+"."+key))
			}
			token()
			if before, ok := all[path]; ok && !slices.Equal(before, keys) {
				t.Errorf("objects %q differ: %v and %v", path, before, keys)
			}
			all[path] = keys
			return "object"
		default:
			return reflect.TypeOf(tok).String()
		}
	}
	value("")
	return all
}

func goldenNamed(t *testing.T, name string) golden {
	t.Helper()
	for _, g := range goldens() {
		if g.name == name {
			return g
		}
	}
	t.Fatalf("no golden case %q", name)
	return golden{}
}

// What lint found and what a reader of the JSON gets must be the same.
func TestJSONRoundTrip(t *testing.T) {
	result := incident()
	result.Addresses = predicted().Addresses
	var out bytes.Buffer
	if err := writeJSON(&out, result, Options{ShowAddresses: true}); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	var got jsonReport
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		t.Errorf("there is more after the JSON value: %v", err)
	}
	first := result.Findings[0]
	want := jsonFinding{
		Rule: first.Rule, Severity: "error", Message: first.Message, Addresses: "10.8.52.191", Segment: first.Segment,
		Claims: []jsonClaim{{
			Director: "dr-west", Deployment: "director", InstanceGroup: "bosh", Network: "private", Kind: "create-env",
			Addresses: "10.8.52.191", File: "dr-west/director.yml", Line: 14, Column: 18, Note: "create-env VM of dr-west",
		}, {
			Director: "promo", Deployment: "pgpool", InstanceGroup: "pgpool", Network: "default", Kind: "static",
			Addresses: "10.8.52.191", File: "promo/pgpool.yml", Line: 5, Column: 7,
		}, {
			Director: "promo", Network: "default", Kind: "static-pool", Addresses: "10.8.52.0/24",
			File: "promo/cloud-config.yml", Line: 1234, Column: 1,
		}},
		Suggestion: first.Suggestion, Why: first.Why, Fingerprint: first.Fingerprint(nil),
	}
	if diff := cmp.Diff(want, got.Findings[0]); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(jsonFailure{"not valid YAML: did not find expected key", "promo/broken.yml", 7, 1, ""}, got.Failures[1]); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(jsonSummary{1, 1, 1, 2, 5, 312, 0}, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(jsonAddress{"v6", "router", new(int), "z2", "2001:db8:0:1::/64", false, "dynamic"}, (*got.Addresses)[2]); diff != "" {
		t.Errorf("address (-want +got):\n%s", diff)
	}
	if len(got.Findings) != 3 || len(got.Failures) != 2 || len(*got.Addresses) != 4 {
		t.Errorf("%d findings, %d failures, %d addresses", len(got.Findings), len(got.Failures), len(*got.Addresses))
	}
}

// The escapes that keep a terminal safe must not change what a JSON reader gets.
func TestJSONKeepsHostileText(t *testing.T) {
	message := "\x1b[2J \u009b \u202e \U000e0001 \ufeff \ufffe \\ \" \t\n end"
	var out bytes.Buffer
	if err := writeJSON(&out, lint.Result{Findings: []lint.Finding{{Message: message}}}, Options{}); err != nil {
		t.Fatal(err)
	}
	var got jsonReport
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Findings[0].Message != message {
		t.Errorf("got %q, want %q", got.Findings[0].Message, message)
	}
}

func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file := filepath.Join("testdata", "sarif-schema", "sarif-schema-2.1.0.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(file, value); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFIsValid(t *testing.T) {
	schema := sarifSchema(t)
	validate := func(text string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for _, g := range goldens() {
		if err := validate(g.write(t, "sarif")); err != nil {
			t.Errorf("%s: %v", g.name, err)
		}
	}
	// The schema refuses what it should; else the test above shows nothing.
	good := goldenNamed(t, "incident").write(t, "sarif")
	for _, broken := range [][2]string{
		{`"level": "error"`, `"level": "fatal"`},
		{`"startLine": 14`, `"startLine": 0`},
		{`"ruleId"`, `"rule"`},
		{`"version": "2.1.0"`, `"version": "2.0.0"`},
		{`"uri": "dr-west/director.yml"`, `"uri": "%zz"`},
	} {
		text := strings.Replace(good, broken[0], broken[1], 1)
		if text == good {
			t.Errorf("the output does not contain %s", broken[0])
		} else if validate(text) == nil {
			t.Errorf("the schema accepts %s", broken[1])
		}
	}
}

func decodeSARIF(t *testing.T, result lint.Result, options Options) sarifRun {
	t.Helper()
	var out bytes.Buffer
	if err := writeSARIF(&out, result, options); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 {
		t.Fatalf("%d runs", len(log.Runs))
	}
	return log.Runs[0]
}

func TestSARIFRelatedLocationsAreUnique(t *testing.T) {
	run := decodeSARIF(t, places(), Options{})
	for _, r := range run.Results {
		seen := map[string]bool{}
		for _, l := range r.RelatedLocations {
			l.ID, l.Message = 0, nil
			key, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(key)] {
				t.Errorf("%s: %s twice", r.Message.Text, key)
			}
			seen[string(key)] = true
		}
	}
	twice := run.Results[slices.IndexFunc(run.Results, func(r sarifResult) bool { return strings.HasPrefix(r.Message.Text, "twice") })]
	if len(twice.RelatedLocations) != 1 || twice.RelatedLocations[0].Message.Text != "two; three" {
		t.Errorf("related locations %+v, want one for two and three", twice.RelatedLocations)
	}
}

func TestSARIFResultsPointAtTheirRules(t *testing.T) {
	run := decodeSARIF(t, incident(), incidentOptions())
	for _, r := range run.Results {
		if got := run.Tool.Driver.Rules[r.RuleIndex].ID; got != r.RuleID {
			t.Errorf("result of %s points at rule %s", r.RuleID, got)
		}
	}
	if len(run.Results) != 3 || len(run.Tool.Driver.Rules) != 4 {
		t.Errorf("%d results, %d rules", len(run.Results), len(run.Tool.Driver.Rules))
	}
}

func TestSARIFMessagesAreNoTemplates(t *testing.T) {
	f := finding("use {0} or }", lint.Party{At: at("a.yml", 1, 1)}, lint.Party{At: at("b.yml", 1, 1), Note: `a [b] \c`})
	got := decodeSARIF(t, lint.Result{Findings: []lint.Finding{f}}, Options{}).Results[0].Message.Text
	if want := `use {{0}} or }}; see [a \[b\] \\c](1)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Lines may move and files may be renamed: a finding keeps its fingerprint.
// Two findings of one run never share one.
func TestFingerprintsAreStableAndUnique(t *testing.T) {
	finger := func(result lint.Result) (all []string) {
		for _, r := range decodeSARIF(t, result, Options{}).Results {
			all = append(all, r.PartialFingerprints[fingerprintKey])
		}
		return all
	}
	moved := incident()
	for _, f := range moved.Findings {
		for i := range f.Claims {
			f.Claims[i].At = place.Place{File: "moved/" + f.Claims[i].At.File, Line: f.Claims[i].At.Line + 7, Column: 2}
		}
	}
	if diff := cmp.Diff(finger(incident()), finger(moved)); diff != "" {
		t.Errorf("fingerprints moved with the lines:\n%s", diff)
	}
	double := incident()
	double.Findings = append(double.Findings, incident().Findings...)
	double.Failures = append(double.Failures, incident().Failures...)
	seen := map[string]bool{}
	for _, f := range finger(double) {
		if f == "" || seen[f] {
			t.Errorf("SARIF fingerprint %q is empty or not unique", f)
		}
		seen[f] = true
	}
	seen = map[string]bool{}
	for _, issue := range decodeGitLab(t, double) {
		if issue.Fingerprint == "" || seen[issue.Fingerprint] {
			t.Errorf("GitLab fingerprint %q is empty or not unique", issue.Fingerprint)
		}
		seen[issue.Fingerprint] = true
	}
}

func decodeGitLab(t *testing.T, result lint.Result) []gitLabIssue {
	t.Helper()
	var out bytes.Buffer
	if err := writeGitLab(&out, result, Options{}); err != nil {
		t.Fatal(err)
	}
	var issues []gitLabIssue
	if err := json.Unmarshal(out.Bytes(), &issues); err != nil {
		t.Fatal(err)
	}
	return issues
}

// GitLab ignores an issue that lacks one of its fields or has another severity.
func TestGitLabIssuesAreComplete(t *testing.T) {
	known := []string{"info", "minor", "major", "critical", "blocker"}
	for _, g := range goldens() {
		issues := decodeGitLab(t, g.result)
		if want := len(g.result.Findings) + len(g.result.Failures); len(issues) != want || issues == nil {
			t.Errorf("%s: %d issues, want %d", g.name, len(issues), want)
		}
		for _, i := range issues {
			if i.Description == "" || i.CheckName == "" || i.Fingerprint == "" || !slices.Contains(known, i.Severity) ||
				i.Location.Path == "" || i.Location.Lines.Begin < 1 {
				t.Errorf("%s: incomplete issue %+v", g.name, i)
			}
		}
	}
}

// A consumer that is not ours has to read the same numbers.
func TestJUnitIsReadByAConsumer(t *testing.T) {
	for _, tt := range []struct {
		golden                string
		failOn                lint.Severity
		passed, failed, error int
	}{
		{"incident", 0, 2, 1, 2},
		{"incident", lint.Warning, 1, 2, 2},
		{"incident", lint.Info, 0, 3, 2},
		{"clean", 0, 1, 0, 0},
		{"failures", 0, 0, 0, 3},
		{"hostile", 0, 0, 1, 1},
	} {
		g := goldenNamed(t, tt.golden)
		g.options.FailOn = tt.failOn
		suites, err := junit.Ingest([]byte(g.write(t, "junit")))
		if err != nil {
			t.Fatalf("%s: %v", tt.golden, err)
		}
		if len(suites) != 1 || suites[0].Name != "ipguard" {
			t.Fatalf("%s: %+v", tt.golden, suites)
		}
		got := suites[0].Totals
		if got.Passed != tt.passed || got.Failed != tt.failed || got.Error != tt.error || got.Tests != tt.passed+tt.failed+tt.error {
			t.Errorf("%s, fail on %v: %+v", tt.golden, tt.failOn, got)
		}
	}
}

func TestJUnitTestCase(t *testing.T) {
	suites, err := junit.Ingest([]byte(goldenNamed(t, "incident").write(t, "junit")))
	if err != nil {
		t.Fatal(err)
	}
	test := suites[0].Tests[0]
	if test.Classname != "address-claimed-twice" || !strings.HasPrefix(test.Name, "dr-west/director.yml:14:18: 10.8.52.191 is claimed") {
		t.Errorf("test case %s / %s", test.Classname, test.Name)
	}
	if test.Properties["file"] != "dr-west/director.yml" || test.Properties["line"] != "14" {
		t.Errorf("properties %v", test.Properties)
	}
	text := goldenNamed(t, "incident").write(t, "text")
	if body, ok := test.Error.(junit.Error); !ok || !strings.HasPrefix(text, body.Body) || !strings.Contains(body.Body, "::: promo/pgpool.yml:5:7") {
		t.Errorf("the body is not the finding as text: %v", test.Error)
	}
}

func TestGitHubSaysWhatItCannotShow(t *testing.T) {
	for _, tt := range []struct {
		errors, failures, warnings int
		notice                     bool
	}{{10, 0, 10, false}, {11, 0, 0, true}, {10, 1, 0, true}, {0, 0, 11, true}} {
		var result lint.Result
		for range tt.errors {
			result.Findings = append(result.Findings, lint.Finding{Severity: lint.Error})
		}
		for range tt.warnings {
			result.Findings = append(result.Findings, lint.Finding{Severity: lint.Warning})
		}
		result.Failures = make([]trouble.Trouble, tt.failures)
		var out bytes.Buffer
		if err := writeGitHub(&out, result, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.HasPrefix(out.String(), "::notice title=ipguard::GitHub shows at most 10 "); got != tt.notice {
			t.Errorf("%+v: notice %v", tt, got)
		}
		if got := strings.Count(out.String(), "::error "); got != tt.errors+tt.failures {
			t.Errorf("%+v: %d errors", tt, got)
		}
	}
}

// A command ends at the line's end, a property at a comma: neither a message
// nor a file name may end it early or begin another.
func TestGitHubEscapes(t *testing.T) {
	f := finding("100% of\nlines, a: b\r\n::error::x", lint.Party{At: at("a,b:c%.yml", 3, 4)})
	f.Rule = "r,s:t"
	var out bytes.Buffer
	if err := writeGitHub(&out, lint.Result{Findings: []lint.Finding{f}}, Options{}); err != nil {
		t.Fatal(err)
	}
	want := "::error file=a%2Cb%3Ac%25.yml,line=3,col=4,title=ipguard%3A r%2Cs%3At::100%25 of%0Alines, a: b%0A::error::x\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

func TestPartyWithoutKindHasNoKindInJSON(t *testing.T) {
	got := newJSONFinding(lint.Finding{Claims: []lint.Party{{}, {Kind: plan.VIP}}}, Options{})
	if got.Claims[0].Kind != "" || got.Claims[1].Kind != "vip" {
		t.Errorf("kinds %q and %q", got.Claims[0].Kind, got.Claims[1].Kind)
	}
}
