//go:build !race

package report

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// golden is one result and the outputs that are kept of it: each word is a
// format, with ":" and a width or "color" behind it where text is not plain.
type golden struct {
	name    string
	result  lint.Result
	files   map[string]string
	options Options
	outputs string
}

const everyFormat = "text concise json sarif junit github gitlab"

func goldens() []golden {
	return []golden{
		{"incident", incident(), incidentFiles(), incidentOptions(), everyFormat + " text:40 text:80 text:200 text:color"},
		{"clean", lint.Result{Summary: lint.Summary{Directors: 2, Deployments: 1, Claims: 312}}, nil, Options{}, everyFormat},
		{"accepted", lint.Result{Summary: lint.Summary{Accepted: 3, Directors: 2, Deployments: 1, Claims: 312}}, nil, Options{}, "text json"},
		{"failures", onlyFailures(), nil, Options{}, everyFormat},
		{"secrets", secrets(), secretFiles(), Options{}, everyFormat},
		{"hostile", hostile(), hostileFiles(), Options{}, everyFormat},
		{"places", places(), placeFiles(), Options{}, everyFormat},
		{"columns", columns(), columnFiles(), Options{}, "text text:40"},
		{"long-lines", longLines(), longFiles(), Options{}, "text text:40 text:80 text:200"},
		{"addresses", predicted(), nil, Options{ShowAddresses: true}, "text json"},
		{"no-addresses", lint.Result{}, nil, Options{ShowAddresses: true}, "text json"},
	}
}

func TestGolden(t *testing.T) {
	for _, g := range goldens() {
		for _, output := range strings.Fields(g.outputs) {
			t.Run(g.name+"/"+output, func(t *testing.T) {
				got := g.write(t, output)
				file := filepath.Join("testdata", g.name+"."+strings.ReplaceAll(output, ":", "-")+".golden")
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got); run with -update if this is meant:\n%s", file, diff)
				}
			})
		}
	}
}

