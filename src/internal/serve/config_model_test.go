//go:build !race

package serve_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/filemodel"
	"github.com/ipguard/ipguard/src/internal/serve"
)

var update = flag.Bool("update", false, "write what the types say into the tree")

var configSections = []filemodel.Section{
	{Of: reflect.TypeFor[serve.Config](), At: "the whole file"},
	{Of: reflect.TypeFor[serve.TLS](), At: "`tls`"},
	{Of: reflect.TypeFor[serve.Login](), At: "`login`"},
	{Of: reflect.TypeFor[serve.Provider](), At: "each element of `providers` of `login`"},
	{Of: reflect.TypeFor[serve.Webhook](), At: "each element of `webhooks`"},
	{Of: reflect.TypeFor[serve.Collect](), At: "`collect`"},
}

const configTop = `# The configuration of ipguard-server

` + "`ipguard-server --config FILE`" + ` reads it; ` + "`ipguard-server schema`" + ` prints its JSON Schema for editors.
Paths are relative to the file's folder. A key that is not known, given twice or of the wrong type
is refused with its line. [server.md](server.md) tells what to do with it.

This page is made from the types that the program reads the file into; a test loads every example.
`

func configModel(t *testing.T) *filemodel.Model {
	return &filemodel.Model{
		Title: "server.yml", Root: reflect.TypeFor[serve.Config](),
		Sources: []string{filemodel.Read(t, "config.go"), filemodel.Read(t, "provider.go")},
	}
}

// TestConfigSchema: the schema in the tree is what the types make.
func TestConfigSchema(t *testing.T) {
	t.Parallel()
	filemodel.InTree(t, *update, "server.schema.json", string(configModel(t).Schema()))
}

// TestConfigReference: docs/server-configuration.md is made from the types, their comments
// and examples. Every example can be loaded, and has every key of its type.
func TestConfigReference(t *testing.T) {
	t.Parallel()
	m, examples := configModel(t), filemodel.Examples(t, "testdata/configuration.txtar")
	for name, text := range examples {
		if errs := loaded(t, text); len(errs) > 0 {
			t.Errorf("the example of %s: %v", name, errs)
		}
		if err := validConfig(t, text); err != nil {
			t.Errorf("the schema refuses the example of %s: %v", name, err)
		}
	}
	for _, missing := range m.Missing(configSections, examples) {
		t.Errorf("docs/server-configuration.md lacks %s", missing)
	}
	filemodel.InTree(t, *update, "../../../docs/server-configuration.md", m.Reference(configTop, configSections, examples))
}

// loaded are the mistakes of a configuration with this text.
func loaded(t *testing.T, text string) (errs []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, troubles := serve.LoadConfig(path)
	for _, trouble := range troubles {
		errs = append(errs, strings.TrimPrefix(trouble.At.String(), filepath.Dir(path)+"/")+": "+trouble.Message+"; "+trouble.Hint)
	}
	return errs
}

func validConfig(t *testing.T, text string) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(serve.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("server.schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("server.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

// TestConfigMistakes: what is wrong is told with file, line and column, a key that nobody
// knows with the nearest one; and the schema refuses it, too.
func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	const providers = "login:\n  providers:\n  - issuer: https://uaa.example.com:8443/oauth/token\n"
	for text, want := range map[string]string{
		"listen: 127.0.0.1:8720\nlisen: x\n":         "^server.yml:2:1: .*lisen.*listen",
		providers + "    client_secert_env: X\n":     "^server.yml:4:5: .*client_secert_env.*client_secret_env",
		providers + "    ua: true\n":                 "^server.yml:4:5: .*`ua`.*uaa",
		"login:\n  providers:\n  - uaa: true\n":      "^server.yml:3:5: .*issuer",
		"listen: [127.0.0.1:8720]\n":                 "^server.yml:1:9: .*listen",
		"listen: a\nlisten: b\n":                     "^server.yml:2:1: .*listen",
		"collect: {every: often}\n":                  "^server.yml:1:18: .*every",
		"collect: {timeout: 5m}\n":                   "^server.yml:1:10: .*every",
		"tls: {certificate: x}\n":                    "^server.yml:1:6: .*key",
		providers + "    uaa: maybe\n":               "^server.yml:4:10: .*uaa",
		providers + "    client_secret_env: 'a b'\n": "^server.yml:4:24: .*client_secret_env",
		"webhooks:\n- {name: ops, url: https://x}\n": "^server.yml:2:3: .*secret_env",
	} {
		errs := loaded(t, text)
		if len(errs) == 0 || !regexp.MustCompile(want).MatchString(errs[0]) {
			t.Errorf("%q: got %q, want %s", text, errs, want)
		}
		if !strings.Contains(text, "listen: b") && validConfig(t, text) == nil { // YAML's reader refuses a key that stands twice
			t.Errorf("the schema takes %q", text)
		}
	}
}
