//go:build !race

package gate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/cmd/opts"
	"github.com/jessevdk/go-flags"
)

// boshReads reads a command line with bosh-cli's own options, as its
// cmd/factory.go does: the command, the error if there is one, and what the
// commands that change addresses got.
func boshReads(args []string) (command string, extra []string, b *opts.BoshOpts, err error) {
	b = &opts.BoshOpts{}
	b.VersionOpt = func() error { return &flags.Error{Type: flags.ErrHelp} }
	parser := flags.NewParser(b, flags.HelpFlag|flags.PassDoubleDash)
	parser.CommandHandler = func(_ flags.Commander, rest []string) error {
		extra = rest
		return nil
	}
	_, err = parser.ParseArgs(args)
	if parser.Active != nil {
		command = parser.Active.Name
	}
	return command, extra, b, err
}

// inputsOf are the manifest or config, ops and variables that bosh read for a
// command: the bytes, not the paths.
func inputsOf(command string, b *opts.BoshOpts) (content []byte, vars opts.VarFlags, ops opts.OpsFlags) {
	switch command {
	case "deploy":
		return b.Deploy.Args.Manifest.Bytes, b.Deploy.VarFlags, b.Deploy.OpsFlags
	case "update-cloud-config":
		return b.UpdateCloudConfig.Args.CloudConfig.Bytes, b.UpdateCloudConfig.VarFlags, b.UpdateCloudConfig.OpsFlags
	case "update-runtime-config":
		return b.UpdateRuntimeConfig.Args.RuntimeConfig.Bytes, b.UpdateRuntimeConfig.VarFlags, b.UpdateRuntimeConfig.OpsFlags
	case "update-config":
		return b.UpdateConfig.Args.Config.Bytes, b.UpdateConfig.VarFlags, b.UpdateConfig.OpsFlags
	}
	return b.CreateEnv.Args.Manifest.Bytes, b.CreateEnv.VarFlags, b.CreateEnv.OpsFlags
}

// workFiles makes the files that command lines of these tests name. Each holds a
// variable of its own, so that a swapped file shows.
func workFiles(t testing.TB) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"m.yml", "other.yml", "deploy", "a=b.yml", "-"} {
		writeFile(t, name, "name: x\nin_"+strings.Trim(name, "-.=")+": 1\n")
	}
	for _, name := range []string{"o.yml", "o2.yml"} {
		writeFile(t, name, "- {type: replace, path: /"+strings.TrimSuffix(name, ".yml")+"?, value: 1}\n")
	}
	for _, name := range []string{"v.yml", "v2.yml", "d"} {
		writeFile(t, name, "from: "+name+"\n")
	}
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// agree holds Parse against bosh on one command line.
func agree(t *testing.T, args []string) {
	t.Helper()
	command, extra, b, boshErr := boshReads(args)
	change, err := Parse(args)
	guarded := slices.Contains(words(), command)
	switch {
	case boshErr != nil && change != nil:
		// Parse takes values as they are and opens no file; bosh refuses wrong ones
		// before it does anything.
		var refused *flags.Error
		if errors.As(boshErr, &refused) && refused.Type != flags.ErrMarshal {
			t.Errorf("%q: bosh refuses it (%v), and Parse says %+v", args, boshErr, change)
		}
	case boshErr != nil:
	case !guarded || command == "update-config" && b.UpdateConfig.Type != "cloud" && b.UpdateConfig.Type != "runtime":
		if change != nil || err != nil {
			t.Errorf("%q: bosh %s changes no address, and Parse says %+v, %v", args, command, change, err)
		}
	case len(extra) > 0:
		if err == nil {
			t.Errorf("%q: bosh refuses %q, and Parse says %+v", args, extra, change)
		}
	case change == nil:
		t.Errorf("%q: bosh runs %s, and Parse says %v", args, command, err)
	default:
		agreeOn(t, args, command, b, change)
	}
}

