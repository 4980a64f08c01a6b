//go:build !race

package interpolate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	boshopts "github.com/cloudfoundry/bosh-cli/v7/cmd/opts"
	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/cppforlife/go-patch/patch"
	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// repository is one public repository: its base documents, which ops files may
// change, and all of its ops files.
type repository struct {
	dir   string
	bases []string
	ops   []opsFile
}

// opsFile is an ops file as the engine reads it, or why it does not.
type opsFile struct {
	path string
	ops  patch.Ops
	err  error
}

// publicRepositories sorts the files of each repository by what they are: a list
// is an ops file, a map is a base (a manifest, a config, a vars file).
func publicRepositories(t testing.TB) []repository {
	t.Helper()
	root := sharedtest.Dir(t, "public")
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var list []repository
	for _, folder := range folders {
		if folder.IsDir() {
			list = append(list, readRepository(t, filepath.Join(root, folder.Name())))
		}
	}
	return list
}

func readRepository(t testing.TB, dir string) repository {
	t.Helper()
	r := repository{dir: dir}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var value any
		if err := yaml2.Unmarshal(text, &value); err != nil {
			return nil
		}
		switch value.(type) {
		case []any:
			var arg boshopts.OpsFileArg
			err := arg.UnmarshalFlag(path)
			r.ops = append(r.ops, opsFile{path, arg.Ops, err})
		case map[any]any:
			r.bases = append(r.bases, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPublic applies every ops file of each public repository to every base
// document there. Where the bosh CLI's own code accepts the pair, the values
// must be the CLI's, byte for byte after normalisation, and every value must
// have kept its place. So must they with as many of these ops files as apply one
// after the other, without variables and with a value for each one of the base.
func TestPublic(t *testing.T) {
	for _, r := range publicRepositories(t) {
		for _, base := range r.bases {
			name := filepath.Base(r.dir) + strings.TrimPrefix(base, r.dir)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := comparison{base: base}
				p := newPairs(t, base, r.ops)
				for _, file := range thinned(p.accepted) {
					c.compare(t, Inputs{OpsFiles: []string{file}})
				}
				for _, file := range thinned(p.refused) {
					c.refuse(t, file)
				}
				for _, group := range thinned(p.groups) {
					c.compare(t, Inputs{OpsFiles: group})
					c.compare(t, Inputs{OpsFiles: group, Vars: publicVars(t, base)})
				}
				t.Logf("%d ops files: %d accepted, %d refused by both; %d inputs gave equal values; %d plain texts stand where their place says, %d of them not in the base",
					len(r.ops), len(p.accepted), len(p.refused), c.equal, c.placed, c.elsewhere)
				if c.equal == 0 || c.placed == 0 {
					t.Error("nothing was compared")
				}
			})
		}
	}
}

// pairs tells which ops files the engine applies to a base document.
type pairs struct {
	accepted, refused []string
	// groups has the accepted ones in lists that apply in one run, the first of
	// them empty if nothing applies.
	groups [][]string
}

func newPairs(t *testing.T, base string, opsFiles []opsFile) pairs {
	p := pairs{groups: [][]string{nil}}
	whole := engineDocument(t, base)
	document := copied(whole)
	for _, file := range opsFiles {
		err := file.err
		var alone any
		if err == nil {
			alone, err = file.ops.Apply(copied(whole))
		}
		if err != nil {
			p.refused = append(p.refused, file.path)
			continue
		}
		p.accepted = append(p.accepted, file.path)
		if document, err = file.ops.Apply(document); err != nil {
			p.groups = append(p.groups, nil)
			document = alone
		}
		last := len(p.groups) - 1
		p.groups[last] = append(p.groups[last], file.path)
	}
	return p
}

// engineDocument is a document as the engine reads it.
func engineDocument(t *testing.T, path string) (value any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml2.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// thinned returns one in 25 with -short, and always the first; else all.
func thinned[T any](all []T) []T {
	if !sharedtest.Short() {
		return all
	}
	var some []T
	for i := 0; i < len(all); i += 25 {
		some = append(some, all[i])
	}
	return some
}

// comparison compares the loader with the bosh CLI's code on one base document,
// and counts what it compared.
type comparison struct {
	base                     string
	equal, placed, elsewhere int
}

// refuse checks that the loader refuses an ops file as the engine does, and says
// where.
func (c *comparison) refuse(t *testing.T, opsFile string) {
	t.Helper()
	_, err := NewLoader(source.NewFiles(nil), nil).Load(c.base, Inputs{OpsFiles: []string{opsFile}})
	var e *trouble.Trouble
	if !errors.As(err, &e) || e.At.File != opsFile || !e.At.IsValid() {
		t.Errorf("%s with %s: want an error with a place in the ops file, got %v", c.base, opsFile, err)
	}
}

// publicVars gives every variable that a text uses a value, of any kind where the
// variable always stands alone, else one that can stand within a text.
func publicVars(t testing.TB, base string) []KV {
	t.Helper()
	text, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"10.8.52.190", "8", "010", "yes it is"}
	values := append(texts, "true", "[10.0.0.1, 10.0.0.2]", "{ca: text}", "1.0", "1:30")
	alone := regexp.MustCompile(`(?m)(: |- )"?\(\([^()]*\)\)"?$`)
	embedded := map[string]bool{}
	for _, match := range variableUse().FindAllSubmatch(alone.ReplaceAll(text, nil), -1) {
		embedded[string(match[1])] = true
	}
	var list []KV
	seen := map[string]bool{}
	for _, match := range variableUse().FindAllSubmatch(text, -1) {
		name, path, dotted := strings.Cut(strings.TrimPrefix(string(match[1]), "!"), ".")
		if seen[name] {
			continue
		}
		seen[name] = true
		value := values[len(list)%len(values)]
		switch {
		case dotted:
			value = "{" + path + ": text, ca: text, private_key: text, certificate: text, public_key: text}"
		case embedded[name]:
			value = texts[len(list)%len(texts)]
		}
		list = append(list, KV{name, value})
	}
	return list
}

// compare requires the loader to agree with the bosh CLI.
func (c *comparison) compare(t *testing.T, in Inputs) {
	t.Helper()
	want, wantErr := boshResult(c.base, in, nil, boshtpl.EvaluateOpts{})
	files := source.NewFiles(nil)
	got, err := everyWay(t, NewLoader(files, nil), c.base, in)
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s with %v: %v, but the bosh CLI: %v", c.base, in, err, wantErr)
	}
	if err != nil || wantErr != nil {
		return
	}
	if got.untraced != 0 {
		t.Errorf("%s with %v: %d values lost their place", c.base, in, got.untraced)
	}
	if have := normalised(t, got.document.Node()); !bytes.Equal(have, want) {
		t.Errorf("%s with %v: values differ from the bosh CLI's", c.base, in)
	}
	c.equal++
	c.checkPlaces(t, files, got.document)
}

