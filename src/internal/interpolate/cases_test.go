package interpolate

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

var update = flag.Bool("update", false, "write the results of this run into the case files")

// TestCases runs the pages below testdata. The lines at the top of a page are
// comments (#), environment variables (env NAME=value) and flags of bosh, one a
// line; base.yml is the document. Further lines: "create-env" loads the document
// as such, "-f file" takes the variables below "vars" of a fleet file, and "bosh
// differs" says that bosh does not do the same, for the reason in the comment.
//
// Section want lists every value with its path and its place, and every key that
// is not the base document's; section error is the refusal. No error may hold
// the word s3cret, which stands for what must not be shown. In all other respects
// each case must agree with bosh-cli's own code.
func TestCases(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		path, err := filepath.Abs(page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(page), ".txtar"), func(t *testing.T) { runCase(t, path) })
	}
}

func runCase(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	want := map[string]string{}
	var inputFiles []txtar.File
	for _, file := range archive.Files {
		if file.Name == "want" || file.Name == "error" {
			want[file.Name] = string(file.Data)
			continue
		}
		inputFiles = append(inputFiles, file)
		if err := os.WriteFile(file.Name, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := readCase(t, string(archive.Comment))
	got := c.run(t)
	if *update {
		archive.Files = inputFiles
		for _, name := range []string{"want", "error"} {
			if got[name] != "" {
				archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
			}
		}
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(want) == 0 {
		t.Fatal("the page expects nothing: run the test with -update, then read what it wrote")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// testCase is the top of a page.
type testCase struct {
	in          Inputs
	environ     []string
	boshDiffers bool
}

func readCase(t *testing.T, comment string) *testCase {
	t.Helper()
	c := &testCase{}
	for line := range strings.Lines(comment) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "", "#":
		case "env":
			c.environ = append(c.environ, rest)
		case "bosh":
			c.boshDiffers = true
		case "-o":
			c.in.OpsFiles = append(c.in.OpsFiles, rest)
		case "-l":
			c.in.VarsFiles = append(c.in.VarsFiles, rest)
		case "-v":
			c.in.Vars = append(c.in.Vars, KV{name, value})
		case "--var-file":
			c.in.VarFiles = append(c.in.VarFiles, KV{name, value})
		case "--vars-env":
			c.in.VarsEnv = append(c.in.VarsEnv, rest)
		case "--vars-store":
			c.in.VarsStore = rest
		case "-f":
			c.in.Values = fleetValues(t, rest)
			c.boshDiffers = true // it has no such source of variables
		default:
			t.Fatalf("unknown line %q at the top of the page", line)
		}
	}
	return c
}

func fleetValues(t *testing.T, path string) []Value {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := source.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	var list []Value
	for key, value := range doc.Root().Field("vars").Fields() {
		list = append(list, Value{key.Text(), value})
	}
	return list
}

// run returns the sections that a page expects.
func (c *testCase) run(t *testing.T) map[string]string {
	t.Helper()
	got, err := everyWay(t, NewLoader(source.NewFiles(nil), c.environ), "base.yml", c.in)
	if !c.boshDiffers {
		c.compareWithBosh(t, got, err)
	}
	if err != nil {
		return map[string]string{"error": errorText(t, err)}
	}
	if got.untraced != 0 {
		t.Errorf("%d values lost their place", got.untraced)
	}
	return map[string]string{"want": listing(got.document)}
}

func (c *testCase) compareWithBosh(t *testing.T, got *evaluated, err error) {
	t.Helper()
	want, wantErr := boshResult("base.yml", c.in, c.environ, boshtpl.EvaluateOpts{})
	if (err == nil) != (wantErr == nil) {
		t.Errorf("bosh: %v\nhere: %v", wantErr, err)
	}
	if err == nil && wantErr == nil && !bytes.Equal(normalised(t, got.document.Node()), want) {
		t.Errorf("bosh makes\n%s", want)
	}
}

func errorText(t *testing.T, err error) string {
	t.Helper()
	var e *trouble.Trouble
	if !errors.As(err, &e) {
		t.Fatalf("not a *trouble.Trouble: %v", err)
	}
	text := e.Error() + "\n"
	if e.Hint != "" {
		text += "hint: " + e.Hint + "\n"
	}
	if e.At.File == "" {
		t.Errorf("no place: %s", text)
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("this error shows a secret: %s", text)
	}
	return text
}

// everyWay evaluates a document by the engine's text, by the engine's values and by
// the tracer alone, and holds the results equal: values, how they were written, places.
func everyWay(t *testing.T, l *Loader, path string, in Inputs) (*evaluated, error) {
	t.Helper()
	want, wantErr := l.evaluate(path, in, true)
	ways := map[string]func(string, Inputs) (*evaluated, error){"proven": l.prove, "traced alone": l.trace}
	if sharedtest.Short() {
		delete(ways, "proven") // the whole run, without -short, and the fuzz step go this way
	}
	for name, way := range ways {
		got, err := way(path, in)
		if (err == nil) != (wantErr == nil) { // of several errors, the engine comes upon any
			t.Errorf("%s: %v, by the engine's text: %v", name, err, wantErr)
		}
		if err == nil && wantErr == nil {
			if diff := cmp.Diff(listing(want.document), listing(got.document)); diff != "" {
				t.Errorf("-by the engine's text +%s:\n%s", name, diff)
			}
		}
	}
	return want, wantErr
}

// listing writes a document with one line for each value, maps sorted.
func listing(doc *source.Document) string {
	var text strings.Builder
	var list func(path string, n *yaml.Node)
	list = func(path string, n *yaml.Node) {
		shown := fmt.Sprintf("%s %q", n.Tag, n.Value)
		switch n.Kind {
		case yaml.MappingNode:
			shown = "{}"
		case yaml.SequenceNode:
			shown = "[]"
		}
		if path == "" {
			path = "/"
		}
		fmt.Fprintf(&text, "%s %s @ %s\n", path, shown, placeText(doc, n))
		path = strings.TrimSuffix(path, "/")
		if n.Kind == yaml.SequenceNode {
			for i, item := range n.Content {
				list(fmt.Sprintf("%s/%d", path, i), item)
			}
			return
		}
		pairs := slices.SortedFunc(slices.Chunk(n.Content, 2), func(a, b []*yaml.Node) int {
			return strings.Compare(a[0].Value+"\x00"+a[0].Tag, b[0].Value+"\x00"+b[0].Tag)
		})
		for _, pair := range pairs {
			key := pair[0]
			if at := doc.PlaceOf(key); at.File != doc.File() || at.Through != "" {
				fmt.Fprintf(&text, "%s key %q @ %s\n", path+"/"+key.Value, key.Value, placeText(doc, key))
			}
			list(path+"/"+key.Value, pair[1])
		}
	}
	list("", doc.Node())
	return text.String()
}

func placeText(doc *source.Document, n *yaml.Node) string {
	at := doc.PlaceOf(n)
	if at.Through != "" {
		return at.String() + " through " + at.Through
	}
	return at.String()
}

// normalised writes nodes as the bosh CLI writes its result.
func normalised(t testing.TB, n *yaml.Node) []byte {
	t.Helper()
	var value any
	if err := n.Decode(&value); err != nil {
		t.Fatal(err)
	}
	text, err := yaml2.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
