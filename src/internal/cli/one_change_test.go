//go:build !race

package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// One change, one verdict: whatever the gate is asked to let through, lint of the
// same file, inputs and director says the same, finding by finding and failure by
// failure.

// TestOneVerdictExamples holds both against each other on every file of every
// example fleet.
func TestOneVerdictExamples(t *testing.T) {
	examples, err := filepath.Abs("../../../manifests-examples")
	if err != nil {
		t.Fatal(err)
	}
	fleets, err := filepath.Glob(filepath.Join(examples, "*", "ipguard.yml"))
	if err != nil || len(fleets) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var all verdicts
	for _, path := range fleets {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Dir(path))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		all.compareAll(t, path, nil)
	}
	t.Log(all)
	if all.compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestOneVerdictRandom does so on random fleets: with conflicts, with addresses that
// hide behind variables, with files that cannot be read, by other paths, with other
// inputs.
func TestOneVerdictRandom(t *testing.T) {
	fleets := 20 // scripts/test asks for 1,000, without the race detector
	if sharedtest.Short() {
		fleets = 6
	}
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_FLEETS")); err == nil {
		fleets = wanted
	}
	var all verdicts
	root := t.TempDir()
	for seed := range uint64(fleets) {
		r := rand.New(rand.NewPCG(seed, 7))
		made, err := madefleet.Make(madefleet.Size{
			Directors: 1 + r.IntN(3), Deployments: 1 + r.IntN(2), StaticAddresses: 4 + r.IntN(12), Conflicts: r.IntN(3), Seed: seed, AsWritten: r.IntN(3) == 0,
		})
		if err != nil {
			continue // so many conflicts do not fit
		}
		dir := filepath.Join(root, fmt.Sprint(seed))
		if err := made.Write(dir); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		for range 2 {
			spoil(t, r, made)
		}
		all.compareAll(t, fmt.Sprintf("seed %d", seed), r)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(all)
	if least := fleets / 16; all.compared < fleets || all.codes[ExitOK] < least || all.codes[ExitFindings] < least || all.codes[ExitIncomplete] < least {
		t.Error("the changes are not varied enough to say anything")
	}
}

var anAddress = regexp.MustCompile(`\b10(\.\d+){3}\b`)

// spoil hides an address of one file of the fleet, or breaks the file, now and then.
func spoil(t *testing.T, r *rand.Rand, made *madefleet.Fleet) {
	t.Helper()
	file := made.Files[r.IntN(len(made.Files))]
	if file.Path == madefleet.FleetFile {
		return
	}
	text := file.Text
	switch r.IntN(5) {
	case 0:
		all := anAddress.FindAllIndex(text, -1)
		if len(all) == 0 {
			return
		}
		at := all[r.IntN(len(all))]
		text = slices.Concat(text[:at[0]], []byte("((hidden))"), text[at[1]:])
	case 1:
		text = bytes.Replace(text, []byte("range:"), []byte("rnge:"), 1)
	case 2:
		text = text[:r.IntN(len(text))]
	default:
		return
	}
	writeFile(t, file.Path, text)
}

// verdicts counts what was compared.
type verdicts struct {
	compared, skipped int
	codes             [4]int
}

func (v verdicts) String() string {
	return fmt.Sprintf("%d changes compared: %d without findings, %d with, %d incomplete; %d without a name or a director",
		v.compared, v.codes[ExitOK], v.codes[ExitFindings], v.codes[ExitIncomplete], v.skipped)
}

// target is one change, as both command lines have it.
type target struct {
	kind     fleet.Kind
	director string
	index    int
	path     string
	name     string
	inputs   interpolate.Inputs
	// byFile says that lint finds the inputs and the director by itself.
	byFile bool
}

