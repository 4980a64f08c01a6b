package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/cli"
)

// answer is what lint said.
type answer struct {
	refused   bool
	unknown   []string // why it cannot be told, with exit code 3
	class     string   // of the first refusal by the director
	message   string
	addresses []predicted
}

// predicted is one address that lint says a deploy takes.
type predicted struct {
	Network string
	Group   string `json:"instance_group"`
	Index   *int
	AZ      string
	IP      string
	Kind    string
	Unsure  bool
}

// lint runs the command line on one step, with a snapshot of what was before.
func lint(step, folder string) (answer, error) {
	fleetFile := filepath.Join(folder, "ipguard.yml")
	manifest, err := filepath.Abs(filepath.Join(step, "manifest.yml"))
	if err != nil {
		return answer{}, err
	}
	text, err := yaml.Marshal(map[string]any{"directors": []any{map[string]any{
		"name":          "director",
		"cloud_configs": []string{filepath.Join(filepath.Dir(manifest), "cloud-config.yml")},
		"deployments":   []string{manifest},
		"environment":   map[string]any{"target": "https://192.0.2.1:25555"},
		"snapshot":      filepath.Join(folder, "snapshot.json"),
	}}})
	if err != nil {
		return answer{}, err
	}
	if err := os.WriteFile(fleetFile, text, 0o600); err != nil {
		return answer{}, err
	}
	var stdout, stderr bytes.Buffer
	cli.Main(context.Background(), []string{"lint", manifest, "--fleet", fleetFile, "--show-addresses", "--format", "json"},
		cli.Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Verbatim: true})
	var report struct {
		Findings []struct {
			Severity, Message, Rule string
			DirectorError           string `json:"director_error"`
		}
		Failures  []struct{ Message, File string }
		Addresses []predicted
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		return answer{}, fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	var a answer
	for _, f := range report.Failures {
		a.unknown = append(a.unknown, f.Message)
	}
	for _, f := range report.Findings {
		if f.Severity != "error" || ofCPI[f.Rule] {
			continue
		}
		a.refused = true
		a.message += f.Rule + ": " + f.Message + "; "
		if a.class == "" {
			a.class = f.DirectorError
		}
	}
	for _, p := range report.Addresses {
		if p.Kind != "compilation" {
			a.addresses = append(a.addresses, p)
		}
	}
	return a, nil
}

// ofCPI are the rules about what a CPI refuses in the middle of a deploy. That of the
// recorded directors made no VMs, and refused nothing for such a reason.
var ofCPI = map[string]bool{"nic-group": true, "kept-by-cloud": true}