// agreeOn holds every part of a change against what bosh read, and then once more
// with all files under other paths.
func agreeOn(t *testing.T, args []string, command string, b *opts.BoshOpts, change *Change) {
	t.Helper()
	name := map[string]string{
		"deploy": b.DeploymentOpt, "update-cloud-config": orDefault(b.UpdateCloudConfig.Name),
		"update-runtime-config": orDefault(b.UpdateRuntimeConfig.Name), "update-config": b.UpdateConfig.Name,
	}[command]
	environment := b.EnvironmentOpt
	if command == "create-env" {
		environment = ""
	}
	if change.Command != command || change.Name != name || change.Environment != environment || change.ConfigPath != b.ConfigPathOpt {
		t.Errorf("%q: Parse says %+v; bosh %s %q in %q, %q", args, change, command, name, b.EnvironmentOpt, b.ConfigPathOpt)
	}
	content, vars, ops := inputsOf(command, b)
	if len(vars.VarKVs) != len(change.VarKVs) || len(vars.VarsEnvs) != len(change.VarsEnvs) || vars.VarsFSStore.IsSet() != (change.VarsFSStore != "") {
		t.Errorf("%q: Parse says %+v; bosh has %+v", args, change, vars)
	}
	for i, kv := range vars.VarKVs {
		if !strings.HasPrefix(change.VarKVs[i], kv.Name+"=") {
			t.Errorf("%q: Parse says %q; bosh has %+v", args, change.VarKVs[i], kv)
		}
	}
	files := change.Files()
	paths := make([]string, len(files))
	for i, f := range files {
		if f.Role != Store {
			paths[i] = filepath.Join(t.TempDir(), fmt.Sprint(i))
			text, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			writeFile(t, paths[i], string(text))
		}
	}
	if text, err := os.ReadFile(paths[0]); err != nil || !bytes.Equal(text, content) {
		t.Errorf("%q: %s is not what bosh would upload: %v", args, files[0].Path, err)
	}
	substituted, err := Substitute(args, change, paths)
	if err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	agreeAfter(t, args, substituted, content, vars, ops)
}

func orDefault(name string) string {
	if name == "" {
		return defaultConfig
	}
	return name
}

// agreeAfter holds what bosh reads from the substituted arguments against what it
// read from the original ones.
func agreeAfter(t *testing.T, args, substituted []string, content []byte, vars opts.VarFlags, ops opts.OpsFlags) {
	t.Helper()
	command, _, b, err := boshReads(substituted)
	if err != nil {
		t.Errorf("%q became %q: %v", args, substituted, err)
		return
	}
	content2, vars2, ops2 := inputsOf(command, b)
	if !bytes.Equal(content, content2) || fmt.Sprint(textOfOps(ops)) != fmt.Sprint(textOfOps(ops2)) ||
		fmt.Sprint(textOfVars(vars)) != fmt.Sprint(textOfVars(vars2)) ||
		fmt.Sprint(vars.VarKVs) != fmt.Sprint(vars2.VarKVs) {
		t.Errorf("%q became %q, which bosh reads differently", args, substituted)
	}
}

func textOfOps(f opts.OpsFlags) (list []string) {
	for _, file := range f.OpsFiles {
		// The message of a failing operation names the file, which is another.
		text := fmt.Sprintf("%#v", file.Ops)
		before, _, _ := strings.Cut(text, "ErrorMsg")
		list = append(list, before)
	}
	return list
}

func textOfVars(f opts.VarFlags) (list []string) {
	for _, file := range f.VarsFiles {
		list = append(list, fmt.Sprint(file.Vars))
	}
	for _, file := range f.VarFiles {
		list = append(list, fmt.Sprint(file.Vars))
	}
	return list
}

// TestParseAgreesWithBosh: command lines as people write them.
func TestParseAgreesWithBosh(t *testing.T) {
	workFiles(t)
	for _, line := range strings.Split(strings.TrimSpace(commandLines), "\n") {
		agree(t, strings.Fields(line))
	}
	agree(t, nil)
	agree(t, []string{"deploy", ""})
	agree(t, []string{"deploy", "m.yml", "-v", "a=b c", "-l", "v.yml", ""})
	agree(t, []string{"ssh", "-c", "bosh deploy m.yml"})
}