// write returns an output of a golden case, such as "json" or "text:40".
func (g golden) write(t *testing.T, output string) string {
	t.Helper()
	name, variant, _ := strings.Cut(output, ":")
	options := g.options
	options.Line = lineOf(g.files)
	switch variant {
	case "":
	case "color":
		options.Color, options.Width = true, 80
	case "40":
		options.Width = 40
	case "80":
		options.Width = 80
	case "200":
		options.Width = 200
	default:
		t.Fatalf("unknown variant %q", variant)
	}
	format, _, err := ParseFormat(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := format.Write(&out, g.result, options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// lineOf serves lines as a file does that was split at "\n": a carriage return
// stays.
func lineOf(files map[string]string) func(string, int) (string, bool) {
	return func(file string, line int) (string, bool) {
		text, ok := files[file]
		all := strings.Split(text, "\n")
		if !ok || line < 1 || line > len(all) {
			return "", false
		}
		return all[line-1], true
	}
}

func at(file string, line, column int) place.Place {
	return place.Place{File: file, Line: line, Column: column}
}

func through(p place.Place, variable string) place.Place {
	p.Through = variable
	return p
}

func addresses(from, to string) netipx.IPRange {
	return netipx.IPRangeFrom(netip.MustParseAddr(from), netip.MustParseAddr(to))
}

func address(s string) netipx.IPRange { return addresses(s, s) }

// finding is an error at places; its message names the case.
func finding(message string, parties ...lint.Party) lint.Finding {
	return lint.Finding{Rule: "some-rule", Severity: lint.Error, Message: message, Claims: parties}
}

// Nothing may reach a terminal that steers it, whatever the format: no control
// character but the line feed, no invisible or direction-changing one. In
// coloured text the styles are the only exception.
func TestNoFormatEmitsControlCharacters(t *testing.T) {
	for _, g := range goldens() {
		for _, output := range append(strings.Fields(everyFormat), "text:40", "text:color") {
			text := sgr.ReplaceAllString(g.write(t, output), "")
			if output != "text:color" && text != g.write(t, output) {
				t.Errorf("%s as %s has colour", g.name, output)
			}
			for _, r := range text {
				if r != '\n' && legible.Hidden(r) {
					t.Errorf("%s as %s contains %q", g.name, output, r)
				}
			}
		}
	}
}

var sgr = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

func TestColourOnlyAddsStyles(t *testing.T) {
	allowed := map[string]bool{"0": true, bold: true, faint: true, red: true, magenta: true}
	for _, g := range goldens() {
		colored := g.write(t, "text:color")
		for _, m := range sgr.FindAllStringSubmatch(colored, -1) {
			if !allowed[m[1]] {
				t.Errorf("%s uses the style %q", g.name, m[1])
			}
		}
		if diff := cmp.Diff(g.write(t, "text:80"), sgr.ReplaceAllString(colored, "")); diff != "" {
			t.Errorf("%s: colour changes the text (-plain +coloured):\n%s", g.name, diff)
		}
	}
}

func TestNoFormatShowsSecrets(t *testing.T) {
	for _, g := range goldens() {
		if g.name != "secrets" {
			continue
		}
		for _, output := range append(strings.Fields(everyFormat), "text:40", "text:200", "text:color") {
			text := g.write(t, output)
			for _, secret := range []string{"hunter2", "correct horse", "S3cret", "swordfish"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows %q:\n%s", output, secret, text)
				}
			}
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		got, file, err := ParseFormat(f.Name)
		if err != nil || got.Name != f.Name || file != "" {
			t.Errorf("ParseFormat(%q) = %q, %q, %v", f.Name, got.Name, file, err)
		}
		got, file, err = ParseFormat(f.Name + "=out=put.txt")
		if err != nil || got.Name != f.Name || file != "out=put.txt" {
			t.Errorf("ParseFormat with a file = %q, %q, %v", got.Name, file, err)
		}
	}
	for text, want := range map[string]string{
		"sarfi": `unknown format "sarfi"; there are text, concise, json, sarif, junit, github, gitlab`,
		"":      `unknown format ""; there are text, concise, json, sarif, junit, github, gitlab`,
		"json=": `format "json=" names no file after the equals sign`,
	} {
		if _, _, err := ParseFormat(text); err == nil || err.Error() != want {
			t.Errorf("ParseFormat(%q): %v, want %s", text, err, want)
		}
	}
}

func TestFormatsAreDescribed(t *testing.T) {
	for _, f := range Formats() {
		if f.Name == "" || f.Description == "" || f.Write == nil || strings.Contains(f.Description, "\n") {
			t.Errorf("format %+v is incomplete", f)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestEveryFormatReportsWriteErrors(t *testing.T) {
	for _, f := range Formats() {
		if err := f.Write(brokenWriter{}, incident(), Options{}); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v, want the writer's error", f.Name, err)
		}
	}
}

// Every finding and failure has to be told in every format.
func TestNoFormatLeavesAnythingOut(t *testing.T) {
	for _, f := range Formats() {
		var out bytes.Buffer
		if err := f.Write(&out, incident(), Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"address-claimed-twice", "10.8.52.191 is claimed", "ip-behind-variable", "static-pool-unused",
			"no such file", "promo/web.yml",
		} {
			if !strings.Contains(strings.ReplaceAll(out.String(), "&#34;", `"`), want) {
				t.Errorf("%s does not say %q", f.Name, want)
			}
		}
	}
}

func TestLabel(t *testing.T) {
	owner := plan.Owner{Director: "promo", Deployment: "pgpool", InstanceGroup: "db", Network: "default"}
	for _, tt := range []struct {
		party lint.Party
		want  string
	}{
		{lint.Party{Kind: plan.Static, Owner: owner}, "static address of promo/pgpool/db, network default"},
		{lint.Party{Kind: plan.DynamicPool, Owner: plan.Owner{Director: "promo", Network: "default"}}, "dynamic pool of promo, network default"},
		{lint.Party{Kind: plan.VIP, Owner: plan.Owner{Director: "promo", Property: "keepalived.vip"}}, "virtual address of promo, property keepalived.vip"},
		{lint.Party{Kind: plan.External, Owner: plan.Owner{Property: "load balancer"}}, "external address: load balancer"},
		{lint.Party{Kind: plan.Gateway, Owner: plan.Owner{Network: "default"}}, "gateway, network default"},
		{lint.Party{Owner: owner, Note: "here"}, "here"},
		{lint.Party{Note: "here", At: through(at("vars.yml", 1, 1), "ip")}, "here, through ((ip))"},
		{lint.Party{At: through(at("vars.yml", 1, 1), "ip")}, "through ((ip))"},
		{lint.Party{Owner: plan.Owner{Network: "default"}}, "network default"},
		{lint.Party{}, ""},
	} {
		if got := label(tt.party); got != tt.want {
			t.Errorf("label(%+v) = %q, want %q", tt.party, got, tt.want)
		}
	}
	for kind := plan.Static; kind <= plan.DNS; kind++ {
		if text := kindText(kind); text == "" || text == "unknown" {
			t.Errorf("kind %d has no words", kind)
		}
	}
}
