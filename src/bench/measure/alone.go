//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// measureAlone lints cf-deployment, the largest public manifest, and has bosh
// print it.
func measureAlone(s *settings, t *table) error {
	cf := filepath.Join(s.public, "cf-deployment")
	manifest := filepath.Join(cf, "cf-deployment.yml")
	if _, err := os.Stat(manifest); err != nil {
		return fmt.Errorf("%w; set IPGUARD_SHARED to the folder that holds public/cf-deployment", err)
	}
	changes := []string{
		"-o", filepath.Join(cf, "operations", "use-postgres.yml"),
		"-o", filepath.Join(cf, "operations", "scale-to-one-az.yml"),
		"-v", "system_domain=example.com",
	}
	for _, c := range []struct {
		what    string
		changes []string
	}{{"cf-deployment.yml", nil}, {"the same with 2 ops files and a variable", changes}} {
		lint := command{
			args:  append([]string{s.ipguard, "lint", "--no-fleet", "-c", filepath.Join(cf, "iaas-support", "bosh-lite", "cloud-config.yml"), manifest}, c.changes...),
			exits: []int{1}, // findings are no failure
		}
		print := command{args: append([]string{s.bosh, "int", manifest}, c.changes...)}
		results, err := sideBySide(s.runs, lint, print)
		if err != nil {
			return err
		}
		t.durations("time: "+c.what, results[0].walls, results[1].walls, 1)
	}
	return nil
}
