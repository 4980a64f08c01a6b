//go:build !race

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// The tests here plant tokens in all that the program reads, and look for them, and
// for parts of them, in all that its commands print and write.
//
// What may be shown: what was written where it stands, at a place that a message is
// about; an address, a block or a range, whatever it came through; a name whose whole
// value came through a variable and is plain (letters, digits, - _ + and full stops);
// the names and mail addresses of authors and who booked, which are what git is asked
// for. A token is none of these.

// number is a secret of digits alone.
const number = "4815162342"

// plantedParts are parts of every token, as they stand in whatever is written.
var plantedParts = []string{"s3cr", "cr3t", number}

// plantedInputs are the ways in which a variable comes to a manifest or a config: what
// the fleet file says, with the file that has it. VALUE is the value's YAML.
var plantedInputs = []struct{ says, file, text string }{
	{"vars_files: [v.yml]", "v.yml", "v: VALUE"},
	{"vars_store: store.yml", "store.yml", "v: VALUE"},
	{"vars: {v: VALUE}", "", ""},
	{"var_files: {v: v.txt}", "v.txt", "VALUE"},
	{"vars_env: [PLANT]", "", ""},
	{"vars_files: [../outside.yml]", "../outside.yml", "v: VALUE"},
	{"vars_files: [other.yml], vars_store: empty.yml", "other.yml", "v: ((w))\nw: VALUE"},
}

// withheldInputs reports whether what the inputs of a turn bring is shown nowhere, also where
// it is a plain name: it comes from where secrets are.
func withheldInputs(turn int) bool {
	says := plantedInputs[turn%len(plantedInputs)].says
	return !strings.HasPrefix(says, "vars_files: [v.yml]") && !strings.HasPrefix(says, "vars:") && !strings.HasPrefix(says, "vars_files: [other.yml]")
}

// plantedWorld is the fleet in a repository of git, with a director that answers.
type plantedWorld struct {
	t        *testing.T
	url      string
	environ  []string
	commands [][]string
	// prefix stands at the beginning of the fleet file.
	prefix string
	places int
}

// leftOut reports whether the next place is left out: under the race detector, all but one in ten.
// One run follows another, so more of them show the race detector nothing new; whole
// they run in the step whole of scripts/test.
func (w *plantedWorld) leftOut() bool {
	w.places++
	return sharedtest.Short() && w.places%10 != 0
}

func newPlantedWorld(t *testing.T) *plantedWorld {
	t.Helper()
	sharedtest.Programs(t, "git")
	t.Chdir(t.TempDir())
	w := &plantedWorld{t: t}
	w.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BOSH_CONFIG=bosh-config", "IPGUARD_BOSH=" + deadBosh(t),
		"BOSH_CLIENT_SECRET=" + testSecret, "BOSH_CA_CERT=" + token + "20", "COLUMNS=60", "UNUSED=" + token + "21", "PLANT_unused=" + token + "22",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_COMMITTER_EMAIL=" + token + "23", "GIT_COMMITTER_NAME=" + token + "24",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org",
	}
	w.serve(func(*directordouble.Director) {})
	for name, text := range plantedFiles {
		if name != "ipguard.yml" {
			writeFile(t, name, []byte(commented(name, text)))
		}
	}
	writeFile(t, "empty.yml", []byte("{}\n"))
	writeFile(t, "other.yml", []byte("{}\n")) // which git tracks: its names are shown
	w.git("init", "-q", "-b", token+"30")
	w.git("add", ".")
	w.git("commit", "-q", "-m", token+"31", "--author", token+"25 <"+token+"26>")
	w.git("branch", "first")
	w.git("remote", "add", "origin", "https://u:"+token+"32@127.0.0.1:1/x.git")
	if code, out := w.run("collect", "live"); code != ExitOK {
		t.Fatalf("collect: exit %d: %s", code, out)
	}
	w.commands = plantedCommands()
	return w
}

// committing are the commands that commit what they write.
var committing = []string{"book", "adopt", "renew", "release"}

// git runs git and returns what it printed.
func (w *plantedWorld) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = w.environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %s: %s", args, err, out)
	}
	return string(out)
}

// serve starts a director with a change; the fleet file names it from then on.
func (w *plantedWorld) serve(change func(*directordouble.Director)) *directordouble.Director {
	w.t.Helper()
	d := twoDirectors()[0]
	d.Name, d.Deployments[0].Manifest = "live", plantedFiles["n.yml"]
	change(d)
	w.url = doubles(w.t, d)[0]
	w.write(0, "x")
	return d
}

// commented is a text of YAML with a token behind each line.
func commented(name, text string) string {
	if filepath.Ext(name) != ".yml" {
		return text
	}
	return strings.ReplaceAll(text, "\n", " # "+token+"40\n")
}

