//go:build !race

// Package layout keeps the shape of the source tree: which package may import
// which, and habits that a reader of one file can rely on without looking at the
// others. It reads every Go file below src, whatever its build tags.
package layout

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer is one package and all that its code, tests aside, may import besides
// the standard library.
type layer struct {
	// name is the folder below src.
	name string
	// imports are packages of this table, by name without "internal/". They
	// must stand below it: data flows one way.
	imports []string
	// modules are packages or modules of others.
	modules []string
	// pure packages compute with values: they touch no file, no network, no
	// clock and no process. One that needs an innocent function of a package
	// that does names it in modules.
	pure bool
}

const (
	boshCLI   = "github.com/cloudfoundry/bosh-cli/v7"
	boshUtils = "github.com/cloudfoundry/bosh-utils"
	goPatch   = "github.com/cppforlife/go-patch"
	netipx    = "go4.org/netipx"
	yaml      = "gopkg.in/yaml.v3"
)

// layers is the whole tree, from the command line down to the leaves.
// interpolate knows of bosh-cli how it applies ops and variables, collect and
// environment how it talks to directors; rules know neither YAML nor files.
var layers = []layer{
	{name: "bench/directors", imports: list("directordouble", "survey", "fleet", "interpolate", "deploy", "source")},
	{name: "bench/measure",
		imports: list("chronicle", "answer", "booking", "pushes", "ledgersql/sqlite", "ledgersql/postgres", "ledgersql", "ledger", "snapshot", "lint", "claims", "bosh", "plan", "place"),
		modules: list(netipx, "github.com/jackc/pgx/v5")},
	{name: "cmd/ipguard", imports: list("cli")},
	{name: "cmd/ipguard-server", imports: list("servecli")},
	{name: "manpages", imports: list("cli"), modules: list("github.com/spf13/cobra")},
	{name: "cmd/wirelab", imports: list("wirelab", "frame")},
	{name: "histories", imports: list("cli", "collect", "environment", "snapshot", "bosh"), modules: list(yaml)},
	{name: "verdicts", imports: list("cli"), modules: list(yaml)},
	{name: "internal/cli",
		imports: list("legible", "regularfile", "color", "lazyregexp", "yamledit", "changed", "serverclient", "signin", "protocol", "plural", "proposal", "gate", "booking", "bookingcsv", "bookfile", "ledger", "collect", "reach", "environment", "snapshot", "addressmap", "report", "audit", "answer", "baseline", "blame", "ignore", "fencetext", "fence", "workspace", "survey", "fleet", "interpolate", "lint", "claims", "deploy", "bosh", "plan", "source", "trouble", "place", "spelling",
			"probe", "watch", "scan", "inventory", "acd", "link", "atomicfile", "garbage"),
		modules: list("github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/mattn/go-isatty", "golang.org/x/term", netipx, "github.com/rogpeppe/go-internal/diff")},
	{name: "internal/servecli", imports: list("legible", "serve", "pushes", "chronicle", "accounts", "protocol", "ledgersql", "ledgersql/sqlite", "ledger", "fleet", "trouble"), modules: list("github.com/spf13/cobra")},
	{name: "internal/serve",
		imports: list("legible", "regularfile", "web", "api", "collector", "chronicle", "conflicts", "webhooks", "turns", "central", "garbage", "login", "accounts", "pushes", "requests", "protocol", "ledgersql", "ledgersql/sqlite", "ledgersql/postgres", "fleet", "source", "trouble", "place"),
		modules: list("github.com/alexedwards/scs/v2", "github.com/danielgtaylor/huma/v2", "github.com/klauspost/compress", "github.com/prometheus/client_golang")},
	{name: "internal/web", imports: list("legible", "api", "accounts", "protocol")},
	{name: "internal/api",
		imports: list("legible", "plural", "collector", "chronicle", "conflicts", "booking", "trouble", "central", "accounts", "pushes", "requests", "protocol", "ledgersql", "bookingcsv", "ledger", "answer", "lint", "plan"),
		modules: list("github.com/danielgtaylor/huma/v2", "github.com/go-json-experiment/json", netipx)},
	{name: "internal/collector", imports: list("collect", "reach", "environment", "workspace", "fleet", "pushes", "turns", "snapshot", "bosh", "source", "trouble")},
	{name: "internal/chronicle", imports: list("central", "pushes", "turns", "ledgersql", "snapshot", "plan"), modules: list(netipx)},
	{name: "internal/conflicts", imports: list("legible", "central", "webhooks", "turns", "lint", "plan"), modules: list(netipx)},
	{name: "internal/webhooks", imports: list("legible")},
	{name: "internal/central",
		imports: list("regularfile", "plural", "bookfile", "workspace", "ignore", "survey", "fleet", "snapshot", "answer", "booking", "pushes", "sharedread", "ledger", "lint", "plan", "source", "trouble", "place"), modules: list(netipx, yaml)},
	{name: "internal/pushes", imports: list("turns", "plural", "sharedread", "snapshot", "bosh", "source"), modules: list(netipx)},
	{name: "internal/turns"},
	{name: "internal/requests"},
	{name: "internal/login", modules: list("github.com/coreos/go-oidc/v3", "golang.org/x/oauth2", "github.com/go-json-experiment/json")},
	{name: "internal/accounts", imports: list("sharedread"), modules: list("github.com/alexedwards/scs/v2")},
	{name: "internal/signin", imports: list("regularfile", "protocol"), modules: list("golang.org/x/oauth2")},
	{name: "internal/serverclient", imports: list("regularfile", "workspace", "survey", "protocol", "fleet", "bookfile", "ledger", "atomicfile", "trouble", "place"), modules: list(netipx)},
	{name: "internal/proposal", imports: list("regularfile", "gate", "fleet", "interpolate", "source", "trouble", "lazyregexp"), modules: list("mvdan.cc/sh", yaml)},
	{name: "internal/gate", imports: list("atomicfile"), modules: list("github.com/jessevdk/go-flags", boshUtils, "golang.org/x/sys")},
	{name: "internal/probe", imports: list("plural", "acd", "link", "oui", "frame"), modules: list("github.com/mdlayher/ndp")},
	{name: "internal/watch", imports: list("regularfile", "atomicfile", "acd", "link", "oui", "frame"), modules: list("golang.org/x/net", yaml)},
	{name: "internal/scan", imports: list("plural", "inventory", "acd", "link", "oui", "frame"), modules: list(netipx)},
	{name: "internal/inventory", imports: list("plan"), pure: true},
	{name: "internal/addressmap", imports: list("legible", "color", "plural", "report", "lint", "plan", "trouble", "place"), modules: list(netipx, "time" /* moments go in */), pure: true},
	{name: "internal/fencetext", imports: list("fence", "yamledit", "plan", "place"), modules: list(netipx), pure: true},
	{name: "internal/yamledit", imports: list("linebreak", "lazyregexp"), modules: list(yaml), pure: true},
	{name: "internal/report", imports: list("legible", "color", "plural", "bookingcsv", "ledger", "ipaddr", "audit", "fence", "answer", "lint", "plan", "trouble", "place", "lazyregexp"), modules: list("github.com/mattn/go-runewidth", netipx)},
	{name: "internal/baseline", imports: list("lint", "plan", "place")},
	{name: "internal/protocol", imports: list("ledger")},
	{name: "internal/workspace",
		imports: list("regularfile", "ignore", "bookfile", "spelling", "survey", "fleet", "snapshot", "interpolate", "lint", "claims", "bosh", "source", "trouble", "place"), modules: list(yaml)},
	{name: "internal/ignore", imports: list("seal", "lint", "plan", "place", "spelling", "lazyregexp"), modules: list(netipx, "time" /* dates */), pure: true},
	{name: "internal/bookingcsv", imports: list("ledger", "trouble", "place"), modules: list("time" /* moments are read */), pure: true},
	{name: "internal/booking", imports: list("seal", "answer", "ledger", "plan"), modules: list(netipx, "time" /* moments go in */), pure: true},
	{name: "internal/survey",
		imports: list("seal", "plural", "fleet", "fence", "bookfile", "ledger", "snapshot", "interpolate", "lint", "claims", "deploy", "bosh", "plan", "source", "trouble", "place", "garbage"), modules: list(netipx)},
	{name: "internal/reach", imports: list("fleet", "environment")},
	{name: "internal/filemodel", imports: list("fleet", "source"), modules: list("github.com/invopop/jsonschema", "github.com/google/go-cmp", "golang.org/x/tools")},
	{name: "internal/fleet",
		imports: list("seal", "plural", "bookfile", "gitcommand", "interpolate", "bosh", "plan", "source", "trouble", "place", "spelling", "lazyregexp"),
		modules: list("github.com/bmatcuk/doublestar/v4", netipx, yaml)},
	{name: "internal/collect", imports: list("environment", "snapshot", "garbage", "trouble", "place", "lazyregexp"), modules: list(boshCLI, boshUtils)},
	{name: "internal/environment", imports: list("atomicfile", "regularfile", "trouble", "place"), modules: list(boshCLI, boshUtils)},
	{name: "internal/snapshot", imports: list("legible", "regularfile", "atomicfile", "bosh", "plan", "source", "trouble", "place", "lazyregexp"), modules: list(netipx, yaml, "github.com/go-json-experiment/json")},
	{name: "internal/interpolate", imports: list("source", "trouble", "place", "lazyregexp"), modules: list(boshCLI, goPatch, yaml, "gopkg.in/yaml.v2")},
	{name: "internal/blame", imports: list("gitcommand", "place")},
	{name: "internal/changed", imports: list("gitcommand", "trouble")},
	{name: "internal/audit", imports: list("lint", "claims", "bosh", "plan", "trouble", "place"), modules: list(netipx, "time" /* moments go in */), pure: true},
	{name: "internal/bookfile", imports: list("gitcommand", "atomicfile", "plural", "ledger", "source", "trouble", "place", "lazyregexp"), modules: list(yaml)},
	{name: "internal/databasetest", imports: list("ledgersql/sqlite", "ledgersql/postgres", "ledgersql", "postgrestest")},
	{name: "internal/ledgersql/sqlite", imports: list("ledgersql"), modules: list("github.com/ncruces/go-sqlite3")},
	{name: "internal/ledgersql/postgres", imports: list("ledgersql"), modules: list("github.com/jackc/pgx/v5")},
	{name: "internal/ledgersql", imports: list("sharedread", "ledger"), modules: list("github.com/pressly/goose/v3")},
	{name: "internal/sharedread"},
	{name: "internal/ledgertest", imports: list("ledger"), modules: list(netipx, "github.com/anishathalye/porcupine")},
	{name: "internal/ledger", imports: list("place", "plan", "plural", "seal"), modules: list(netipx, "github.com/benbjohnson/immutable", "time" /* moments go in */), pure: true},
	{name: "internal/answer", imports: list("seal", "plan", "place"), modules: list(netipx), pure: true},
	{name: "internal/lint", imports: list("seal", "plural", "bosh", "plan", "trouble", "place", "lazyregexp"), modules: list(netipx, "time" /* moments go in */), pure: true},
	{name: "internal/fence", imports: list("plan"), modules: list(netipx), pure: true},
	{name: "internal/claims", imports: list("seal", "deploy", "bosh", "plan", "place"), modules: list(netipx), pure: true},
	{name: "internal/deploy", imports: list("plural", "bosh", "ipaddr", "place"), modules: list(netipx), pure: true},
	{name: "internal/bosh", imports: list("seal", "plural", "ipaddr", "source", "trouble", "place", "spelling", "lazyregexp"), modules: list(netipx, yaml, "net" /* SplitHostPort */), pure: true},
	{name: "internal/plan", imports: list("seal", "place"), modules: list(netipx, "time" /* moments go in */), pure: true},
	{name: "internal/source", imports: list("seal", "linebreak", "regularfile", "spelling", "ipaddr", "trouble", "place", "lazyregexp"), modules: list(yaml)},
	{name: "internal/ipaddr", modules: list(netipx), pure: true},
	{name: "internal/acd", imports: list("frame"), modules: list("github.com/mdlayher/ndp", "time" /* moments go in */), pure: true},
	{name: "internal/oui", imports: list("regularfile", "frame")},
	{name: "internal/atomicfile", modules: list("github.com/google/renameio/v2")},
	{name: "internal/garbage"},
	{name: "internal/regularfile", imports: list("lazyregexp")},
	{name: "internal/seal", imports: list("lazyregexp"), pure: true},
	{name: "internal/lazyregexp", pure: true},
	{name: "internal/linebreak", modules: list(yaml), pure: true},
	{name: "internal/legible", pure: true},
	{name: "internal/spelling", pure: true},
	{name: "internal/color", pure: true},
	{name: "internal/gitcommand"},
	{name: "internal/trouble", imports: list("plural", "place"), pure: true},
	{name: "internal/plural", pure: true},
	{name: "internal/place", pure: true},
	{name: "internal/wirelab", imports: list("link", "frame", "sharedtest"), modules: list("github.com/vishvananda/netlink", "golang.org/x/sys")},
	{name: "internal/link", imports: list("frame"), modules: list("github.com/mdlayher/packet", "github.com/vishvananda/netlink", "golang.org/x/net", "golang.org/x/sys")},
	{name: "internal/frame",
		modules: list("github.com/mdlayher/arp", "github.com/mdlayher/ethernet", "github.com/mdlayher/ndp", "golang.org/x/net", "net" /* HardwareAddr, IP */),
		pure:    true},

	// For benchmarks and tests only, as is bench/measure.
	{name: "bench/fleet", imports: list("madefleet")},
	{name: "bench/yamlnodes", modules: list(yaml)},
	{name: "internal/madefleet"},
	{name: "internal/directordouble"},
	{name: "internal/uaadouble", modules: list("github.com/go-jose/go-jose/v4")},
	{name: "internal/jobs"},
	{name: "internal/postgrestest", imports: list("sharedtest"), modules: list("github.com/jackc/pgx/v5")},
	{name: "internal/browsertest", imports: list("sharedtest"), modules: list("github.com/chromedp/cdproto", "github.com/chromedp/chromedp")},
	{name: "internal/sharedtest"},
	{name: "internal/layout"},
	{name: "internal/packaging"},
}

