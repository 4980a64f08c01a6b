package proposal

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// call is one call of bosh in a script, as far as it can be told without running it.
type call struct {
	script string
	line   uint
	args   []string
	// unknown are arguments that depend on something outside of the script.
	unknown []string
	// folders are those that a relative path may start from, the likelier first.
	folders []string
}

// addCalls adds an entry for each call of bosh in a script that names a file here.
func (d *draft) addCalls() {
	for _, script := range d.tree.scripts {
		if d.tree.foreign(script) || isExample(script) {
			continue
		}
		// bosh-bootloader runs create-director-override.sh in place of create-director.sh.
		if override := strings.TrimSuffix(script, ".sh") + "-override.sh"; slices.Contains(d.tree.scripts, override) {
			continue
		}
		for _, c := range d.callsOf(script) {
			d.addCall(c)
		}
	}
}

// callsOf returns the calls of bosh in a script, in their order.
func (d *draft) callsOf(script string) []call {
	text, err := regularfile.Read(filepath.Join(d.root, filepath.FromSlash(script)))
	if err != nil {
		d.note("%s: %v", script, withoutPath(err))
		return nil
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(string(text)), script)
	if err != nil {
		return nil // not a shell's; then nothing can be told from it
	}
	r := &shellReader{draft: d, script: script, vars: map[string]string{}, cwd: "."}
	r.vars["BBL_STATE_DIR"] = path.Dir(script) // scripts of bosh-bootloader are run by it
	syntax.Walk(file, func(node syntax.Node) bool {
		if c, ok := node.(*syntax.CallExpr); ok {
			r.statement(c)
		}
		if decl, ok := node.(*syntax.DeclClause); ok {
			for _, a := range decl.Args {
				r.assign(a)
			}
		}
		return true
	})
	return r.calls
}

// shellReader follows a script from top to bottom: assignments, cd, calls of bosh.
// What it cannot tell has no value.
type shellReader struct {
	*draft
	script string
	vars   map[string]string
	cwd    string // below the root, while it is known
	calls  []call
}

func (r *shellReader) statement(c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			r.assign(a)
		}
		return
	}
	words := make([]string, 0, len(c.Args))
	var unknown []string
	for _, w := range c.Args {
		fields, err := r.fields(w)
		if err != nil {
			name, _, _ := strings.Cut(printed(w), "=") // what follows may be a secret
			unknown = append(unknown, name)
			fields = []string{nameOfVariable(w) + unresolved}
		}
		words = append(words, fields...)
	}
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	switch {
	case len(words) < 2:
	case words[0] == "cd" || words[0] == "pushd":
		r.cwd = below(r.cwd, words[1])
	case path.Base(words[0]) == "bosh" || strings.HasPrefix(path.Base(words[0]), "bosh-cli"):
		folders := slices.Compact([]string{r.cwd, path.Dir(r.script), "."})
		r.calls = append(r.calls, call{script: r.script, line: c.Pos().Line(), args: words[1:], unknown: unknown, folders: folders})
	}
}

// nameOfVariable is the beginning of a word that is NAME=…, up to the equals sign.
func nameOfVariable(w *syntax.Word) string {
	literal, ok := w.Parts[0].(*syntax.Lit)
	if !ok || strings.HasPrefix(literal.Value, "-") {
		return ""
	}
	name, _, ok := strings.Cut(literal.Value, "=")
	if !ok {
		return ""
	}
	return name + "="
}

// unresolved stands for an argument that cannot be told.
const unresolved = "\x00"

func (r *shellReader) assign(a *syntax.Assign) {
	if a.Name == nil || a.Value == nil {
		return
	}
	delete(r.vars, a.Name.Value)
	if fields, err := r.fields(a.Value); err == nil {
		r.vars[a.Name.Value] = strings.Join(fields, " ")
	}
}

