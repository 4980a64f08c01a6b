package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

// TestExamplesOfHelp reads every example of every command's help as the program
// would: command, flags and number of arguments.
func TestExamplesOfHelp(t *testing.T) {
	for _, cmd := range allCommands(newRoot(Streams{})) {
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		own := 0
		for line := range strings.Lines(cmd.Example) {
			args, ok := exampleArgs(line)
			if !ok {
				continue
			}
			if checkExample(t, cmd.CommandPath(), args) {
				own++
			}
		}
		if own == 0 {
			t.Errorf("%s: no example shows the command itself", cmd.CommandPath())
		}
	}
}

// exampleArgs are the arguments of an example: what stands behind ipguard, up to
// a remark, a redirection or the end of a substitution.
func exampleArgs(line string) ([]string, bool) {
	_, rest, ok := strings.Cut(strings.TrimSpace(line), "ipguard ")
	if !ok || strings.HasPrefix(strings.TrimSpace(line), "#") {
		return nil, false
	}
	for _, end := range []string{"   ", " > ", " | ", ")"} {
		rest, _, _ = strings.Cut(rest, end)
	}
	return shellWords(rest), true
}

// shellWords splits at blanks, but not in quotes.
func shellWords(text string) []string {
	quote := rune(0)
	words := strings.FieldsFunc(text, func(r rune) bool {
		switch {
		case quote == r:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		}
		return quote == 0 && r == ' '
	})
	for i, w := range words {
		words[i] = strings.NewReplacer(`"`, "", "'", "").Replace(w)
	}
	return words
}

// checkExample reports whether the example is one of the command at path.
func checkExample(t *testing.T, path string, args []string) bool {
	t.Helper()
	root := newRoot(Streams{})
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		t.Errorf("%s: %q is no command: %v", path, args, err)
		return false
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %q: %v", path, args, err)
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Errorf("%s: %q: %v", path, args, err)
	}
	return cmd.CommandPath() == path || strings.HasPrefix(cmd.CommandPath(), path+" ")
}

// TestWrongUsageHasAHint: whoever gets the command line wrong is told what to do,
// and nothing goes to standard output.
func TestWrongUsageHasAHint(t *testing.T) {
	for args, hint := range map[string]string{
		"lnt":                     "did you mean ipguard lint?",
		"who":                     "ipguard who 10.8.52.191",
		"who 10.0.0.1 --fleeet x": "did you mean --fleet?",
		"who 10.0.0.1 --nonsense": "see ipguard who --help",
		"lint -x":                 "see ipguard lint --help",
		"lint --fail-on never":    "write --fail-on error, warning or info",
		"lint --fail-on warn":     "did you mean --fail-on warning?",
		"explain":                 "ipguard rules lists them",
		"explain overlapping":     "ipguard rules lists them",
		"version now":             "see ipguard version --help",
		"completion tcsh":         "ipguard completion bash",
		"baseline":                "",
		"baseline update":         "ipguard baseline write, ipguard baseline check",
		"free a b":                "ask for one after the other",
		"rules --format sarif":    "write --format text or --format json",
	} {
		var stdout, stderr bytes.Buffer
		code := Main(context.Background(), strings.Fields(args), Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
		if hint == "" { // help is no mistake
			if code != ExitOK || stderr.Len() > 0 {
				t.Errorf("%s: exit code %d, %s", args, code, stderr.String())
			}
			continue
		}
		if code != ExitUsage || !strings.HasSuffix(stderr.String(), "\nhint: "+hint+"\n") || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d\n%s%s", args, code, stdout.String(), stderr.String())
		}
	}
}

// TestHooks: what pre-commit runs is a command of this program, and needs no file
// names.
func TestHooks(t *testing.T) {
	text, err := os.ReadFile("../../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID, Name, Description, Entry, Language string
		PassFilenames                          *bool `yaml:"pass_filenames"`
		AlwaysRun                              bool  `yaml:"always_run"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&hooks); err != nil || len(hooks) == 0 {
		t.Fatalf("%d hooks: %v", len(hooks), err)
	}
	for _, h := range hooks {
		args, ok := strings.CutPrefix(h.Entry, "ipguard ")
		var cmd *cobra.Command
		if ok {
			cmd, _, err = newRoot(Streams{}).Find(strings.Fields(args))
		}
		if !ok || err != nil || cmd.Name() == "ipguard" {
			t.Errorf("%s: %q is no command: %v", h.ID, h.Entry, err)
		}
		if h.PassFilenames == nil || *h.PassFilenames {
			t.Errorf("%s: with the names of the changed files it would not judge the fleet", h.ID)
		}
		if h.Name == "" || h.Description == "" || h.Language != "golang" || !h.AlwaysRun {
			t.Errorf("%s: %+v is not complete", h.ID, h)
		}
	}
}
