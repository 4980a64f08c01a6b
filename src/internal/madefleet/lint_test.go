//go:build !race

package madefleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/madefleet"
)

// finding is what the test looks at in ipguard's JSON.
type finding struct {
	Rule, Severity, Message, Addresses string
	Claims                             []struct{ File string }
}

func TestLintSaysNothingOfACleanFleet(t *testing.T) {
	_, findings := lint(t, madefleet.Size{Directors: 25, Deployments: 120, StaticAddresses: 3000, Seed: 11}, cli.ExitOK)
	for _, f := range findings {
		t.Errorf("%s[%s]: %s", f.Severity, f.Rule, f.Message)
	}
}

// Each planted conflict is an error that names the address, and every finding
// is about one of them.
func TestLintFindsWhatIsPlanted(t *testing.T) {
	planted, findings := lint(t, madefleet.Size{Directors: 13, Deployments: 80, StaticAddresses: 1500, Conflicts: 40, Seed: 12}, cli.ExitFindings)
	for _, p := range planted {
		if !slices.ContainsFunc(findings, func(f finding) bool { return tells(f, p) }) {
			t.Errorf("%s: nothing found of %s in %v", p.Kind, p.Address, p.Files)
		}
	}
	for _, f := range findings {
		if !slices.ContainsFunc(planted, func(p madefleet.Planted) bool { return about(t, f).Contains(p.Address) }) {
			t.Errorf("%s[%s] about %q, which nobody planted: %s", f.Severity, f.Rule, f.Addresses, f.Message)
		}
	}
}

// tells reports whether f is an error about the planted address that names both
// directors' files. The address of a create-env VM may stand in its vars file,
// that of an ops file there: the folder is that of the director all the same.
func tells(f finding, p madefleet.Planted) bool {
	if f.Severity != "error" || f.Addresses != p.Address.String() {
		return false
	}
	return !slices.ContainsFunc(p.Directors[:], func(director string) bool {
		return !slices.ContainsFunc(f.Claims, func(c struct{ File string }) bool {
			return strings.Contains(filepath.ToSlash(c.File), director+"/")
		})
	})
}

// about reads the addresses of a finding.
func about(t *testing.T, f finding) netipx.IPRange {
	t.Helper()
	if a, err := netip.ParseAddr(f.Addresses); err == nil {
		return netipx.IPRangeFrom(a, a)
	}
	if p, err := netip.ParsePrefix(f.Addresses); err == nil {
		return netipx.RangeOfPrefix(p)
	}
	r, err := netipx.ParseIPRange(f.Addresses)
	if err != nil {
		t.Fatalf("%s about %q: %v", f.Rule, f.Addresses, err)
	}
	return r
}

func lint(t *testing.T, size madefleet.Size, exit int) ([]madefleet.Planted, []finding) {
	t.Helper()
	fleet, err := madefleet.Make(size)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := fleet.Write(dir); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"lint", "--format", "json", "--fleet", filepath.Join(dir, madefleet.FleetFile)}
	code := cli.Main(context.Background(), args, cli.Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	var result struct {
		Findings []finding
		Failures []struct{ Message string }
		Summary  struct{ Directors, Deployments int }
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v; exit code %d, %s", err, code, stderr.String())
	}
	if code != exit || len(result.Failures) > 0 || result.Summary.Directors != size.Directors {
		t.Errorf("exit code %d, want %d; %d directors, want %d; failures: %v", code, exit, result.Summary.Directors, size.Directors, result.Failures)
	}
	return fleet.Planted, result.Findings
}