func list(names ...string) []string { return names }

// impure are the packages of the standard library that reach outside.
var impure = list("net", "net/http", "os", "os/exec", "os/signal", "os/user", "path/filepath", "syscall", "time")

const module = "github.com/ipguard/ipguard/src/"

// TestTableIsInOrder refuses a table that allows an import upward.
func TestTableIsInOrder(t *testing.T) {
	for i, l := range layers {
		below := layers[i+1:]
		for _, name := range l.imports {
			if !slices.ContainsFunc(below, func(o layer) bool { return o.name == "internal/"+name }) {
				t.Errorf("%s may import %s, which does not stand below it in the table", l.name, name)
			}
		}
	}
}

func TestImports(t *testing.T) {
	found := readTree(t)
	for _, l := range layers {
		if found[l.name] == nil {
			t.Errorf("the table has src/%s, but there is no such package", l.name)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		i := slices.IndexFunc(layers, func(l layer) bool { return l.name == folder })
		if i < 0 {
			t.Errorf("src/%s is not in the table: give it its place there", folder)
			continue
		}
		for _, file := range found[folder] {
			for _, problem := range layers[i].refuse(file) {
				t.Error(problem)
			}
		}
	}
}

// TestServerStaysOut: the program of every VM has no database and no server in it.
func TestServerStaysOut(t *testing.T) {
	reached := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		i := slices.IndexFunc(layers, func(l layer) bool { return l.name == name })
		if reached[name] || i < 0 {
			return
		}
		reached[name] = true
		for _, next := range layers[i].imports {
			follow("internal/" + next)
		}
	}
	follow("cmd/ipguard")
	for _, name := range list("ledgersql", "ledgersql/sqlite", "ledgersql/postgres", "accounts", "pushes", "requests", "central", "collector", "chronicle", "conflicts", "webhooks", "turns", "api", "login", "web", "serve", "servecli") {
		if reached["internal/"+name] {
			t.Errorf("cmd/ipguard reaches internal/%s, which is the server's alone", name)
		}
	}
	if !reached["internal/lint"] {
		t.Error("cmd/ipguard does not reach lint: this test looks at the wrong place")
	}
}

