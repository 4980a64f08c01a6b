//go:build !race

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// root is the top of the repository.
const root = "../../.."

// task is a Concourse task file, as far as ours go.
type task struct {
	Platform      string
	ImageResource *struct {
		Type   string
		Source struct{ Repository string }
	} `yaml:"image_resource"`
	Inputs []struct {
		Name     string
		Optional bool
	}
	Outputs []struct{ Name string }
	Params  map[string]string
	Run     struct {
		Path, Dir string
		Args      []string
	}
}

func readTask(t *testing.T, name string) task {
	t.Helper()
	var read task
	decoder := yaml.NewDecoder(strings.NewReader(readText(t, filepath.Join(root, "ci/tasks", name+".yml"))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&read); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return read
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pipeline is a folder in which a task runs: its inputs side by side.
type pipeline struct {
	t   *testing.T
	dir string
	// programs are where a task finds its programs.
	programs string
}

// newPipeline puts an example into the input that tasks have.
func newPipeline(t *testing.T, example string) *pipeline {
	t.Helper()
	sharedtest.Programs(t, "bash", "git", "go")
	p := &pipeline{t: t, dir: t.TempDir(), programs: os.Getenv("PATH")}
	if example != "" {
		if err := os.CopyFS(filepath.Join(p.dir, "fleet"), os.DirFS(filepath.Join(root, "manifests-examples", example))); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// write writes a file below the folder.
func (p *pipeline) write(path, text string) {
	p.t.Helper()
	path = filepath.Join(p.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// imageProgram is where the image of scripts/dist has the program.
const imageProgram = "/usr/bin/ipguard"

// run runs a task as Concourse does: in the folder of its inputs, which must be
// there, with an empty folder for each output that is no input, and nothing but its
// parameters in the environment. params come from the pipeline. A task that runs in
// the image of ipguard finds no other program.
func (p *pipeline) run(name string, params map[string]string, vars ...string) (code int, output string) {
	p.t.Helper()
	declared := readTask(p.t, name)
	inputs := map[string]bool{}
	for _, input := range declared.Inputs {
		_, err := os.Stat(filepath.Join(p.dir, input.Name))
		if err != nil && !input.Optional {
			p.t.Fatalf("%s: no input %s", name, input.Name)
		}
		inputs[input.Name] = err == nil
	}
	for _, o := range declared.Outputs {
		if inputs[o.Name] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(p.dir, o.Name)); err != nil {
			p.t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(p.dir, o.Name), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	program, path := declared.Run.Path, p.programs
	if declared.ImageResource == nil {
		if program != imageProgram {
			p.t.Fatalf("%s runs %s, which the image does not have", name, program)
		}
		var err error
		if program, err = exec.LookPath("ipguard"); err != nil {
			p.t.Fatal(err)
		}
		path = p.dir // no program
	}
	env := []string{"PATH=" + path, "GIT_CONFIG_NOSYSTEM=1", sharedtest.ExitsAtOnce}
	for key, value := range declared.Params {
		if given, ok := params[key]; ok {
			value = given
		}
		env = append(env, key+"="+value)
	}
	for key, value := range params {
		if _, ok := declared.Params[key]; !ok {
			env = append(env, key+"="+value)
		}
	}
	args := slices.Clone(declared.Run.Args)
	for i := range args {
		args[i] = strings.NewReplacer(vars...).Replace(args[i])
	}
	in := *p
	in.dir = filepath.Join(p.dir, declared.Run.Dir)
	return in.execute(env, program, args...)
}

func (p *pipeline) execute(env []string, program string, args ...string) (code int, output string) {
	p.t.Helper()
	cmd := exec.Command(program, args...)
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		cmd.Path = filepath.Join(p.dir, program)
	}
	cmd.Dir, cmd.Env = p.dir, env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("%s: %v", program, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// git runs git in a repository of the folder.
func (p *pipeline) git(repository string, args ...string) string {
	p.t.Helper()
	args = append([]string{"-C", repository, "-c", "user.name=ann", "-c", "user.email=ann@example.org"}, args...)
	code, out := p.execute([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1"}, "git", args...)
	if code != 0 {
		p.t.Fatalf("git %q: %s", args, out)
	}
	return strings.TrimSpace(out)
}

// newRepository makes a git repository of a folder, with all that is in it.
func (p *pipeline) newRepository(name string) {
	p.t.Helper()
	p.write(name+"/README", "made for a test\n")
	p.git(name, "init", "--quiet")
	p.git(name, "add", "--all")
	p.git(name, "commit", "--quiet", "--message", "begin")
}

// TestTaskFiles: all tasks but commit run the program of the image, which is where
// scripts/dist puts it, and no part of them is a script.
func TestTaskFiles(t *testing.T) {
	if !strings.Contains(readText(t, filepath.Join(root, "scripts/tools/dist/image.go")), `"`+strings.TrimPrefix(imageProgram, "/")+`"`) {
		t.Errorf("the image has no %s", imageProgram)
	}
	paths, err := filepath.Glob(filepath.Join(root, "ci/tasks/*.yml"))
	if err != nil || len(paths) != 4 {
		t.Fatalf("%d tasks: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		read := readTask(t, name)
		ours := name != "commit"
		if read.Platform != "linux" || ours != (read.ImageResource == nil) || ours != (read.Run.Path == imageProgram) || ours && read.Run.Args[0] != name {
			t.Errorf("%s: %+v", name, read)
		}
	}
}

// TestLintTask runs the task on fleets of the examples.
func TestLintTask(t *testing.T) {
	for example, want := range map[string]int{"clean": 0, "incident": 1} {
		p := newPipeline(t, example)
		code, out := p.run("lint", nil)
		if code != want {
			t.Errorf("%s: exit code %d\n%s", example, code, out)
		}
		var report struct{ Findings []any }
		if err := json.Unmarshal([]byte(readText(t, filepath.Join(p.dir, "findings/lint.json"))), &report); err != nil || (len(report.Findings) > 0) != (want == 1) {
			t.Errorf("%s: %d findings in the report, error %v", example, len(report.Findings), err)
		}
		for _, file := range []string{"findings/lint.xml", "findings/lint.sarif"} {
			if readText(t, filepath.Join(p.dir, file)) == "" {
				t.Errorf("%s is empty", file)
			}
		}
	}
}

// withoutIpguard is the PATH without folders that hold ipguard.
func withoutIpguard(t *testing.T) string {
	t.Helper()
	folders := slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(folder string) bool {
		_, err := os.Stat(filepath.Join(folder, "ipguard"))
		return err == nil
	})
	return strings.Join(folders, string(os.PathListSeparator))
}

// TestLintTaskFails: what cannot be read is no success.
func TestLintTaskFails(t *testing.T) {
	p := newPipeline(t, "clean")
	if code, out := p.run("lint", map[string]string{"IPGUARD_FLEET": "fleet/none.yml"}); code != 3 {
		t.Errorf("without a fleet file: exit code %d\n%s", code, out)
	}
}

// TestAuditTask runs the task on a fleet that drifted.
func TestAuditTask(t *testing.T) {
	p := newPipeline(t, "drift")
	code, out := p.run("audit", nil, "((allow_unseen))", "false")
	if code != 1 || !strings.Contains(out, "ghost 10.8.52.42: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if csv := readText(t, filepath.Join(p.dir, "findings/audit.csv")); !strings.Contains(csv, "10.8.52.42,ghost,") {
		t.Errorf("the report is\n%s", csv)
	}
}

const directorSecret = "f00d-s3cr3t"

// fleetOfDoubles writes a fleet file with two directors that answer, and one that
// does not if dead is set.
func (p *pipeline) fleetOfDoubles(dead bool) (params map[string]string) {
	p.t.Helper()
	authority, err := directordouble.NewAuthority()
	if err != nil {
		p.t.Fatal(err)
	}
	text := "directors:\n"
	for i, name := range []string{"promo", "dr-west"} {
		d := &directordouble.Director{
			Name: name, UUID: fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i), Version: "283.1.3",
			Users:   map[string]directordouble.User{"ipguard": {Password: directorSecret}},
			Configs: []directordouble.Config{{ID: 1, Type: "cloud", Name: "default", Content: fmt.Sprintf("networks: [{name: default, subnets: [{range: 10.8.%d.0/24, gateway: 10.8.%[1]d.1}]}]\ncompilation: {workers: 1, network: default}\n", i)}},
		}
		server, err := authority.Start(d)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(server.Close)
		text += fmt.Sprintf("- {name: %s, snapshot: ../snapshots/%[1]s.json, environment: {target: '%s'}}\n", name, server.URL)
	}
	if dead {
		text += "- {name: gone, snapshot: ../snapshots/gone.json, environment: {target: 'https://127.0.0.1:1'}}\n"
	}
	p.write("fleet/ipguard.yml", text)
	return map[string]string{"BOSH_CLIENT": "ipguard", "BOSH_CLIENT_SECRET": directorSecret, "BOSH_CA_CERT": string(authority.PEM)}
}

// collectAndCommit runs both tasks as the pipeline does: the second one in any case, on
// the repository that is named. It returns how the first one ended.
func (p *pipeline) collectAndCommit(params map[string]string, repository string) (code int, output string) {
	p.t.Helper()
	code, output = p.run("collect", params)
	link := filepath.Join(p.dir, "repository")
	if err := os.Symlink(repository, link); err != nil {
		p.t.Fatal(err)
	}
	if code, out := p.run("commit", nil); code != 0 {
		p.t.Errorf("commit: exit code %d\n%s", code, out)
	}
	if err := os.Remove(link); err != nil {
		p.t.Fatal(err)
	}
	return code, output
}

// TestCollectTask collects into a repository of snapshots: one commit for what has
// changed, none for nothing, and no secret in it.
func TestCollectTask(t *testing.T) {
	p := newPipeline(t, "")
	params := p.fleetOfDoubles(false)
	p.newRepository("snapshots")
	if code, out := p.collectAndCommit(params, "snapshots"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if log := p.git("snapshots", "log", "--format=%an %s"); !strings.HasPrefix(log, "ipguard Snapshots of ") || strings.Count(log, "\n") != 1 {
		t.Errorf("the log is\n%s", log)
	}
	if files := p.git("snapshots", "show", "--format=", "--name-only", "HEAD"); files != "dr-west.json\npromo.json" {
		t.Errorf("the commit has\n%s", files)
	}
	head := p.git("snapshots", "rev-parse", "HEAD")
	if code, out := p.collectAndCommit(params, "snapshots"); code != 0 || p.git("snapshots", "rev-parse", "HEAD") != head {
		t.Errorf("again: exit code %d, and a new commit or\n%s", code, out)
	}
	if all := p.git("snapshots", "show", "HEAD"); strings.Contains(all, directorSecret) || strings.Contains(all, "BEGIN CERTIFICATE") {
		t.Error("a secret was committed")
	}
	if code, out := p.run("lint", nil); code != 0 { // the same folders side by side
		t.Errorf("lint with these snapshots: exit code %d\n%s", code, out)
	}
	for allow, want := range map[string]int{"false": 3, "true": 0} { // the client may not see orphaned VMs
		if code, out := p.run("audit", nil, "((allow_unseen))", allow); code != want {
			t.Errorf("audit of these snapshots, allow_unseen %s: exit code %d\n%s", allow, code, out)
		}
	}
}

// TestCollectTaskWithADirectorDown commits what the others said, and fails.
func TestCollectTaskWithADirectorDown(t *testing.T) {
	p := newPipeline(t, "")
	params := p.fleetOfDoubles(true)
	p.newRepository("snapshots")
	code, out := p.collectAndCommit(params, "snapshots")
	if code != 3 || !strings.Contains(out, "director gone: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if files := p.git("snapshots", "show", "--format=", "--name-only", "HEAD"); files != "dr-west.json\npromo.json" {
		t.Errorf("the commit has\n%s", files)
	}
}

// TestCollectTaskIntoTheFleet commits into the fleet's own repository where
// snapshots have none of their own.
func TestCollectTaskIntoTheFleet(t *testing.T) {
	p := newPipeline(t, "")
	params := p.fleetOfDoubles(false)
	text := readText(t, filepath.Join(p.dir, "fleet/ipguard.yml"))
	p.write("fleet/ipguard.yml", strings.ReplaceAll(text, "../snapshots/", "snapshots/"))
	p.newRepository("fleet")
	if code, out := p.collectAndCommit(params, "fleet"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if files := p.git("fleet", "show", "--format=", "--name-only", "HEAD"); files != "snapshots/dr-west.json\nsnapshots/promo.json" {
		t.Errorf("the commit has\n%s", files)
	}
}

// step is one step of a Concourse plan, as far as ours go.
type step struct {
	Get, Task, File, Image string
	Passed                 []string
	Trigger                bool
	InParallel             []step `yaml:"in_parallel"`
	Do                     []step
	Ensure                 *step
	InputMapping           map[string]string `yaml:"input_mapping"`
}

// flat are the steps, and those in them.
func flat(steps []step) []step {
	var list []step
	for _, s := range steps {
		list = append(append(append(list, s), flat(s.InParallel)...), flat(s.Do)...)
		if s.Ensure != nil {
			list = append(list, flat([]step{*s.Ensure})...)
		}
	}
	return list
}

// TestPipelineUsesTheTasks: each job of the example pipeline gets what its tasks
// need, and a deploy gets the fleet only as lint let it through.
func TestPipelineUsesTheTasks(t *testing.T) {
	var read struct {
		Jobs []struct {
			Name string
			Plan []step
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(root, "ci/pipeline.yml"))), &read); err != nil {
		t.Fatal(err)
	}
	tasks, passed := 0, 0
	for _, job := range read.Jobs {
		got := map[string]bool{}
		for _, s := range flat(job.Plan) {
			if s.Get != "" {
				got[s.Get] = true
			}
			if job.Name == "deploy" && s.Get == "fleet" && s.Trigger && slices.Equal(s.Passed, []string{"lint"}) {
				passed++
			}
			name, ours := strings.CutPrefix(s.File, "ipguard/ci/tasks/")
			if !ours {
				continue
			}
			tasks++
			declared := readTask(t, strings.TrimSuffix(name, ".yml"))
			if declared.ImageResource == nil && (s.Image != "ipguard-image" || !got[s.Image]) {
				t.Errorf("job %s does not give task %s its image", job.Name, s.Task)
			}
			for _, input := range declared.Inputs {
				if from := cmp.Or(s.InputMapping[input.Name], input.Name); !got[from] {
					t.Errorf("job %s does not get %s for task %s", job.Name, from, s.Task)
				}
			}
		}
	}
	if tasks != 5 || passed != 1 {
		t.Errorf("%d tasks of the repository, %d deploys that wait for lint", tasks, passed)
	}
}

// workflow is a GitHub workflow, as far as ours go.
type workflow struct {
	Jobs map[string]struct {
		Steps []struct {
			Name, Uses, Run string
			With            map[string]string
		}
	}
}

// TestGitHubWorkflow runs the steps of the example, in a checkout with ipguard
// where the workflow puts it: the findings are there as SARIF when lint fails.
func TestGitHubWorkflow(t *testing.T) {
	p := newPipeline(t, "incident")
	var read workflow
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(root, "ci/github-actions.yml"))), &read); err != nil {
		t.Fatal(err)
	}
	steps := read.Jobs["lint"].Steps
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(checkout, filepath.Join(p.dir, "fleet", steps[1].With["path"])); err != nil {
		t.Fatal(err)
	}
	p.newRepository("fleet")
	p.dir = filepath.Join(p.dir, "fleet")
	env := append(os.Environ(), "RUNNER_TEMP="+t.TempDir())
	ran := map[string]int{}
	for _, step := range steps {
		if step.Run == "" {
			continue
		}
		code, out := p.execute(env, "bash", "-e", "-c", step.Run)
		ran[step.Name] = code
		if step.Name == "lint" && !strings.Contains(out, "::error file=dr-west/vars.yml,line=1,") {
			t.Errorf("%s says\n%s", step.Name, out)
		}
	}
	if ran["build ipguard"] != 0 || ran["lint"] != 1 {
		t.Errorf("exit codes %v", ran)
	}
	upload := steps[len(steps)-1]
	var sarif struct{ Runs []struct{ Results []any } }
	if err := json.Unmarshal([]byte(readText(t, filepath.Join(p.dir, upload.With["sarif_file"]))), &sarif); err != nil || len(sarif.Runs) != 1 || len(sarif.Runs[0].Results) == 0 {
		t.Errorf("what is uploaded has %+v, error %v", sarif, err)
	}
}

// hook is one of .pre-commit-hooks.yaml.
type hook struct {
	ID, Entry string
	AlwaysRun bool `yaml:"always_run"`
}

// TestPreCommitHooks installs the hooks as pre-commit does for Go, and runs them
// on commits as it does: whatever changes, without names of files, and with the
// installed program first on the PATH.
func TestPreCommitHooks(t *testing.T) {
	p := newPipeline(t, "clean")
	bin := t.TempDir()
	install := exec.Command("go", "install", "./...")
	install.Dir, install.Env = root, append(os.Environ(), "GOBIN="+bin)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	p.programs = bin + string(os.PathListSeparator) + withoutIpguard(t)
	var hooks []hook
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(root, ".pre-commit-hooks.yaml"))), &hooks); err != nil || len(hooks) != 2 {
		t.Fatalf("%d hooks: %v", len(hooks), err)
	}
	p.newRepository("fleet")
	for _, h := range hooks {
		if h.ID == "ipguard-baseline" {
			if code, out := p.execute([]string{"PATH=" + p.programs}, "sh", "-c", "cd fleet && ipguard baseline write"); code != 0 {
				t.Fatalf("baseline write: %d\n%s", code, out)
			}
			p.git("fleet", "add", "--all")
			p.git("fleet", "commit", "--quiet", "--message", "baseline")
		}
		if !h.AlwaysRun {
			t.Errorf("%s does not run on all files", h.ID)
		}
		p.write("fleet/.git/hooks/pre-commit", "#!/bin/sh\nexec "+h.Entry+"\n")
		p.tryHook(h.ID)
	}
}

// TestGitHook commits with the hook for git alone.
func TestGitHook(t *testing.T) {
	p := newPipeline(t, "clean")
	p.newRepository("fleet")
	p.write("fleet/.git/hooks/pre-commit", readText(t, filepath.Join(root, "ci/git-pre-commit")))
	p.tryHook("git-pre-commit")
	// What counts is what is committed, not what lies beside it.
	was := readText(t, filepath.Join(p.dir, "fleet/west/cloud-config.yml"))
	p.write("fleet/west/cloud-config.yml", strings.ReplaceAll(was, "10.20.", "10.10."))
	p.git("fleet", "add", "--all")
	p.write("fleet/west/cloud-config.yml", was)
	if code, out := p.commit(); code == 0 {
		t.Errorf("the index has a conflict, the working tree has none, and the commit went through\n%s", out)
	}
}

// commit commits the index with the hook in force.
func (p *pipeline) commit() (code int, output string) {
	p.t.Helper()
	env := []string{"PATH=" + p.programs, "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1"}
	return p.execute(env, "git", "-C", "fleet", "-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "--message", "change")
}

// tryHook commits a change of no YAML, one without a conflict, and one with.
func (p *pipeline) tryHook(name string) {
	p.t.Helper()
	hookFile := filepath.Join(p.dir, "fleet/.git/hooks/pre-commit")
	if err := os.Chmod(hookFile, 0o755); err != nil {
		p.t.Fatal(err)
	}
	path := "fleet/west/cloud-config.yml"
	was := readText(p.t, filepath.Join(p.dir, path))
	// git quotes a name like this one, and the fleet file need not name files of YAML.
	other := "fleet/west/größe"
	fleetFile := readText(p.t, filepath.Join(p.dir, "fleet/ipguard.yml"))
	renamed := strings.ReplaceAll(fleetFile, "west/cloud-config.yml", "west/größe")
	if renamed == fleetFile {
		p.t.Fatal("the fleet file does not name west/cloud-config.yml")
	}
	conflict := strings.ReplaceAll(was, "10.20.", "10.10.")
	if conflict == was {
		p.t.Fatalf("%s has nothing to be changed", path)
	}
	for _, c := range []struct {
		path, text string
		ok         bool
	}{
		{"fleet/README", name + "\n", true},
		{path, was + "# " + name + "\n", true},
		{path, conflict, false},
		{path, was, true},
		{other, was, true},
		{"fleet/ipguard.yml", renamed, true},
		{other, conflict, false},
		{"fleet/ipguard.yml", fleetFile, true}, // as it was, for the next hook
	} {
		p.write(c.path, c.text)
		p.git("fleet", "add", "--all")
		if code, out := p.commit(); (code == 0) != c.ok {
			p.t.Errorf("%s: commit of %s ended with %d\n%s", name, c.path, code, out)
		}
	}
	p.git("fleet", "reset", "--quiet", "--hard")
}
