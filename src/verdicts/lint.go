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

// result is what lint said.
type result struct {
	class     string // of the first refusal; empty if there is none
	message   string
	unread    bool // a file could not be read
	addresses []address
}

func (r result) refused() bool { return r.class != "" || r.unread }

func (r result) answer() string {
	if !r.refused() {
		return "accepted"
	}
	return r.class + " (" + r.message + ")"
}

func (r result) words() string { return wordsOf(r.addresses) }

// lint runs the command line on one case.
func lint(dir string) (result, error) {
	fleetFile, err := writeFleetFile(dir)
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(filepath.Dir(fleetFile))
	var stdout, stderr bytes.Buffer
	cli.Main(context.Background(), []string{
		"lint", filepath.Join(dir, "manifest.yml"), "--fleet", fleetFile, "--show-addresses", "--format", "json",
	}, cli.Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Verbatim: true})
	var report struct {
		Findings []struct {
			Severity, Message string
			DirectorError     string `json:"director_error"`
		}
		Failures  []struct{ Message, File string }
		Addresses []struct {
			address
			IP string
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		return result{}, fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	var r result
	if len(report.Failures) > 0 {
		first := report.Failures[0]
		r.unread, r.message, r.class = true, first.Message, "BadManifest"
		if strings.HasPrefix(filepath.Base(first.File), "cloud-config") {
			r.class = "BadConfig"
		}
		return r, nil
	}
	for _, f := range report.Findings {
		if f.Severity == "error" && f.DirectorError != "" {
			r.class, r.message = f.DirectorError, f.Message
			break
		}
	}
	for _, a := range report.Addresses {
		if a.Kind != "compilation" {
			a.address.IP, _, _ = strings.Cut(a.IP, "/")
			r.addresses = append(r.addresses, a.address)
		}
	}
	return r, nil
}

// writeFleetFile describes the case's director to lint, in a folder of its own.
func writeFleetFile(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	options, err := readOptions(dir)
	if err != nil {
		return "", err
	}
	director := map[string]any{"name": "director"}
	configs, err := filepath.Glob(filepath.Join(dir, "cloud-config*.yml"))
	if err != nil {
		return "", err
	}
	director["cloud_configs"] = configs
	deployments := []string{}
	for _, name := range options.Existing {
		deployments = append(deployments, filepath.Join(dir, name))
	}
	director["deployments"] = append(deployments, filepath.Join(dir, "manifest.yml"))
	if len(options.DirectorIPs) > 0 {
		director["director_ips"] = options.DirectorIPs
	}
	director["ignore_missing_gateway"] = options.IgnoreMissingGateway
	director["managed_networks"] = options.ManagedNetworks
	text, err := yaml.Marshal(map[string]any{"directors": []any{director}})
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "verdicts")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "ipguard.yml")
	return path, os.WriteFile(path, text, 0o644)
}