// refuse lists what is wrong with the imports of one file.
func (l layer) refuse(file *sourceFile) []string {
	var problems []string
	for _, spec := range file.syntax.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		refuse := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%s: %s", file.at(spec.Pos()), fmt.Sprintf(format, args...)))
		}
		own, isOwn := strings.CutPrefix(name, module+"internal/")
		switch {
		case isOwn && !slices.Contains(l.imports, own):
			refuse("%s may not import %s", l.name, own)
		case !isOwn && isModule(name) && !slices.ContainsFunc(l.modules, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") }):
			refuse("%s may not import %s", l.name, name)
		case l.pure && slices.Contains(impure, name) && !slices.Contains(l.modules, name):
			refuse("%s computes with values only, and may not import %s", l.name, name)
		case name == "testing" && !slices.Contains(forTests, l.name):
			refuse("code outside of tests may not import testing")
		}
	}
	return problems
}

// forTests are packages that tests of several packages are built on.
var forTests = list("internal/sharedtest", "internal/filemodel", "internal/browsertest", "internal/wirelab", "internal/ledgertest", "internal/databasetest", "internal/postgrestest")

// isModule tells a path of a module from one of the standard library.
func isModule(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

// vague are package names that say nothing of what is inside.
var vague = list("util", "utils", "common", "helper", "helpers", "manager", "misc", "shared", "base", "types", "lib")

func TestHabits(t *testing.T) {
	const longest = 500 // lines; longer files are named, not refused
	for folder, files := range readTree(t) {
		if slices.Contains(vague, path.Base(folder)) {
			t.Errorf("src/%s: the name says nothing of what is inside", folder)
		}
		for _, file := range files {
			for _, declaration := range file.syntax.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: no init functions: what runs is called", file.at(f.Pos()))
				}
			}
			if file.lines > longest {
				t.Logf("%s has %d lines; more than %d are hard to read", file.name, file.lines, longest)
			}
		}
	}
}