// fields expands a word as far as the script itself tells.
func (r *shellReader) fields(w *syntax.Word) ([]string, error) {
	config := &expand.Config{
		Env:      expand.FuncEnviron(r.variable),
		NoUnset:  true,
		CmdSubst: r.substitute,
		ProcSubst: func(*syntax.ProcSubst) (string, error) {
			return "", errors.New("what a process substitution brings is not known")
		},
	}
	return expand.Fields(config, w)
}

func (r *shellReader) variable(name string) string {
	switch name {
	case "0", "BASH_SOURCE":
		return r.script
	case "PWD":
		return r.cwd
	case "IFS":
		return " \t\n"
	}
	return r.vars[name] // one without a value is an error by NoUnset
}

var (
	scriptFolder = lazyregexp.New(`dirname (?:-- )?"?\$\{?(?:0|BASH_SOURCE)`)
	upward       = lazyregexp.New(`\)"?((?:/\.\.)+|(?:/[\w.-]+)+)`)
)

// substitute knows the usual ways in which a script finds its own folder.
func (r *shellReader) substitute(w io.Writer, c *syntax.CmdSubst) error {
	var text strings.Builder
	for _, statement := range c.Stmts {
		if err := syntax.NewPrinter().Print(&text, statement); err != nil {
			return err
		}
		text.WriteString("\n")
	}
	inner := text.String()
	var folder string
	switch {
	case scriptFolder().MatchString(inner):
		folder = path.Dir(r.script)
		if m := upward().FindStringSubmatch(inner); m != nil {
			folder = below(folder, strings.TrimPrefix(m[1], "/"))
		}
	case strings.Contains(inner, "git rev-parse --show-toplevel"):
		folder = "."
	case strings.TrimSpace(inner) == "pwd":
		folder = r.cwd
	default:
		return fmt.Errorf("what %q prints is not known", strings.TrimSpace(inner))
	}
	_, err := io.WriteString(w, folder)
	return err
}

func printed(w *syntax.Word) string {
	var text strings.Builder
	if err := syntax.NewPrinter().Print(&text, w); err != nil {
		return "?"
	}
	return text.String()
}

// below is a path that starts from a folder; both are below the root.
func below(folder, file string) string {
	if path.IsAbs(file) {
		return file
	}
	return path.Join(folder, file)
}

// addCall adds the entry of one call.
func (d *draft) addCall(c call) {
	change := c.change()
	if change == nil || change.Path == "" {
		return
	}
	if strings.Contains(change.Path, unresolved) {
		d.leave("%s:%d: bosh %s gets a file that only a run of the script would tell", c.script, c.line, change.Command)
		return
	}
	file, ok := d.resolve(c, change.Path)
	if !ok || d.tree.documents[file] == nil || d.tree.documents[file].kind == "" {
		d.leave("%s:%d: bosh %s gets %s, which is not here", c.script, c.line, change.Command, change.Path)
		return
	}
	e := &entry{kind: kindOf(change, d.tree.documents[file].kind), file: file, home: path.Dir(c.script)}
	if !d.tree.foreign(file) {
		e.home = path.Dir(file)
	}
	e.remarks = append(e.remarks, fmt.Sprintf("inputs as in %s:%d", c.script, c.line))
	e.environment = c.environment(change)
	if e.kind == fleet.Deployments && slices.ContainsFunc(c.args, func(a string) bool { return a == "-d" || strings.HasPrefix(a, "--deployment") }) && !strings.Contains(change.Name, unresolved) {
		e.name = change.Name
	}
	d.addInputs(c, change, e)
	d.add(e)
}

// change is what the call changes, nil if that is nothing that has addresses. bosh
// interpolate is read as the deploy that it prepares.
func (c call) change() *gate.Change {
	args := slices.Clone(c.args)
	for i, a := range args {
		if a == "int" || a == "interpolate" {
			args[i] = "deploy"
			args = slices.DeleteFunc(args, func(a string) bool {
				return strings.HasPrefix(a, "--path") || a == "--var-errs" || a == "--var-errs-unused"
			})
			break
		}
	}
	change, err := gate.Parse(args)
	if err != nil {
		return nil
	}
	return change
}