// write writes the fleet file with the inputs of a turn, and the file that has the
// value of v. It returns the environment that belongs to it.
func (w *plantedWorld) write(turn int, value string) []string {
	in := plantedInputs[turn%len(plantedInputs)]
	fleet := strings.ReplaceAll(w.prefix+plantedFiles["ipguard.yml"], "URL", strings.Replace(w.url, "://", "://u:"+token+"41@", 1))
	fleet = strings.ReplaceAll(fleet, "INPUTS", strings.ReplaceAll(in.says, "VALUE", value))
	writeFile(w.t, "ipguard.yml", []byte(commented("ipguard.yml", fleet)))
	if in.file != "" {
		writeFile(w.t, in.file, []byte(strings.ReplaceAll(in.text, "VALUE", value)+"\n"))
	}
	return append(slices.Clip(w.environ), "PLANT_v="+value)
}

// plantedCommands are all commands that read a fleet, in all their formats. What they
// write is in the folder written.
func plantedCommands() [][]string {
	list := [][]string{
		{"lint", "--show-addresses", "--statistics", "--strict"}, {"lint", "m.yml", "-o", "ops.yml"}, {"lint", "--no-fleet", "m.yml", "-c", "cc.yml"}, {"lint", "--create-env", "e.yml"},
		{"baseline", "write", "--baseline", "written/baseline.json"}, {"baseline", "check", "--format", "gitlab"},
		{"map"}, {"map", "--html", "written/map.html"}, {"fence"}, {"fence", "--fix"},
		{"free", "10.8.52.0/24"}, {"free", "--format", "json", "10.8.52.0/24", "--why", "10.8.52.30", "--why", "10.8.52.130"}, {"free", "a/default", "--static", "--allow-incomplete", "-n", "3"},
		{"who", "10.8.52.30", "10.8.52.130", "10.8.52.50"}, {"who", "--format", "json", "10.8.52.30", "10.8.52.31", "10.8.52.105"},
		{"audit", "--allow-stale", "--allow-unseen", "--verdict", "all"},
		{"collect"}, {"collect", "live", "--full"},
		{"book", "p", "--for", "lb/front"}, {"book", "p", "--for", "a/web/ga", "--format", "json", "--push"}, {"book", "p", "--for", "x/y", "--vars", "ips", "--branch", "other"},
		{"bookings", "--all"}, {"bookings", "--all", "--format", "json"}, {"bookings", "--all", "--format", "csv"},
		{"history", "10.8.52.105"}, {"history", "10.8.52.30", "--format", "json"}, {"adopt", "--csv", "owners.csv"}, {"adopt", "--dry-run", "--format", "json"},
		{"renew", "10.8.52.105", "--until", "90d"}, {"release", "10.8.52.105", "--push"},
		{"bosh", "-e", "https://127.0.0.1:1", "-d", "web", "deploy", "m.yml", "-o", "ops.yml", "-v", "v=" + token + "53"}, {"bosh", "-e", "https://u:" + token + "50@127.0.0.1:1", "-d", "web", "deploy", "m.yml", "-o", "ops.yml", "-v", "v=" + token + "51", "--ipguard-override", "ticket"},
		{"bosh", "-e", "lab", "update-cloud-config", "cc.yml", "-v", "v=" + token + "52"}, {"bosh", "-e", "lab", "update-runtime-config", "rc.yml"}, {"bosh", "create-env", "e.yml", "--vars-store", "store.yml"},
		{"init", "--dry-run"}, {"rules"}, {"explain", "static-ip-twice"}, {"schema"}, {"version"}, {"completion", "bash"},
		{"scan", "10.8.52.0/24"}, {"probe", "--fleet", "ipguard.yml", "10.8.52.30"}, {"watch", "--fleet", "ipguard.yml"},
		{"push", "--fleet", "served.fleet"}, {"who", "10.8.52.30", "--fleet", "served.fleet"}, {"requests", "--fleet", "served.fleet"}, {"requests", "approve", "1", "--fleet", "served.fleet", "--why", token + "54"}, {"requests", "decline", "1", "--fleet", "served.fleet"}, {"requests", "withdraw", "1", "--fleet", "served.fleet"}, {"login", "http://127.0.0.1:1"}, {"logout", "http://127.0.0.1:1"},
	}
	for _, command := range []string{"lint", "who", "free", "map", "fence", "audit", "collect", "book", "bookings", "history", "bosh"} {
		list = append(list, []string{"__complete", command, ""})
	}
	list = append(list, []string{"__complete", "lint", "--deployment", ""}, []string{"__complete", "lint", "--director", ""}, []string{"__complete", "book", "p", "--for", ""})
	for _, format := range []string{"concise", "json", "sarif", "junit", "github", "gitlab"} {
		list = append(list, []string{"lint", "--show-addresses", "--format", format + "=written/lint." + format})
	}
	for _, format := range []string{"json", "csv"} {
		list = append(list, []string{"audit", "--allow-stale", "--verdict", "all", "--format", format + "=written/audit." + format})
	}
	return list
}