// TestRefusals holds the checks against files that break them.
func TestRefusals(t *testing.T) {
	pure := layer{name: "internal/plan", imports: list("place"), modules: list(netipx), pure: true}
	for name, c := range map[string]struct {
		imports string
		refused bool
	}{
		"standard library":       {"slices", false},
		"a named layer":          {module + "internal/place", false},
		"a named module":         {netipx, false},
		"inside of a module":     {netipx + "/sub", false},
		"another layer":          {module + "internal/lint", true},
		"another module":         {yaml, true},
		"a module named alike":   {netipx + "other", true},
		"files":                  {"os", true},
		"network":                {"net", true},
		"addresses":              {"net/netip", false},
		"testing":                {"testing", true},
		"a package beside those": {module + "bench/measure", true},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := parse("x.go", []byte("package x\nimport _ \""+c.imports+"\"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if problems := pure.refuse(file); (len(problems) > 0) != c.refused {
				t.Errorf("refused: %q, want %t", problems, c.refused)
			}
		})
	}
}

// sourceFile is one Go file that is no test.
type sourceFile struct {
	name   string
	lines  int
	syntax *ast.File
	set    *token.FileSet
}

func (f *sourceFile) at(pos token.Pos) string { return f.set.Position(pos).String() }

func parse(name string, text []byte) (*sourceFile, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	return &sourceFile{name: name, lines: bytes.Count(text, []byte("\n")), syntax: syntax, set: set}, err
}

// readTree parses the tree, by folder below src. Folders without Go files are
// left out; so are modules of their own, which are not ours.
func readTree(t *testing.T) map[string][]*sourceFile {
	t.Helper()
	const root = "../.."
	found := map[string][]*sourceFile{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		folder = filepath.ToSlash(folder)
		if strings.HasSuffix(name, "_test.go") {
			if found[folder] == nil {
				found[folder] = []*sourceFile{} // a package of tests alone
			}
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parse(name, text)
		found[folder] = append(found[folder], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found["cmd/ipguard"]) == 0 {
		t.Fatalf("no command found below %s: the walk looks in the wrong place", root)
	}
	return found
}
