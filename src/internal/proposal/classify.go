package proposal

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// document is what one YAML file is.
type document struct {
	kind fleet.Kind // of what a director or create-env reads; empty for all else
	// isOps and isVars tell inputs: a list of operations, a map of values.
	isOps, isVars bool
	root          source.Value
	// uses are the variables in it, without what stands behind a dot.
	uses []string
}

// examples are folders whose manifests are nobody's.
var examples = []string{"fixtures", "fixture", "testdata", "spec", "specs", "test", "tests", "examples", "example", "samples", "templates"}

func isExample(file string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(file), "/"), func(folder string) bool { return slices.Contains(examples, folder) })
}

// classify reads all YAML files and adds an entry for each that a director reads and
// that lies in the open: not in somebody else's repository, not among examples.
func (d *draft) classify() {
	d.tree.documents = map[string]*document{}
	others := 0
	for _, file := range d.tree.yaml {
		doc, err := d.read(file)
		if err != nil {
			switch {
			case d.tree.foreign(file) || isExample(file):
			case d.isEmpty(file):
				d.note("%v", err)
			default:
				d.leave("%v", err)
			}
			continue
		}
		d.tree.documents[file] = doc
		if doc.kind == "" {
			others++
		}
	}
	if others > 0 {
		d.note("other YAML files, such as ops files and vars files: %d", others)
	}
}

// isEmpty reports whether a file has nothing but comments in it.
func (d *draft) isEmpty(file string) bool {
	text, err := source.NewFiles(nil).Read(filepath.Join(d.root, filepath.FromSlash(file)))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && string(line) != "---" {
			return false
		}
	}
	return true
}

func (d *draft) read(file string) (*document, error) {
	text, err := source.NewFiles(nil).Read(filepath.Join(d.root, filepath.FromSlash(file)))
	if err != nil {
		return nil, named(file, err)
	}
	if tool := templateOf(string(text), false); tool != "" {
		return nil, &trouble.Trouble{Message: file + ": " + tool}
	}
	parsed, err := source.Parse(file, text)
	if err != nil {
		if tool := templateOf(string(text), true); tool != "" {
			return nil, &trouble.Trouble{Message: file + ": " + tool}
		}
		return nil, named(file, err)
	}
	root := parsed.Root()
	doc := &document{kind: fleet.Recognise(root), root: root, uses: variablesOf(string(text))}
	if doc.kind == "" {
		doc.isOps, doc.isVars = isOps(root), root.IsMap()
	}
	return doc, nil
}

// named is an error about a file by its name below the root.
func named(file string, err error) error {
	t := trouble.Of(err)
	t.At.File = file
	return &t
}

func isOps(root source.Value) bool {
	items := root.Items()
	return len(items) > 0 && !slices.ContainsFunc(items, func(item source.Value) bool {
		return !item.Field("type").Present() || !item.Field("path").Present()
	})
}

var variableUse = lazyregexp.New(`\(\( ?!?([-/\w\pL]+)(?:\.[-/\.\w\pL]+)? ?\)\)`)

func variablesOf(text string) []string {
	var names []string
	for _, m := range variableUse().FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// marks tell the templates of other tools, and what makes a manifest of them. Those
// that may stand in a property, too, tell a template only where nothing else can be
// read.
var marks = []struct {
	mark      lazyregexp.Regexp
	ambiguous bool
	says      string
}{
	{lazyregexp.New(`(?m)^kit:\s*(\{.*\})?\s*$`), false, "an environment of genesis: only its merged manifest can be read, which genesis manifest FILE prints"},
	{lazyregexp.New(`\(\( *(grab|concat|inject|static_ips|cartesian-product|join|param|vault|ips|calc|keys|load|prune|append|prepend|replace|insert|delete|empty|defer|base64|file|awsparam|awssecret|inline)\b[^)]`), false,
		"a template of spruce: name the merged file, which spruce merge prints"},
	{lazyregexp.New(`\(\( *(merge|prune|inline|append|prepend|replace) *\)\)`), false, "a template of spiff or spruce: name the merged file, which spiff merge or spruce merge prints"},
	{lazyregexp.New(`<%[-=]? `), true, "a template of ERB: name the file that it makes"},
	{lazyregexp.New(`\{[%{]-? `), true, "a template of Jinja: name the file that it makes"},
	{lazyregexp.New(`(?m)^\s*#@ `), true, "a template of ytt: name the file that ytt -f FILE prints"},
}

// templateOf says of a template of another tool what it is; empty for all else.
func templateOf(text string, unreadable bool) string {
	for _, m := range marks {
		if (unreadable || !m.ambiguous) && m.mark().MatchString(text) {
			return m.says
		}
	}
	return ""
}