const commandLines = `
deploy m.yml
d m.yml
-d x deploy m.yml
-dx d m.yml
-d=x d m.yml
--deployment x deploy m.yml
--deployment=x deploy m.yml
deploy -d x m.yml
deploy m.yml -d x
deploy m.yml -e y -n
-n -e y -d x deploy m.yml
-ne y deploy m.yml
-nd x deploy m.yml
-nev deploy m.yml
deploy m.yml -v
deploy -v a=b m.yml
deploy -va=b m.yml
deploy -v=a=b m.yml
deploy --var a=b --var=c=d m.yml
deploy m.yml -o o.yml -o o2.yml
deploy m.yml -oo.yml -o=o2.yml --ops-file o.yml --ops-file=o2.yml
deploy -o o.yml m.yml -l v.yml
deploy -l v.yml -l v2.yml -l v.yml m.yml
deploy -l v2.yml -v a=v2.yml m.yml
deploy -v a=v.yml -l v.yml m.yml
deploy -v a=m.yml m.yml
deploy --var-file a=v.yml m.yml
deploy --var-file=a=v.yml --var-file b=v.yml --var-file a=b=m.yml m.yml
deploy --var-file x=m.yml m.yml
deploy --var-file x=a=b.yml m.yml
deploy a=b.yml -l v.yml
deploy --vars-env X --vars-store s.yml m.yml
deploy --vars-store=s.yml --vars-store t.yml m.yml
deploy -- m.yml
deploy -o o.yml -- m.yml
-- deploy m.yml
-- m.yml
deploy -o -
deploy -l - m.yml
deploy ./m.yml
deploy m.yml other.yml
deploy deploy
d d
deploy -l d d
deploy
deploy -o o.yml
deploy --help
deploy -h m.yml
deploy m.yml --help
--help deploy m.yml
-v deploy m.yml
--version deploy m.yml
help deploy m.yml
deploy help
deploy m.yml --recreate --fix --fix-releases --dry-run --no-redact --skip-upload-releases --recreate-persistent-disks --force-latest-variables
deploy m.yml --skip-drain
deploy --skip-drain m.yml
deploy --skip-drain=web m.yml
deploy m.yml --canaries 1 --max-in-flight=2
deploy --canaries m.yml
deploy --canaries m.yml m.yml
deploy m.yml --unknown
deploy --unknown m.yml
--unknown deploy m.yml
--unknown=deploy m.yml
deploy m.yml -x
deploy m.yml -nx
deploy -v m.yml
deploy -v --var m.yml
deploy -o
deploy --ops-file= m.yml
deploy --recreate=true m.yml
deploy --json --tty --no-color --column a --column=b m.yml
deploy --sha2 --parallel 3 --client c --client-secret s --ca-cert c.pem m.yml
--config c.yml deploy m.yml
deploy --config=c.yml m.yml
deploy missing.yml
deploy m.yml -l missing.yml
update-cloud-config m.yml
ucc m.yml
ucc m.yml --name n
ucc --name=n -l v.yml -o o.yml m.yml
update-runtime-config m.yml --name n --fix-releases
urc m.yml --no-redact
update-config --type cloud --name n m.yml
update-config m.yml --name=n --type=cloud --expected-latest-id 3
uc --type runtime --name n m.yml
uc --type cpi --name n m.yml
uc --type cloud m.yml
uc --name n m.yml
uc m.yml
uc --type cloud --name n
uc cloud n m.yml
update-cpi-config m.yml
update-config-x m.yml
create-env m.yml
create-env m.yml --state s.json -l v.yml --vars-store=s.yml
create-env --recreate --recreate-persistent-disks --skip-drain --package-dir p m.yml -o o.yml
create-env -
-e y create-env m.yml
delete-env m.yml
start-env m.yml
stop-env m.yml
int m.yml -o o.yml -l v.yml
interpolate m.yml --path /x
alias-env y -e 10.0.0.6
env
envs
environment --details
log-in
l
logout
task 3
tasks -r
tasks -r=5 -a
tasks --recent deploy
cancel-task 3
cts -t deploy
locks
clean-up --all
curl /info
curl -X POST /deployments
config --type cloud --name n
configs
delete-config --type cloud
diff-config --from-id 1 --to-content m.yml
cloud-config
cc
cpi-config
runtime-config
deployment
deployments
ds
deld
-d x delete-deployment --force
manifest
events --before 3
event 3
stemcells
upload-stemcell s.tgz
us --name n --version 1 s.tgz
ss
repack-stemcell a b
releases
upload-release
ur --dir . r.tgz
export-release a/1 b/2
inspect-release a/1
delete-release a
errands
run-errand deploy
run-errand d --keep-alive
disks --orphaned
attach-disk a b
orphan-disk a
networks
snapshots web/0
take-snapshot
instances --ps
is -i
vms
update-resurrection on
ignore web/0
cck -a
create-recovery-plan p
recover p
orphaned-vms
logs web/0 -f
logs deploy
start web
stop web --hard
restart
recreate --fix
delete-vm a
pcap
ssh
ssh web/0 -c ls
ssh web/0 -- ls deploy
ssh web -c deploy
scp a b
init-release
reset-release
generate-job a
generate-package a
create-release --tarball r.tgz
cr --final
vendor-package a b
sha1ify-release a b
sha2ify-release a b
finalize-release a
blobs
add-blob a b
remove-blob a
sync-blobs
upload-blobs
variables
vars
inspect-local-release a
inspect-local-stemcell a
unalias-env y
delete-stemcell a
delete-disk a
delete-network a
delete-snapshot a
delete-snapshots
unignore web/0
`

// TestStandardInput: a lone - is standard input where bosh takes it for that, else
// a file.
func TestStandardInput(t *testing.T) {
	for line, want := range map[string]string{
		"deploy -": "-", "deploy -- -": "-", "deploy - -l -": "-", "ucc -": "-", "create-env -": "/-",
	} {
		change, err := Parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		files := change.Files()
		if got := files[0].Path; got != want && !(want == "/-" && strings.HasSuffix(got, want) && filepath.IsAbs(got)) {
			t.Errorf("%s: bosh reads %s, not %s", line, want, got)
		}
		for _, f := range files[1:] {
			if f.Path != "./-" {
				t.Errorf("%s: bosh reads the file -, not %s", line, f.Path)
			}
		}
	}
}

