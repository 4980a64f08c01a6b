//go:build !race

package deploy

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

var update = flag.Bool("update", false, "write what the cases give into their files")

// Each file of testdata/cases holds cloud-configs (cloud-config*.yml), past
// deployments (existing*.yml), a manifest, options.json, and what is said of
// them: problems, unresolved, addresses.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runCase(t, archive)
			if *update {
				writeCase(t, file, archive, got)
				return
			}
			want := map[string]string{}
			for _, f := range archive.Files {
				if _, ok := got[f.Name]; ok {
					want[f.Name] = string(f.Data)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func writeCase(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if _, ok := got[f.Name]; !ok {
			kept = append(kept, f)
		}
	}
	for _, name := range []string{"problems", "unresolved", "addresses"} {
		kept = append(kept, txtar.File{Name: name, Data: []byte(got[name])})
	}
	archive.Files = kept
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func runCase(t *testing.T, archive *txtar.Archive) map[string]string {
	t.Helper()
	var opts bosh.Options
	var docs []source.Value
	var existing []*bosh.Manifest
	var manifest source.Value
	for _, f := range archive.Files {
		switch {
		case f.Name == "options.json":
			opts = parseOptions(t, f.Data)
		case strings.HasSuffix(f.Name, ".yml"):
			doc, err := source.Parse(f.Name, f.Data)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case strings.HasPrefix(f.Name, "cloud-config"):
				docs = append(docs, doc.Root())
			case strings.HasPrefix(f.Name, "existing"):
				m, _, _ := bosh.ReadManifest(doc.Root(), opts)
				existing = append(existing, m)
			default:
				manifest = doc.Root()
			}
		}
	}
	cc, problems, hidden := bosh.ReadCloudConfigs(docs, opts)
	m, more, moreHidden := bosh.ReadManifest(manifest, opts)
	outcome := Check(cc, m, pastOf(existing), opts)
	found, addresses := outcome.Problems, outcome.Addresses
	problems = append(append(problems, more...), found...)
	problems = append(problems, bosh.CheckNetworks(cc, append(existing, m), opts)...)
	problems = append(problems, CheckCompilation(cc, opts)...)
	bosh.Sort(problems)
	return map[string]string{
		"problems": problemLines(problems), "unresolved": unresolvedLines(append(hidden, moreHidden...)), "addresses": addressLines(addresses),
	}
}

func parseOptions(t *testing.T, text []byte) bosh.Options {
	t.Helper()
	var o struct {
		Form                                                  bosh.Form
		DirectorVersion                                       string
		DirectorIPs                                           []netip.Addr
		IgnoreMissingGateway, ManagedNetworks, NoConfigServer bool
		ConfigsUnread                                         bool
	}
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return bosh.Options(o)
}

func problemLines(problems []bosh.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		severity := "error"
		if p.Warning {
			severity = "warning"
		}
		fmt.Fprintf(&b, "%s: %s[%s] %s: %s\n", p.At, severity, p.Rule, p.Class, p.Message)
		if p.Range.IsValid() {
			fmt.Fprintf(&b, "\tat stake: %s\n", p.Range)
		}
		if p.Cure != "" {
			fmt.Fprintf(&b, "\tcure: %s\n", p.Cure)
		}
	}
	return b.String()
}

func unresolvedLines(list []bosh.Unresolved) string {
	var b strings.Builder
	for _, u := range list {
		fmt.Fprintf(&b, "%s: ((%s)) hides %s\n", u.At, u.Variable, u.What)
	}
	return b.String()
}

func addressLines(list []PredictedAddress) string {
	var b strings.Builder
	for _, a := range list {
		index := "?"
		if a.Index != Untold {
			index = strconv.Itoa(a.Index)
		}
		fmt.Fprintf(&b, "%s/%s on %s in %q: %s %s (%s)\n", a.InstanceGroup, index, a.Network, a.AZ, a.IP, a.Kind, a.At)
	}
	return b.String()
}

// pastOf is a past of which nobody told but manifests.
func pastOf(manifests []*bosh.Manifest) Past {
	var past Past
	for _, m := range manifests {
		past.Deployments = append(past.Deployments, Deployment{Name: m.Name, Manifest: m})
	}
	return past
}