// checkPlaces looks up the place of every plain text that came without a
// variable: the line there must hold it.
func (c *comparison) checkPlaces(t *testing.T, files *source.Files, doc *source.Document) {
	t.Helper()
	lines := map[string][]string{}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for _, child := range n.Content {
			visit(child)
		}
		at := doc.PlaceOf(n)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Style != 0 || at.Through != "" {
			return
		}
		if lines[at.File] == nil {
			text, err := files.Read(at.File)
			if err != nil {
				t.Fatal(err)
			}
			lines[at.File] = strings.Split(string(text), "\n")
		}
		line := lines[at.File][at.Line-1]
		if strings.HasPrefix(string([]rune(line)[at.Column-1:]), "*") {
			return // an alias: the place is that of the alias, as everywhere in package source
		}
		if !strings.Contains(line, n.Value) {
			t.Errorf("%s should hold %q, but is: %s", at, n.Value, line)
		}
		c.placed++
		if at.File != doc.File() {
			c.elsewhere++
		}
	}
	visit(doc.Node())
}

// TestBoshProgram compares with the output of the bosh program itself. The
// comparison with its code in TestPublic needs no program.
func TestBoshProgram(t *testing.T) {
	bosh := sharedtest.Bosh(t)
	compared := 0
	for _, r := range publicRepositories(t) {
		for _, base := range thinned(r.bases) {
			for _, group := range newPairs(t, base, r.ops).groups {
				for _, vars := range [][]KV{nil, publicVars(t, base)} {
					if compareProgram(t, bosh, base, Inputs{OpsFiles: group, Vars: vars}) {
						compared++
					}
				}
			}
		}
	}
	t.Logf("%d outputs of bosh int compared", compared)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func compareProgram(t *testing.T, bosh, base string, in Inputs) bool {
	t.Helper()
	args := []string{"int", base}
	for _, file := range in.OpsFiles {
		args = append(args, "-o", file)
	}
	for _, kv := range in.Vars {
		args = append(args, "-v", kv.Name+"="+kv.Value)
	}
	cmd := exec.Command(bosh, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	want, runErr := cmd.Output()
	got, err := NewLoader(source.NewFiles(nil), nil).prove(base, in)
	if (err == nil) != (runErr == nil) {
		t.Errorf("%s with %v: %v, but bosh int: %v", base, in, err, runErr)
	}
	if err != nil || runErr != nil {
		return false
	}
	if have := normalised(t, got.document.Node()); !bytes.Equal(bytes.TrimSpace(have), bytes.TrimSpace(want)) {
		t.Errorf("%s with %v: values differ from those of bosh int", base, in)
	}
	return true
}
