package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// TestHintsAreLegible: names of a hostile file steer no terminal and are no commands to the
// runner of a pipeline, whatever names them.
func TestHintsAreLegible(t *testing.T) {
	t.Chdir(t.TempDir())
	const name = `"x\n::stop-commands::k\n\e[31mRED\u202eabc"`
	files := map[string]string{
		"cc.yml": "azs: [{name: z1}]\nvm_types: [{name: small}]\nnetworks:\n- {name: " + name + ", type: manual, subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1}]}\n" +
			"compilation: {workers: 1, network: " + name + ", az: z1, vm_type: small}\n",
		"ipguard.yml":  "directors: [{name: a, cloud_configs: [cc.yml]}]\npools: [{name: p, team: " + name + ", addresses: [10.8.52.9]}]\n",
		"director.yml": "directors: [{name: " + name + ", cloud_configs: [cc.yml]}]\n",
		"severity.yml": "directors: [{name: a, cloud_configs: [cc.yml]}]\nseverities: [{rule: " + name + ", severity: error}]\n",
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for _, line := range []string{
		"free zz", "audit zz", "fence zz", "map zz", "free team:zz", "book zz --for a/b", "lint cc.yml --fleet director.yml", "collect zz --fleet director.yml",
		"audit --director zz --fleet director.yml", "lint --director zz cc.yml --fleet director.yml", "free zz --fleet severity.yml", "fence zz --fleet severity.yml", "map zz --fleet severity.yml",
	} {
		var stdout, stderr bytes.Buffer
		code := Main(context.Background(), strings.Fields(line), Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
		if strings.Contains(stderr.String(), "stop-commands") {
			told++
		}
		for _, text := range strings.Split(stdout.String()+stderr.String(), "\n") {
			if strings.HasPrefix(strings.TrimSpace(text), "::") || strings.ContainsFunc(text, legible.Hidden) {
				t.Errorf("%s: exit code %d, and a line %q", line, code, text)
			}
		}
	}
	if told < 5 {
		t.Errorf("%d of the commands name what is there", told)
	}
}
