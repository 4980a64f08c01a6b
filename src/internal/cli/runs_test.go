package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func runIn(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	code = Main(context.Background(), args, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk})
	return out.String(), talk.String(), code
}

// lintJSON is what of the JSON report these tests look at.
type lintJSON struct {
	Findings []struct {
		Rule, Severity, Message, Addresses string
		Claims                             []struct {
			File         string
			Line, Column int
		}
	}
	Failures []struct{ Message, File string }
	Summary  struct{ Claims int }
}

func runJSON(t *testing.T, args ...string) (int, lintJSON) {
	t.Helper()
	return runJSONIn(t, nil, args...)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runJSONIn is runJSON in an environment.
func runJSONIn(t *testing.T, environ []string, args ...string) (int, lintJSON) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), append(args, "--format", "json"), Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Environ: environ,
	})
	var result lintJSON
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout.String(), stderr.String())
	}
	return code, result
}
