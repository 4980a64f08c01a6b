//go:build !race

package workspace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

const createEnvText = "name: vm\ncloud_provider: {}\nx: ((a))\n"

// open writes files and opens a fleet among them.
func open(t *testing.T, fleetText string, files map[string]string) *Workspace {
	t.Helper()
	t.Chdir(t.TempDir())
	files["ipguard.yml"] = fleetText
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w := Open("ipguard.yml", Reading{Files: source.NewFiles(nil), Now: time.Unix(0, 0)})
	if len(w.Troubles) > 0 {
		t.Fatal(w.Troubles)
	}
	return w
}

// TestIdentity: which entries of one manifest a change is, by its file and inputs.
func TestIdentity(t *testing.T) {
	w := open(t, `directors:
- name: file
  create_env: [{manifest: vm.yml, vars_files: [f.yml]}]
- name: value
  create_env: [{manifest: vm.yml, vars: {a: 1, list: [1, 2]}}]
- name: ops
  create_env: [{manifest: vm.yml, ops_files: [o.yml, p.yml]}]
- name: text
  create_env: [{manifest: vm.yml, var_files: {a: f.yml}}]
- name: store
  create_env: [{manifest: vm.yml, vars_store: none/store.yml}]
- name: environment
  create_env: [{manifest: vm.yml, vars_env: [X]}]
`, map[string]string{"vm.yml": createEnvText + "y: ((list))\n", "f.yml": "a: 1\n", "copy.yml": "a: 1\n", "o.yml": "[]\n", "p.yml": "[]\n", "folder/x": ""})
	for _, link := range [][2]string{{"vm.yml", "link.yml"}, {"../f.yml", "folder/f.yml"}} {
		if err := os.Symlink(link[0], link[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link("vm.yml", "hard.yml"); err != nil {
		t.Fatal(err)
	}
	kv := func(texts ...string) []interpolate.KV {
		var list []interpolate.KV
		for _, text := range texts {
			name, value, _ := strings.Cut(text, "=")
			list = append(list, interpolate.KV{Name: name, Value: value})
		}
		return list
	}
	for name, c := range map[string]struct {
		path   string
		inputs interpolate.Inputs
		want   string
	}{
		"a vars file":                 {"vm.yml", interpolate.Inputs{VarsFiles: []string{"f.yml"}}, "file"},
		"by links":                    {"link.yml", interpolate.Inputs{VarsFiles: []string{"folder/f.yml"}}, "file"},
		"by a hard link":              {"./folder/../hard.yml", interpolate.Inputs{VarsFiles: []string{"./f.yml"}}, "file"},
		"a copy of the vars file":     {"vm.yml", interpolate.Inputs{VarsFiles: []string{"copy.yml"}}, ""},
		"twice":                       {"vm.yml", interpolate.Inputs{VarsFiles: []string{"f.yml", "f.yml"}}, ""},
		"values":                      {"vm.yml", interpolate.Inputs{Vars: kv("list=[1,2]", "a=1")}, "value"},
		"the last value counts":       {"vm.yml", interpolate.Inputs{Vars: kv("a=2", "list=[1,  2]", "a=1")}, "value"},
		"another value":               {"vm.yml", interpolate.Inputs{Vars: kv("a=2", "list=[1, 2]")}, ""},
		"a value of another type":     {"vm.yml", interpolate.Inputs{Vars: kv(`a="1"`, "list=[1, 2]")}, ""},
		"a value less":                {"vm.yml", interpolate.Inputs{Vars: kv("a=1")}, ""},
		"a value that nothing uses":   {"vm.yml", interpolate.Inputs{VarsFiles: []string{"f.yml"}, Vars: kv("unused=1")}, "file"},
		"a value beside a vars file":  {"vm.yml", interpolate.Inputs{VarsFiles: []string{"f.yml"}, Vars: kv("a=1")}, ""},
		"ops files":                   {"vm.yml", interpolate.Inputs{OpsFiles: []string{"o.yml", "p.yml"}}, "ops"},
		"ops files in another order":  {"vm.yml", interpolate.Inputs{OpsFiles: []string{"p.yml", "o.yml"}}, ""},
		"a file's text":               {"vm.yml", interpolate.Inputs{VarFiles: kv("a=folder/f.yml")}, "text"},
		"another file's text":         {"vm.yml", interpolate.Inputs{VarFiles: kv("a=copy.yml")}, ""},
		"a store that is not there":   {"vm.yml", interpolate.Inputs{VarsStore: "./none/store.yml"}, "store"},
		"another store":               {"vm.yml", interpolate.Inputs{VarsStore: "store.yml"}, ""},
		"a prefix of the environment": {"vm.yml", interpolate.Inputs{VarsEnv: []string{"X"}}, "environment"},
		"nothing":                     {"vm.yml", interpolate.Inputs{}, ""},
	} {
		_, directors, err := w.Apply(Change{Path: c.path, Inputs: &c.inputs})
		var unknown *trouble.Trouble
		switch {
		case c.want == "" && !errors.As(err, &unknown):
			t.Errorf("%s: %q, %v; want none", name, directors, err)
		case c.want != "" && (err != nil || !slices.Equal(directors, []string{c.want})):
			t.Errorf("%s: %q, %v; want %s", name, directors, err, c.want)
		}
	}
	if got := targetsOf(w); len(got) > 0 {
		t.Errorf("the workspace itself was changed: %v", got)
	}
}

func targetsOf(w *Workspace) []string {
	var list []string
	for i := range w.Fleet.Directors {
		for _, kind := range fleet.Kinds() {
			for _, e := range *w.Fleet.Directors[i].Files(kind) {
				if e.Target {
					list = append(list, w.Fleet.Directors[i].Name+" "+string(kind)+" "+e.Path)
				}
			}
		}
	}
	return list
}

// TestNothingVanishes: whatever change is applied to whatever fleet, each entry of
// before is there afterwards, but for what the change is known to replace: an entry
// of the same file and inputs; the only one of that file in the director that is
// named, or the only environment of its name there; or a config, of a director that is
// named.
func TestNothingVanishes(t *testing.T) {
	files := map[string]string{"v1.yml": "a: 1\n", "v2.yml": "a: 2\n", "env1.yml": createEnvText, "env2.yml": "name: other\n" + createEnvText[strings.Index(createEnvText, "\n")+1:], "env3.yml": createEnvText,
		"m1.yml": "name: m1\ninstance_groups: []\n", "m2.yml": "name: ((a))\ninstance_groups: []\n", "c1.yml": "networks: []\n", "c2.yml": "networks: []\n"}
	r := rand.New(rand.NewPCG(5, 6))
	inputs := func() interpolate.Inputs {
		return []interpolate.Inputs{{}, {VarsFiles: []string{"v1.yml"}}, {VarsFiles: []string{"v2.yml"}}, {Vars: []interpolate.KV{{Name: "a", Value: "1"}}}}[r.IntN(4)]
	}
	base := open(t, "directors: [{name: x, deployments: [m1.yml]}]\n", files)
	kinds := map[fleet.Kind]string{fleet.CreateEnv: "env", fleet.Deployments: "m", fleet.CloudConfigs: "c"}
	filesOf := map[string]int{"env": 3, "m": 2, "c": 2}
	applied, refused, added := 0, 0, 0
	changes := 20_000
	if sharedtest.Short() {
		changes = 4_000
	}
	for range changes {
		w := base.clone()
		w.Fleet.Directors = nil
		for _, name := range []string{"x", "y"}[:1+r.IntN(2)] {
			d := fleet.Sources{Name: name}
			for kind, prefix := range kinds {
				for range r.IntN(3) {
					e := fleet.SourceFile{Path: fmt.Sprintf("%s%d.yml", prefix, 1+r.IntN(filesOf[prefix])), Inputs: inputs()}
					if list := d.Files(kind); kind != fleet.CloudConfigs || !slices.ContainsFunc(*list, func(o fleet.SourceFile) bool { return o.Path == e.Path }) {
						*list = append(*list, e)
					}
				}
			}
			w.Fleet.Directors = append(w.Fleet.Directors, d)
		}
		prefixes := []string{"env", "m", "c"}
		prefix := prefixes[r.IntN(3)]
		change := Change{Path: fmt.Sprintf("%s%d.yml", prefix, 1+r.IntN(filesOf[prefix]))}
		if r.IntN(3) > 0 {
			in := inputs()
			change.Inputs = &in
		}
		if r.IntN(2) == 0 {
			change.Director = w.Fleet.Directors[r.IntN(len(w.Fleet.Directors))].Name
		}
		before := w.clone()
		after, directors, err := w.Apply(change)
		if !reflect.DeepEqual(w.Fleet, before.Fleet) {
			t.Fatalf("%+v changed the fleet that it was applied to", change)
		}
		if err != nil {
			refused++
			continue
		}
		applied++
		if len(targetsOf(after)) == 0 || len(directors) == 0 {
			t.Fatalf("%+v judges nothing", change)
		}
		for i := range before.Fleet.Directors {
			d := &before.Fleet.Directors[i]
			for _, kind := range fleet.Kinds() {
				now := *after.Fleet.Directors[i].Files(kind)
				for _, e := range *d.Files(kind) {
					if slices.ContainsFunc(now, func(o fleet.SourceFile) bool {
						return !o.Target && o.Path == e.Path && reflect.DeepEqual(o.Inputs, e.Inputs)
					}) {
						continue
					}
					if !mayReplace(change, d, kind, e) {
						t.Fatalf("%+v\nto %+v\nreplaces %+v", change, before.Fleet.Directors, e)
					}
				}
				if len(now) > len(*d.Files(kind)) {
					added++
				}
			}
		}
	}
	t.Logf("%d applied, %d of them new to the fleet; %d refused", applied, added, refused)
	if applied < changes/10 || refused < changes/10 || added < changes/40 {
		t.Error("the changes are not varied enough to say anything")
	}
}

// mayReplace says in the simplest words what a change may take the place of.
func mayReplace(c Change, d *fleet.Sources, kind fleet.Kind, e fleet.SourceFile) bool {
	sameFile := e.Path == c.Path
	named := c.Director == d.Name
	usesA := strings.HasPrefix(c.Path, "env") || c.Path == "m2.yml"
	ofFile, ofName := 0, 0
	isNamed := func(path string) bool { return (path == "env2.yml") == (c.Path == "env2.yml") }
	for _, o := range *d.Files(kind) {
		if o.Path == c.Path {
			ofFile++
		}
		if isNamed(o.Path) {
			ofName++
		}
	}
	switch {
	case sameFile && (c.Inputs == nil || slices.Equal(c.Inputs.VarsFiles, e.Inputs.VarsFiles) &&
		(!usesA || slices.Equal(c.Inputs.Vars, e.Inputs.Vars))):
		return c.Director == "" || named
	case kind == fleet.CreateEnv:
		return named && (sameFile && ofFile == 1 || ofFile == 0 && ofName == 1 && isNamed(e.Path))
	case kind == fleet.CloudConfigs:
		return named || c.Director == "" && sameFile && e.Inputs.Empty()
	}
	return false // a deployment is replaced by its name, which the survey reads
}

// TestWrongNameHasAPlace, also where the manifest has no name at all.
func TestWrongNameHasAPlace(t *testing.T) {
	w := open(t, "directors: [{name: x, deployments: [m.yml]}]\n", map[string]string{"m.yml": "name: m\n", "none.yml": "instance_groups: []\n"})
	for _, path := range []string{"m.yml", "none.yml"} {
		_, _, err := w.Apply(Change{Kind: fleet.Deployments, Director: "x", Name: "other", Path: path, Inputs: &interpolate.Inputs{}})
		var wrong *WrongName
		if !errors.As(err, &wrong) || !wrong.At.IsValid() {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUnreadable: a file that cannot be read is not asked about, whatever the question
// would be: its place and what is wrong with it are told.
func TestUnreadable(t *testing.T) {
	w := open(t, "directors:\n- {name: x, deployments: [{manifest: known.yml, vars: {a: 1}}]}\n- {name: y}\n", map[string]string{
		"known.yml": "a: [((a))\n", "broken.yml": "name: n\na: b: c\n", "empty.yml": "", "fine.yml": "name: n\n", "ops.yml": "- {type: replace, path: /none/none, value: 1}\n",
	})
	for name, c := range map[string]struct {
		change Change
		want   string
	}{
		"in no entry":               {Change{Path: "broken.yml"}, "broken.yml:2:1: not valid YAML"},
		"empty, in no entry":        {Change{Path: "empty.yml"}, "empty.yml:1:1: the file is empty"},
		"gone, in no entry":         {Change{Path: "gone.yml"}, "gone.yml: no such file"},
		"in one with other inputs":  {Change{Path: "known.yml", Inputs: &interpolate.Inputs{}}, "known.yml:1:1: not valid YAML"},
		"by its ops file":           {Change{Path: "fine.yml", Inputs: &interpolate.Inputs{OpsFiles: []string{"ops.yml"}}}, "ops.yml:1:"},
		"nothing is wrong with it":  {Change{Path: "fine.yml"}, "whose is it?"},
		"the fleet file is one too": {Change{Path: "ipguard.yml"}, "is the fleet file"},
	} {
		_, _, err := w.Apply(c.change)
		var told *trouble.Trouble
		if !errors.As(err, &told) || !strings.Contains(told.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