// TestEveryCommandIsTried: the list above has every command of bosh.
func TestEveryCommandIsTried(t *testing.T) {
	for _, command := range flags.NewParser(&opts.BoshOpts{}, flags.None).Commands() {
		tried := slices.ContainsFunc(strings.Fields(commandLines), func(word string) bool {
			return word == command.Name || slices.Contains(command.Aliases, word)
		})
		if !tried && command.Name != "completion" {
			t.Errorf("no command line tries %s", command.Name)
		}
	}
}

// TestParseReadsTheEnvironment: what options leave out.
func TestParseReadsTheEnvironment(t *testing.T) {
	workFiles(t)
	t.Setenv("BOSH_ENVIRONMENT", "y")
	t.Setenv("BOSH_DEPLOYMENT", "x")
	t.Setenv("BOSH_CONFIG", "c.yml")
	t.Setenv("BOSH_NON_INTERACTIVE", "true")
	for _, line := range []string{"deploy m.yml", "deploy m.yml -e z", "-d other deploy m.yml", "ucc m.yml --config d.yml", "create-env m.yml"} {
		agree(t, strings.Fields(line))
	}
	change, err := Parse([]string{"deploy", "m.yml"})
	if err != nil || change.Environment != "y" || change.Name != "x" || change.ConfigPath != "c.yml" {
		t.Errorf("%+v, %v", change, err)
	}
	t.Setenv("GO_FLAGS_COMPLETION", "1")
	if change, err := Parse([]string{"deploy", "m.yml"}); change != nil || err != nil {
		t.Errorf("bosh would only complete, and Parse says %+v, %v", change, err)
	}
}

// TestParseFailsClosed: command lines of which only a newer bosh knows what they do.
func TestParseFailsClosed(t *testing.T) {
	for _, line := range []string{
		"deploy --new m.yml", "d m.yml --new", "--new deploy m.yml", "--new value d m.yml", "--new -e x ucc m.yml",
		"update-config --new --type cloud --name n m.yml", "create-env m.yml --new=x", "-x urc m.yml",
	} {
		change, err := Parse(strings.Fields(line))
		var refused *ParseError
		if !errors.As(err, &refused) || change != nil {
			t.Errorf("%s: want a refusal, got %+v, %v", line, change, err)
		}
	}
	for _, line := range []string{"ssh --new deploy", "--new vms", "new-command --new", "new-command deploy", "vms --new"} {
		if change, err := Parse(strings.Fields(line)); change != nil || err != nil {
			t.Errorf("%s: want it passed on, got %+v, %v", line, change, err)
		}
	}
}

// TestParseKeepsSecrets: no error quotes an argument.
func TestParseKeepsSecrets(t *testing.T) {
	for _, line := range []string{
		"deploy m.yml -v --client-secret=s3cr3t", "deploy m.yml --new=s3cr3t", "deploy m.yml -xs3cr3t", "deploy m.yml s3cr3t",
		"deploy m.yml -v password=s3cr3t --unknown", "deploy m.yml --recreate=s3cr3t",
	} {
		_, err := Parse(strings.Fields(line))
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "s3cr3t") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// FuzzParse makes command lines of the words that bosh knows, in any order.
func FuzzParse(f *testing.F) {
	vocabulary := strings.Fields(`deploy d ucc update-config uc create-env urc vms ssh int -- - m.yml other.yml o.yml v.yml -o -l -v a=b
		--var-file x=v.yml --var-file=x=m.yml -oo.yml -o=o.yml -lv.yml --ops-file=o.yml --vars-file v2.yml --vars-store s.yml --vars-store=t.yml
		-e y -ey -d x -dx -n -ne -nv -nl --recreate --skip-drain --skip-drain=web --canaries 1 --name n --name=cloud --type cloud --type=cloud
		--type=cpi --help -h --version --unknown deploy.yml --json --column c --vars-env X --dry-run help --state a=b.yml -no -vl`)
	f.Add([]byte{0, 12})
	f.Add([]byte{2, 12, 15, 14, 16})
	f.Fuzz(func(t *testing.T, choice []byte) {
		if len(choice) > 12 {
			return
		}
		workFiles(t)
		var args []string
		for _, c := range choice {
			args = append(args, vocabulary[int(c)%len(vocabulary)])
		}
		if slices.Contains(args, "-") {
			return // bosh would read this test's standard input
		}
		agree(t, args)
	})
}
