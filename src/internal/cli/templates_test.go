//go:build !race

package cli

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// templatedKeys are the keys below which a template stands in the place of something that
// an address plan is made of.
var templatedKeys = []string{
	"range", "gateway", "reserved", "static", "dns", "name", "static_ips", "instances", "networks", "subnets", "vip", "type", "az", "azs", "mbus", "network",
}

// aPlace is where something stands in a file.
var aPlace = regexp.MustCompile(`\w+\.yml:\d+:\d+`)

// TestTemplatesAreUnreadable puts a template of another tool in the place of each value, as
// it stands and through a variable. There it is unreadable, not wrong: lint says of which tool
// it is and where the value stands. And whatever ends with 3 says why, with a place.
func TestTemplatesAreUnreadable(t *testing.T) {
	t.Chdir(t.TempDir())
	forms := []string{"{{ ip }}", "(( grab meta.ip ))", "<%= ip %>", "${ip}", "(( merge ))", "(@= ip @)", "__IP__"}
	tools := []string{"Jinja", "spruce", "ERB", "Terraform", "spiff", "ytt", "another tool"}
	commands := [][]string{{"fence"}, {"fence", "--fix"}, {"free", "10.8.52.0/24"}, {"who", "10.8.52.40"}, {"map"}, {"baseline", "write"}, {"fence", "10.8.52.0/24"}, {"free", "10.8.52.0/24", "--why", "10.8.52.40"}}
	inputs := ""
	files := map[string]string{
		"cc.yml": plantedFiles["cc.yml"],
		"m.yml":  strings.Replace(plantedFiles["m.yml"], "vip: 10.8.52.50", "vip: 10.8.52.110", 1),
		"e.yml":  strings.ReplaceAll(strings.Replace(plantedFiles["e.yml"], token+"1", "((password))", 1), "10.8.52.30", "10.8.52.5"),
	}
	world := func() {
		for name, text := range files {
			writeFile(t, name, []byte(text))
		}
		writeFile(t, "ipguard.yml", fmt.Appendf(nil, "directors:\n- {name: a, cloud_configs: [{config: cc.yml%s}], deployments: [{manifest: m.yml%s}]}\n- {name: c, create_env: [{manifest: e.yml%s}]}\n", inputs, inputs, inputs))
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Main(context.Background(), args, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Environ: []string{"COLUMNS=400"}})
		return code, out.String()
	}
	world()
	if code, out := run("lint"); code != ExitOK {
		t.Fatalf("the fleet without templates: exit %d\n%s", code, out)
	}
	turn, ended := 0, 0
	for _, file := range []string{"cc.yml", "m.yml", "e.yml"} {
		_, values := keyedValues(t, files[file])
		for i, value := range values {
			if value.isKey || !slices.Contains(templatedKeys, value.key) {
				continue
			}
			turn++
			form, tool := forms[turn%len(forms)], tools[turn%len(tools)]
			what := fmt.Sprintf("%s: %q below %s is %s", file, value.node.Value, value.key, form)
			says := "a template of " + tool + ", which nobody has filled in"
			if tool == "another tool" && value.key == "vip" {
				says = "cannot be read" // such a word may stand in any text
			}
			openly := 0
			through := ", vars_files: [v.yml]"
			if turn%3 == 0 {
				through = ", vars: {v: \"" + form + "\"}"
			}
			for _, in := range []string{"", through} {
				if inputs = in; inputs != "" {
					what += in
				}
				world()
				writeFile(t, "v.yml", []byte("v: '"+form+"'\n"))
				with, at := "((v))", "v.yml:1:4"
				if in == "" {
					with = form
				} else if strings.Contains(in, "vars:") {
					at = "ipguard.yml:"
				}
				writeFile(t, file, []byte(plantedText(t, files[file], i, with)))
				code, out := run("lint", "--format", "concise")
				if in == "" {
					if openly = code; strings.Contains(out, "error[") {
						t.Errorf("%s: exit %d\n%s", what, code, out)
					}
				} else if (code != ExitIncomplete || !strings.Contains(out, says) || !strings.Contains(out, at) || strings.Contains(out, "error[")) && openly != ExitOK {
					t.Errorf("%s: exit %d\n%s", what, code, out) // not of names that say nothing of addresses
				}
				args := commands[turn%len(commands)]
				if code, out := run(args...); code == ExitIncomplete {
					if ended++; !aPlace.MatchString(out) {
						t.Errorf("%s: %q ends with 3 and does not say why:\n%s", what, args, out)
					}
				}
			}
		}
	}
	if turn < 40 || ended < 40 {
		t.Errorf("%d places were tried, and %d commands ended with 3", turn, ended)
	}
}