// compareAll compares on every file of the fleet in the working directory; with r,
// on some variants of each, too.
func (v *verdicts) compareAll(t *testing.T, where string, r *rand.Rand) {
	t.Helper()
	withEnvironments(t)
	streams := Streams{Stdin: strings.NewReader(""), Stderr: new(bytes.Buffer)}
	w := workspace.Open("gated.yml", streams.reading(source.NewFiles(nil), workspace.Mode{}))
	var targets []target
	uses := map[string]int{}
	for i := range w.Fleet.Directors {
		d := &w.Fleet.Directors[i]
		for kind, list := range map[fleet.Kind][]fleet.SourceFile{
			fleet.CloudConfigs: d.CloudConfigs, fleet.RuntimeConfigs: d.RuntimeConfigs, fleet.Deployments: d.Deployments, fleet.CreateEnv: d.CreateEnvs,
		} {
			for _, e := range list {
				uses[e.Path]++
				name := ""
				if kind == fleet.Deployments {
					doc, err := w.Loader.Load(e.Path, e.Inputs)
					if err != nil {
						v.skipped++
						continue // bosh is told a name, and nobody knows which
					}
					name = doc.Root().Field("name").Text()
					if name == "" || e.Name != "" && e.Name != name {
						v.skipped++
						continue
					}
				}
				targets = append(targets, target{kind: kind, director: d.Name, index: i, path: e.Path, name: name, inputs: e.Inputs})
			}
		}
	}
	if r != nil { // map order is not the seed's
		slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.path+" "+a.director, b.path+" "+b.director) })
		r.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
		targets = targets[:1]
	}
	for _, one := range targets {
		v.compare(t, where, one)
		if uses[one.path] == 1 {
			byFile := one
			byFile.byFile = true
			v.compare(t, where, byFile)
		}
		if r == nil {
			continue
		}
		switch r.IntN(4) {
		case 0: // by another path
			if err := os.Symlink(filepath.Base(one.path), one.path+".link.yml"); err != nil {
				t.Fatal(err)
			}
			one.path += ".link.yml"
		case 1: // a copy that the fleet file does not name
			writeFile(t, "copies/copy.yml", []byte(readFile(t, one.path)))
			one.path = "copies/copy.yml"
		case 2: // with another variable
			one.inputs.Vars = append(slices.Clone(one.inputs.Vars), interpolate.KV{Name: "hidden", Value: "10.0.0.9"})
		}
		v.compare(t, where, one)
	}
}

// withEnvironments writes the fleet file again as gated.yml, with an environment for
// each director.
func withEnvironments(t *testing.T) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(readFile(t, "ipguard.yml")), &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value != "directors" {
			continue
		}
		for number, d := range root.Content[i+1].Content {
			for k := 0; k < len(d.Content); k += 2 {
				if d.Content[k].Value == "environment" {
					d.Content = slices.Delete(d.Content, k, k+2)
					break
				}
			}
			var environment yaml.Node
			if err := yaml.Unmarshal([]byte("environment: "+environmentOf(number)), &environment); err != nil {
				t.Fatal(err)
			}
			d.Content = append(d.Content, environment.Content[0].Content...)
		}
	}
	text, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "gated.yml", text)
}

func environmentOf(number int) string { return fmt.Sprintf("https://198.51.100.%d:25555", number+1) }

// compare asks lint and the gate about one change.
func (v *verdicts) compare(t *testing.T, where string, c target) {
	t.Helper()
	linted, lintErr := c.lint()
	gated, gateErr := c.gate(t)
	if (lintErr == nil) != (gateErr == nil) {
		t.Fatalf("%s: %+v\nlint: %v\ngate: %v", where, c, lintErr, gateErr)
	}
	if lintErr != nil {
		v.skipped++
		return
	}
	// What cannot be read does not tell lint what it is for, as a command of bosh does.
	streams := Streams{Stdin: strings.NewReader("")}
	_, unreadable := workspace.Open("gated.yml", streams.reading(source.NewFiles(nil), workspace.Mode{})).Loader.Load(c.path, c.inputs)
	out := &outputs{failOn: lint.Error}
	lintCode, gateCode := codeOf(out.code(linted)), codeOf(out.code(gated))
	if lintCode != gateCode {
		t.Fatalf("%s: %+v: lint ends with %d, the gate with %d\n%v\n%v", where, c, lintCode, gateCode, linted, gated)
	}
	if v.compared, v.codes[lintCode] = v.compared+1, v.codes[lintCode]+1; unreadable != nil {
		return
	}
	options := cmp.Exporter(func(reflect.Type) bool { return true })
	for _, pair := range []struct{ lint, gate any }{{linted.Findings, gated.Findings}, {linted.Failures, gated.Failures}} {
		if diff := cmp.Diff(pair.lint, pair.gate, options); diff != "" {
			t.Fatalf("%s: %+v (-lint +gate):\n%s", where, c, diff)
		}
	}
}