// run runs a command in the world and returns all that it printed.
func (w *plantedWorld) run(args ...string) (code int, out string) {
	return w.runWith(w.environ, args...)
}

func (w *plantedWorld) runWith(environ []string, args ...string) (code int, out string) {
	var text bytes.Buffer
	ctx, patience := context.Background(), time.Minute
	if slices.Contains([]string{"probe", "watch", "scan"}, args[0]) { // never on the machine's own link
		patience = 50 * time.Millisecond
		if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--interface") }) {
			args = append(slices.Clip(args), "--interface", "absent0")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	code = Main(ctx, args, Streams{Stdin: strings.NewReader(""), Stdout: &text, Stderr: &text, Environ: environ})
	return code, text.String()
}

// check runs commands and looks for tokens in what they print, and in the files that
// are others than they were: a file may keep the tokens that it had. It returns the last
// one's exit code.
func (w *plantedWorld) check(what string, environ []string, commands ...[]string) (code int) {
	w.t.Helper()
	before := readAll(w.t, ".")
	defer restore(w.t, ".", before)
	if slices.ContainsFunc(commands, func(args []string) bool { return slices.Contains(committing, args[0]) }) {
		defer func() { w.git("reset", "-q", "first") }()
	}
	if err := os.MkdirAll("written", 0o755); err != nil {
		w.t.Fatal(err)
	}
	for _, args := range commands {
		out := ""
		code, out = w.runWith(environ, args...)
		w.look(what, strings.Join(args, " "), out, "")
	}
	for name, text := range readAll(w.t, ".") {
		if text != before[name] {
			w.look(what, "file "+name, text, before[name])
		}
	}
	return code
}

// look fails if a text has a part of a token that the text had not before.
func (w *plantedWorld) look(what, where, text, before string) {
	w.t.Helper()
	lower, had := strings.ToLower(text), strings.ToLower(before)
	for _, part := range plantedParts {
		if strings.Count(lower, part) > strings.Count(had, part) {
			at := strings.LastIndex(lower, part)
			w.t.Errorf("%s:\n%s shows %s", what, where, text[max(0, at-200):min(len(text), at+100)])
			return
		}
	}
}

// readAll are the texts of all files below a folder but git's own.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		texts[path] = readFile(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// restore makes the files below a folder what they were.
func restore(t *testing.T, dir string, was map[string]string) {
	t.Helper()
	now := readAll(t, dir)
	for path, text := range was {
		if now[path] != text {
			writeFile(t, path, []byte(text))
		}
	}
	for path := range now {
		if _, ok := was[path]; !ok {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPlantedInAllInputs runs every command in every format on the world as it is.
func TestPlantedInAllInputs(t *testing.T) {
	w := newPlantedWorld(t)
	found := map[int]int{}
	for _, args := range w.commands {
		code := w.check("the world as it is", w.environ, args)
		found[code]++
		if code == ExitUsage {
			t.Errorf("%q is wrong usage, and shows nothing", args)
		}
	}
	log := w.git("log", "--reflog", "--grep", "^"+token, "--invert-grep", "--format=%B", "--patch", "--unified=0")
	if !strings.Contains(log, "Book 10.8.52.100 of p for x/y") {
		t.Errorf("more should be booked:\n%s", log)
	}
	w.look("the world as it is", "git log", log, "")
	if found[ExitOK] < 20 || found[ExitFindings] < 10 {
		t.Errorf("exit codes %v: the world should be read, and have findings", found)
	}
	t.Logf("%d commands, exit codes %v", len(w.commands), found)
	used := map[string]bool{}
	for _, args := range w.commands {
		used[args[0]] = true
	}
	for _, c := range Commands(Streams{}).Commands() {
		if !used[c.Name()] && c.Name() != "help" && c.Name() != "__complete" {
			t.Errorf("command %s was not tried", c.Name())
		}
	}
}

// TestPlantedVariables puts a variable in the place of each value of each file in turn,
// and into it, by each way in which a variable comes.
func TestPlantedVariables(t *testing.T) {
	w := newPlantedWorld(t)
	forms := [][2]string{
		{"((v))", "'" + token + "60'"}, {"((v))", "'" + token + "61 10.8.52.7'"}, {"((v))", "['" + token + "62']"}, {"((v))", "{'" + token + "63': '" + token + "64'}"},
		{"%s((v))", "S3cr3tA"}, {"((v))-((unset))", "S3cr3tD"}, {"((v))", `"-----BEGIN ` + strings.Repeat(token, 40) + `\n` + token + `"`}, {"%s((v))", "'" + token + "B'"}, {"((v))", "S3cr3tC"},
	}
	// Rules, pages and texts of the program's own read no value.
	var commands [][]string
	for _, args := range w.commands {
		if !slices.Contains([]string{"rules", "explain", "schema", "version", "completion", "collect"}, args[0]) {
			commands = append(commands, args)
		}
	}
	turn := 0
	for _, file := range []string{"cc.yml", "m.yml", "ops.yml", "rc.yml", "e.yml"} {
		_, values := keyedValues(t, plantedFiles[file])
		for i, value := range values {
			turn++
			if w.leftOut() {
				continue
			}
			form := forms[turn%len(forms)]
			if value.isName() && strings.HasPrefix(form[1], "S3cr3tC") && !withheldInputs(turn) { // a plain name may be shown
				form = forms[0]
			}
			environ := w.write(turn, form[1])
			text := plantedText(t, plantedFiles[file], i, form[0])
			writeFile(t, file, []byte(text))
			list := [][]string{{"lint", "--show-addresses"}}
			for k := range 2 {
				list = append(list, commands[(2*turn+k)%len(commands)])
			}
			w.check(fmt.Sprintf("%s: value %d (%q below %s) is %s, which is %s by %s", file, i, value.node.Value, value.key, form[0], form[1], plantedInputs[turn%len(plantedInputs)].says), environ, list...)
		}
		writeFile(t, file, []byte(commented(file, plantedFiles[file])))
	}
	if turn < 250 {
		t.Errorf("only %d places were planted", turn)
	}
}

// TestPlantedBesideAddresses writes tokens beside an address into one scalar: a line of a
// configuration file is a virtual address, too, and all of it but the address is kept back.
func TestPlantedBesideAddresses(t *testing.T) {
	w := newPlantedWorld(t)
	lint := []string{"lint", "--show-addresses"}
	for _, format := range []string{"text", "concise", "json", "sarif", "junit", "github", "gitlab"} {
		lint = append(lint, "--format", format+"=written/lint."+format)
	}
	for _, form := range []string{
		"%s auth_pass S3cr3tA", "%s:S3cr3tA", "%s,S3cr3tA", "%s, S3cr3tA", "S3cr3tA, %s", "%s/24 dev eth0 label S3cr3tA", "((x)) S3cr3tA %s", "%s;S3cr3tA", "%s pass=S3cr3tA", "%s-S3cr3tA", "S3cr3tA@%s", "https://u:S3cr3tA@%s/",
	} {
		for _, quote := range []string{"", `"`} {
			value := quote + strings.ReplaceAll(form, "%s", "10.8.52.130") + quote
			for _, written := range []string{
				"jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: VALUE}}}]",
				"jobs:\n  - name: keepalived\n    release: lb\n    properties:\n      keepalived:\n        vip: VALUE",
			} {
				text := strings.Replace(plantedFiles["m.yml"], "jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: 10.8.52.50}}}]", strings.ReplaceAll(written, "VALUE", value), 1)
				writeFile(t, "m.yml", []byte(text))
				w.check("m.yml has "+strings.ReplaceAll(written, "VALUE", value), w.environ, lint)
			}
		}
	}
}

// oddTokens are tokens that something on the way to the reader changes: it escapes them,
// trims them, cuts them, or takes them for a URL.
var oddTokens = []string{
	"postgres://u:pw@h/db?password=" + token, "ssh+socks5://u:p@h:22/" + token, "x " + token + " https://u:p@h/" + token, "https://h/" + token + "/",
	token + "%" + token, token + "\r\n" + token, token + "\n" + token + "\n", token + "\t" + token, token + "\x00" + token, token + "\u202e" + token, token + "\u2028" + token,
	token + "/", "<" + token + ">&" + token, "((" + token, token + "((w))", "x y" + strings.Repeat(token, 7000), strings.Repeat(token+" ", 300), "S3cr3t ", "-S3cr3t/", strings.Repeat("S3cr3t", 50),
}

// TestPlantedOddNames puts odd tokens through a variable into the place of each name. They
// are not shown, and the run ends as it does with the same name where it stands openly.
func TestPlantedOddNames(t *testing.T) {
	w := newPlantedWorld(t)
	commands := [][]string{{"baseline", "write", "--baseline", "written/baseline.json"}, {"map", "--html", "written/map.html"}, {"who", "10.8.52.30"}, {"free", "10.8.52.0/24", "--why", "10.8.52.30"}, {"fence", "--format", "json"}, {"__complete", "free", ""}, {"map", "--format", "json"}, {"audit", "--allow-stale", "--verdict", "all"}}
	for _, format := range []string{"text", "github", "sarif", "json", "junit", "gitlab", "concise"} {
		commands = append(commands, []string{"lint", "--format", format + "=written/lint." + format})
	}
	turn, failed := 0, 0
	for _, file := range []string{"cc.yml", "m.yml", "e.yml"} {
		_, values := keyedValues(t, plantedFiles[file])
		for i, value := range values {
			if value.isKey || !value.isName() {
				continue
			}
			for k := range 2 {
				turn++
				if w.leftOut() {
					continue
				}
				odd := oddTokens[(turn+7*k)%len(oddTokens)]
				quoted, err := json.Marshal(odd)
				if err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("%s: %q below %s is %.60q through a variable", file, value.node.Value, value.key, odd)
				environ := w.write(turn%3, string(quoted))
				writeFile(t, file, []byte(plantedText(t, plantedFiles[file], i, odd)))
				openly, _ := w.runWith(environ, "lint")
				writeFile(t, file, []byte(plantedText(t, plantedFiles[file], i, "((v))")))
				list := [][]string{{"bosh", "-e", "https://127.0.0.1:1", "-d", "web", "deploy", "m.yml", "-l", "odd.yml", "--ipguard-override", "ticket"}}
				writeFile(t, "odd.yml", []byte("v: "+string(quoted)+"\n"))
				for c := range 3 {
					list = append(list, commands[(3*turn+c)%len(commands)])
				}
				if code := w.check(what, environ, append(list, []string{"lint"})...); code != openly {
					t.Errorf("%s: exit %d; where it stands openly, %d", what, code, openly)
				}
				if openly == ExitFindings {
					failed++
				}
			}
		}
		writeFile(t, file, []byte(commented(file, plantedFiles[file])))
	}
	if turn < 30 || failed == 0 {
		t.Errorf("only %d names were planted, with %d findings", turn, failed)
	}
}

// TestPlantedPlainNames puts a plain token into the place of each name, from where secrets
// are: a fleet file that somebody changes by a pull request must not bring them into the
// log. The run ends as it does where the name stands openly.
func TestPlantedPlainNames(t *testing.T) {
	w := newPlantedWorld(t)
	const plain = "tokS3cr3tZk9"
	forms := []string{number, "[" + number + ", 7, " + plain + "]"}
	commands := [][]string{{"map"}, {"who", "10.8.52.30"}, {"free", "10.8.52.0/24", "--why", "10.8.52.30"}, {"baseline", "write", "--baseline", "written/baseline.json"}, {"lint", "--format", "json"}, {"fence"}, {"adopt"}, {"lint", "--format", "github"}}
	turn := 0
	for _, file := range []string{"cc.yml", "m.yml", "e.yml"} {
		_, values := keyedValues(t, plantedFiles[file])
		for i, value := range values {
			if value.isKey || !value.isName() {
				continue
			}
			for turn++; !withheldInputs(turn); turn++ {
			}
			if w.leftOut() {
				continue
			}
			for _, form := range []string{plain, forms[i%2]} {
				environ := w.write(turn, form)
				writeFile(t, file, []byte(plantedText(t, plantedFiles[file], i, form)))
				openly, _ := w.runWith(environ, "lint")
				writeFile(t, file, []byte(plantedText(t, plantedFiles[file], i, "((v))")))
				what := fmt.Sprintf("%s: %q below %s is %s by %s", file, value.node.Value, value.key, form, plantedInputs[turn%len(plantedInputs)].says)
				code := w.check(what, environ, commands[turn%len(commands)], commands[(turn+3)%len(commands)], []string{"lint"})
				if code != openly && form == plain { // others stand openly as texts
					t.Errorf("%s: exit %d; where it stands openly, %d", what, code, openly)
				}
			}
		}
		writeFile(t, file, []byte(commented(file, plantedFiles[file])))
	}
	if turn < 25 {
		t.Errorf("only %d names were planted", turn)
	}
}

// TestPlantedOwners has a group whose name came through a variable hold an address of a pool.
// Bookings are files that are committed and pushed: nothing is booked for such a name.
func TestPlantedOwners(t *testing.T) {
	w := newPlantedWorld(t)
	first := strings.TrimSpace(w.git("rev-parse", "HEAD"))
	for i, odd := range []string{"openly", token, "S3cr3t x", "postgres://u:p@h/?p=" + token, token + "/", "%sS3cr3t"} {
		quoted, err := json.Marshal(strings.TrimPrefix(odd, "%s"))
		if err != nil {
			t.Fatal(err)
		}
		environ := w.write(i%3, string(quoted))
		fleet := strings.ReplaceAll(readFile(t, "ipguard.yml"), "10.8.52.100 - 10.8.52.118], book: required", "10.8.52.30 - 10.8.52.35], book: on-deploy")
		fleet = strings.Replace(fleet, "environment: {target: \"https://alias:"+token+"0@127.0.0.1:1\"", "environment: {target: \"https://127.0.0.1:1\"", 1)
		writeFile(t, "ipguard.yml", []byte(strings.Replace(fleet, "ops_files: [ops.yml], ", "", 1)))
		name := "((v))"
		if strings.HasPrefix(odd, "%s") {
			name = "ga-((v))"
		}
		writeFile(t, "m.yml", []byte(strings.Replace(plantedFiles["m.yml"], "name: ga", "name: "+name, 1)))
		writeFile(t, "odd.yml", []byte("v: "+string(quoted)+"\n"))
		want := ExitIncomplete
		if odd == "openly" {
			want = ExitFindings // another VM has it, too
		}
		if code := w.check("a group is "+odd, environ, []string{"adopt"}); code != want {
			t.Errorf("adopt of what a group named %q through a variable has: exit %d", odd, code)
		}
		w.check("a group is "+odd, environ, []string{"adopt", "--dry-run"}, []string{"book", "p", "--for", "x/y/z", "--ops", "written/ops.yml"})
		w.check("a group is "+odd, environ, []string{"bosh", "-e", "https://127.0.0.1:1", "-d", "web", "deploy", "m.yml", "-l", "odd.yml"})
		w.look("a group is "+odd, "git log", w.git("log", "--reflog", first+"..", "--format=%s %b"), "")
	}
}

// plantedText is a text with the value of that number replaced; %s is its own text.
func plantedText(t *testing.T, text string, number int, with string) string {
	t.Helper()
	doc, values := keyedValues(t, text)
	n := values[number].node
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(with, "%s", n.Value)}
	out, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestPlantedAnswers puts a token in the place of each value that a director answers and
// that is no name, breaks its answers with tokens, and looks at who reads them.
func TestPlantedAnswers(t *testing.T) {
	w := newPlantedWorld(t)
	commands := [][]string{{"collect", "live", "--full"}, {"lint"}, {"audit", "--allow-unseen", "--verdict", "all"}, {"who", "10.8.52.130"}, {"map"}}
	for _, pick := range []func(*directordouble.Director) *string{
		func(d *directordouble.Director) *string { return &d.Configs[0].Content },
		func(d *directordouble.Director) *string { return &d.Deployments[0].Manifest },
	} {
		was := ""
		w.serve(func(d *directordouble.Director) { was = *pick(d) })
		_, values := keyedValues(t, was)
		for i, value := range values {
			if value.isName() || value.node.Kind != yaml.ScalarNode || value.isKey || w.leftOut() {
				continue
			}
			w.serve(func(d *directordouble.Director) { *pick(d) = plantedText(t, was, i, token+"70") })
			w.check(fmt.Sprintf("the director answers %q below %s with a token", value.node.Value, value.key), w.environ, commands...)
		}
	}
	for name, field := range map[string]func(*directordouble.Director) *string{
		"version":  func(d *directordouble.Director) *string { return &d.Version },
		"uuid":     func(d *directordouble.Director) *string { return &d.UUID },
		"cpi":      func(d *directordouble.Director) *string { return &d.CPI },
		"instance": func(d *directordouble.Director) *string { return &d.Deployments[0].Instances[0].ID },
		"address":  func(d *directordouble.Director) *string { return &d.Deployments[0].Instances[0].IPs[0] },
	} {
		w.serve(func(d *directordouble.Director) { *field(d) = token + "71" })
		w.check("the director answers as "+name+" a token", w.environ, commands...)
	}
	d := w.serve(func(*directordouble.Director) {})
	w.check("the director answers", w.environ, commands[0])
	requests := d.Requests()
	slices.Sort(requests)
	requests = slices.Compact(requests)
	if len(requests) < 5 {
		t.Fatalf("collect asks for %q alone", requests)
	}
	for _, fault := range []directordouble.Fault{
		{Status: 500, Body: token + "72"}, {Status: 401, Body: `{"description":"` + token + `73"}`}, {Status: 200, Body: `{"` + token + `74": `}, {Status: 200, Body: token + "75"}, {Status: 403, Body: token + "76"}, {Status: 302, Body: token + "77"},
	} {
		for _, request := range requests {
			if w.leftOut() {
				continue
			}
			w.serve(func(d *directordouble.Director) {
				d.Fault = func(r *http.Request) directordouble.Fault {
					if r.Method+" "+r.URL.RequestURI() == request {
						return fault
					}
					return directordouble.Fault{}
				}
			})
			w.check(fmt.Sprintf("the director answers %s with %d and %s", request, fault.Status, fault.Body), w.environ, commands[0])
		}
	}
}

// TestPlantedSettings puts a token in the place of each value of bosh's configuration, of a
// snapshot, and of each environment variable that is read.
func TestPlantedSettings(t *testing.T) {
	w := newPlantedWorld(t)
	asks := [][]string{{"collect"}, {"bosh", "-e", "lab", "-d", "web", "deploy", "m.yml"}, {"lint"}, {"__complete", "collect", ""}}
	_, values := keyedValues(t, plantedFiles["bosh-config"])
	for i, value := range values {
		if value.key == "alias" || w.leftOut() {
			continue // it is a name
		}
		writeFile(t, "bosh-config", []byte(plantedText(t, plantedFiles["bosh-config"], i, "https://u:"+token+"80@127.0.0.1:x")))
		w.check("bosh's configuration has a token in the place of "+value.node.Value, w.environ, asks...)
	}
	writeFile(t, "bosh-config", []byte("{"+token+"81"))
	w.check("bosh's configuration is broken", w.environ, asks...)
	writeFile(t, "bosh-config", []byte(plantedFiles["bosh-config"]))
	for _, name := range []string{"BOSH_CLIENT", "BOSH_CLIENT_SECRET", "BOSH_CA_CERT", "BOSH_ALL_PROXY", "BOSH_ENVIRONMENT", "HTTPS_PROXY", "IPGUARD_FLEET", "NO_COLOR", "COLUMNS"} {
		value := token + "82"
		if strings.HasSuffix(name, "PROXY") || name == "BOSH_ENVIRONMENT" || name == "IPGUARD_FLEET" {
			value = "socks5://u:" + value + "@127.0.0.1:1"
		}
		w.check("$"+name+" is a token", append(slices.Clip(w.environ), name+"="+value), append(asks, []string{"bosh", "-d", "web", "deploy", "m.yml"})...)
	}
	snapshot := readFile(t, "live.json")
	reads := [][]string{{"lint"}, {"audit", "--allow-unseen", "--verdict", "all"}, {"who", "--format", "json", "10.8.52.130"}, {"map"}, {"free", "10.8.52.0/24", "--why", "10.8.52.130"}, {"collect", "live"}}
	_, values = keyedValues(t, snapshot)
	for i, value := range values {
		if value.isName() || value.node.Kind != yaml.ScalarNode || value.isKey || w.leftOut() {
			continue
		}
		writeFile(t, "live.json", []byte(strings.Replace(snapshot, value.node.Value, token+"83", 1)))
		w.check("the snapshot has a token in the place of "+value.node.Value, w.environ, reads[i%len(reads)], reads[(i+1)%len(reads)])
	}
}

// TestPlantedMistakes puts tokens where people put secrets by mistake, into the fleet file
// and into files that are no YAML.
func TestPlantedMistakes(t *testing.T) {
	w := newPlantedWorld(t)
	fleet := readFile(t, "ipguard.yml")
	tried := 0
	for _, form := range []string{
		"https://127.0.0.1:1/?token=%s", "https://127.0.0.1:1?token=%s", "https://127.0.0.1:1/%s", "https://127.0.0.1:1#%s", "https://127.0.0.1:%s", "http://10.0.0.9/?%s", "%s",
	} {
		url := strings.ReplaceAll(form, "%s", token+"90")
		for name, text := range map[string]string{
			"server": "server: " + yamlText(url) + "\n" + fleet,
			"target": strings.Replace(fleet, "target: \"https://alias", "target: "+yamlText(url)+", x: \"https://alias", 1),
			"proxy":  strings.Replace(fleet, "proxy: \"socks5://u", "proxy: "+yamlText(url)+", x: \"socks5://u", 1),
			"short":  strings.Replace(fleet, "- {name: b,", "- {name: other, snapshot: other.json, environment: "+yamlText(url)+"}\n- {name: b,", 1),
			"secret": strings.Replace(fleet, "client: ipguard", "client: ipguard, client_secret_env: "+yamlText(url), 1),
			"name":   strings.Replace(fleet, "client: ipguard", "client: ipguard, client_secret_env: "+strings.ReplaceAll(strings.ReplaceAll(token, "!", "_"), "tok", "t0k"), 1),
		} {
			if text == fleet {
				t.Fatalf("%s: nothing was planted", name)
			}
			if tried++; w.leftOut() {
				continue
			}
			writeFile(t, "ipguard.yml", []byte(strings.Replace(text, ", x: \"", " } # \"", 1)))
			w.check(name+" is "+url, w.environ, []string{"collect"}, []string{"lint"}, []string{"who", "10.8.52.30"}, []string{"bosh", "-e", "lab", "-d", "web", "deploy", "m.yml"})
		}
	}
	if tried != 7*6 {
		t.Errorf("%d mistakes were tried", tried)
	}
	writeFile(t, "ipguard.yml", []byte(fleet))
	word := strings.ReplaceAll(token, "!", "")
	for _, mistake := range []string{
		"password: *" + word, "password: *" + token, "password: &" + token + " x", "password: &" + word + " [*" + word + "]", "password: !" + token + " x", "password: !!" + word + " x",
		"password: %" + token, "password: @" + token, "password: `" + token + "`", "password: \"" + token, "password: {" + token, "<<: " + token, "<<: *" + word, "? *" + word + "\n: x", "!x!" + word + " a: b",
	} {
		for name, text := range plantedFiles {
			if !strings.HasSuffix(name, ".yml") || name == "ipguard.yml" || w.leftOut() {
				continue
			}
			writeFile(t, name, []byte(text+mistake+"\n"))
			w.check(name+" has "+mistake, w.environ, []string{"lint"}, []string{"lint", "--format", "json"}, []string{"free", "10.8.52.0/24"})
			writeFile(t, name, []byte(commented(name, text)))
		}
		writeFile(t, "ipguard.yml", []byte(fleet+mistake+"\n"))
		w.check("the fleet file has "+mistake, w.environ, []string{"lint"}, []string{"map"})
		writeFile(t, "ipguard.yml", []byte(fleet))
	}
}

// yamlText is a text in YAML's quotes.
func yamlText(s string) string { return "'" + s + "'" }

// TestPlantedArguments gives a URL with a token to every flag of every command, and to
// every command as an argument, and a token to every way of setting a variable.
func TestPlantedArguments(t *testing.T) {
	w := newPlantedWorld(t)
	url, tried := "https://u:"+token+"@10.0.0.9", 0
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		for _, sub := range c.Commands() {
			walk(sub, append(slices.Clip(path), sub.Name()))
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			tried++
			w.check("a flag", w.environ, append(slices.Clip(path), "--"+f.Name+"="+url), append(slices.Clip(path), "10.8.52.30", "--"+f.Name, url))
		})
		w.check("an argument", w.environ, append(slices.Clip(path), url), append(slices.Clip(path), url, url))
	}
	walk(Commands(Streams{}), nil)
	if tried < 100 {
		t.Errorf("only %d flags were tried", tried)
	}
	for _, args := range [][]string{
		{"lint", "m.yml", "-l", "pw=" + token}, {"lint", "m.yml", "-o", "pw=" + token}, {"lint", "pw=" + token}, {"lint", "m.yml", "--var-file", "pw=x=" + token},
		{"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-l", "pw=" + token}, {"bosh", "-e", url, "-d", "web", "deploy", "pw=" + token}, {"bosh", "create-env", "e.yml", "-o", "pw=" + token},
		{"login", "https://127.0.0.1:1/?token=" + token}, {"login", "https://127.0.0.1:1/" + token}, {"login", "https://127.0.0.1:1#" + token}, {"login", token}, {"logout", "https://127.0.0.1:1?token=" + token},
		{"lint", "m.yml", "-v", "pw: " + token}, {"lint", "m.yml", "-v", "=" + token}, {"lint", "m.yml", "-v", "pw=[" + token}, {"lint", "m.yml", "-v", "pw=" + token},
		{"lint", "m.yml", "-v", token}, {"lint", "m.yml", "-v", token + "="}, {"lint", "m.yml", "-v", token + "=="}, {"lint", "m.yml", "--var-file", token + "="}, {"bosh", "-e", "lab", "-d", "web", "deploy", "m.yml", "-v", token + "=="},
		{"lint", "m.yml", "--vars-env", "PLANT"}, {"lint", "m.yml", "--var-file", "pw=" + "v.txt"},
		{"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-v", "pw=" + token}, {"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-v", token},
		{"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-v", "pw=[" + token}, {"bosh", "-e", url, "update-cloud-config", "cc.yml", "--client-secret", token},
	} {
		w.check("arguments", w.environ, args)
	}
}

// keyedValue is a key, or a value and the key that it stands below.
type keyedValue struct {
	key   string
	node  *yaml.Node
	isKey bool
}

// isName reports whether what stands there is the name of a network, a group, a zone,
// a job or a deployment.
func (v keyedValue) isName() bool {
	return v.node.Kind == yaml.ScalarNode && slices.Contains([]string{"name", "network", "az", "azs", "deployments", "instance_groups"}, v.key)
}

// keyedValues are all keys and values of a text.
func keyedValues(t *testing.T, text string) (doc *yaml.Node, values []keyedValue) {
	t.Helper()
	doc = &yaml.Node{}
	if err := yaml.Unmarshal([]byte(text), doc); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node, key string, isKey bool)
	walk = func(n *yaml.Node, key string, isKey bool) {
		values = append(values, keyedValue{key, n, isKey})
		for i, c := range n.Content {
			below, isKey := key, false
			if n.Kind == yaml.MappingNode {
				below, isKey = "", i%2 == 0
				if !isKey {
					below = n.Content[i-1].Value
				}
			}
			walk(c, below, isKey)
		}
	}
	walk(doc.Content[0], "", false)
	return doc, values
}