// environment is what tells the call's director, or VM, from those of other calls.
func (c call) environment(change *gate.Change) string {
	options := []string{"-e", "--environment"}
	if change.Kind == gate.CreateEnv {
		options = []string{"--state"}
	}
	for i, arg := range c.args {
		for _, option := range options {
			value, ok := strings.CutPrefix(arg, option)
			switch {
			case !ok:
				continue
			case value == "" && i+1 < len(c.args):
				value = c.args[i+1]
			case strings.HasPrefix(option, "--") && !strings.HasPrefix(value, "="):
				continue
			}
			if value = strings.TrimPrefix(value, "="); !strings.Contains(value, unresolved) {
				return value
			}
		}
	}
	return ""
}

// address is an address, a block, a range, a number, or a list of those.
var address = lazyregexp.New(`^\[?\s*([0-9a-fA-F.:]+(/[0-9]+)?|[0-9a-fA-F.:]+\s*-\s*[0-9a-fA-F.:]+)(\s*,\s*[0-9a-fA-F.:/]+)*\s*\]?$`)

func isAddress(value string) bool { return address().MatchString(value) && len(value) < 200 }

func kindOf(change *gate.Change, recognised fleet.Kind) fleet.Kind {
	switch change.Kind {
	case gate.CloudConfig:
		return fleet.CloudConfigs
	case gate.RuntimeConfig:
		return fleet.RuntimeConfigs
	case gate.CreateEnv:
		return fleet.CreateEnv
	}
	return recognised
}

// resolve finds the file that an argument means, from the likeliest folder.
func (d *draft) resolve(c call, file string) (string, bool) {
	for _, folder := range c.folders {
		if name := below(folder, file); !path.IsAbs(name) && !strings.HasPrefix(name, "../") && d.tree.exists(name) {
			return name, true
		}
	}
	return file, false
}

// addInputs adds what the call gives beside the file; what cannot be told is said.
func (d *draft) addInputs(c call, change *gate.Change, e *entry) {
	missing := func(what, name string) {
		if strings.Contains(name, unresolved) {
			name = strings.Join(c.unknown, " ")
		}
		e.remarks = append(e.remarks, fmt.Sprintf("not sure: %s %s is not here", what, name))
	}
	for _, list := range []struct {
		what  string
		paths []string
		into  *[]string
	}{{"ops file", change.OpsFiles, &e.inputs.ops}, {"vars file", change.VarsFiles, &e.inputs.vars}} {
		for _, file := range list.paths {
			if name, ok := d.resolve(c, file); ok {
				*list.into = append(*list.into, name)
			} else {
				missing(list.what, file)
			}
		}
	}
	for _, given := range change.VarFiles {
		name, file, _ := strings.Cut(given, "=")
		if found, ok := d.resolve(c, file); ok {
			e.inputs.varFiles = append(e.inputs.varFiles, pair{name, found})
		} else {
			missing("the file of variable", name)
		}
	}
	for _, given := range change.VarKVs {
		name, value, _ := strings.Cut(given, "=")
		switch {
		case strings.Contains(value, unresolved) || value == "":
			missing("the value of variable", name)
		case isAddress(value):
			e.inputs.values = append(e.inputs.values, pair{name, value})
		default: // it may be a secret, and stays where it is
			e.remarks = append(e.remarks, fmt.Sprintf("not sure: variable %s is left out; write it into vars if an address or a name depends on it", name))
		}
	}
	if change.VarsFSStore != "" && !strings.Contains(change.VarsFSStore, unresolved) {
		e.inputs.store, _ = d.resolve(c, change.VarsFSStore)
		if !d.tree.exists(e.inputs.store) {
			e.inputs.store = ""
		}
	}
}