func codeOf(err error) int {
	if code, ok := err.(exitCode); ok {
		return int(code)
	}
	return ExitOK
}

// lint judges the change as ipguard lint does.
func (c target) lint() (lint.Result, error) {
	flags := &lintFlags{fleet: fleetFlags{path: "gated.yml"}, deployment: c.name}
	given := map[string]bool{"fleet": true}
	if !c.byFile {
		flags.director, flags.createEnv = c.director, c.kind == fleet.CreateEnv
		flags.inputs.opsFiles, flags.inputs.varsFiles, flags.inputs.varsEnv = c.inputs.OpsFiles, c.inputs.VarsFiles, c.inputs.VarsEnv
		flags.inputs.vars, flags.inputs.varFiles, flags.inputs.varsStore = valuesOf(c.inputs), textsOf(c.inputs.VarFiles), c.inputs.VarsStore
		given["ops-file"] = !c.inputs.Empty()
	}
	streams := Streams{Stdin: strings.NewReader(""), Stderr: new(bytes.Buffer)}
	j, err := flags.judge([]string{c.path}, func(name string) bool { return given[name] }, source.NewFiles(streams.Stdin), streams)
	if err != nil {
		return lint.Result{}, err
	}
	return j.Result, nil
}

// gate judges the change as ipguard bosh does.
func (c target) gate(t *testing.T) (lint.Result, error) {
	t.Helper()
	args := map[fleet.Kind][]string{
		fleet.CloudConfigs: {"update-cloud-config"}, fleet.RuntimeConfigs: {"update-runtime-config"},
		fleet.Deployments: {"deploy", "-d", c.name}, fleet.CreateEnv: {"create-env"},
	}[c.kind]
	if c.kind != fleet.CreateEnv {
		args = append(args, "-e", environmentOf(c.index))
	}
	args = append(args, c.path)
	for flag, values := range map[string][]string{
		"-o": c.inputs.OpsFiles, "-l": c.inputs.VarsFiles, "--vars-env": c.inputs.VarsEnv, "-v": valuesOf(c.inputs), "--var-file": textsOf(c.inputs.VarFiles),
	} {
		for _, value := range values {
			args = append(args, flag, value)
		}
	}
	if c.inputs.VarsStore != "" {
		args = append(args, "--vars-store", c.inputs.VarsStore)
	}
	change, err := gate.Parse(args)
	if err != nil || change == nil {
		t.Fatalf("%q: %v", args, err)
	}
	streams := Streams{Stdin: strings.NewReader(""), Stderr: new(bytes.Buffer)}
	g := &gateRun{streams: streams, change: change, files: source.NewFiles(streams.Stdin), options: gateOptions{fleet: "gated.yml"}}
	if c.kind == fleet.CreateEnv && !c.byFile {
		g.options.director = c.director
	}
	if err := g.read(); err != nil {
		return lint.Result{}, err
	}
	return g.judge()
}

// valuesOf are the variables that are given by value, as -v takes them.
func valuesOf(in interpolate.Inputs) []string {
	var list []string
	for _, v := range in.Values {
		text, err := yaml.Marshal(v.Value.Node())
		if err != nil {
			panic(err)
		}
		list = append(list, v.Name+"="+strings.TrimSpace(string(text)))
	}
	return append(list, textsOf(in.Vars)...)
}

func textsOf(pairs []interpolate.KV) []string {
	var list []string
	for _, kv := range pairs {
		list = append(list, kv.Name+"="+kv.Value)
	}
	return list
}
