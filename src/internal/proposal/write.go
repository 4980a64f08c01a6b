package proposal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// write writes the directors as a fleet file.
func write(directors []*director, names, leftOut []string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for i, g := range directors {
		for _, line := range g.remarks {
			b.WriteString("# " + printable(line) + "\n")
		}
		for _, file := range g.undecided {
			b.WriteString("# not sure: is " + printable(file) + " a manifest of this director?\n")
		}
		b.WriteString("- name: " + scalar(names[i]) + "\n")
		for _, kind := range fleet.Kinds() {
			writeEntries(&b, kind, g.of(kind))
		}
	}
	if len(leftOut) > 0 {
		b.WriteString(headOfLeftOut)
	}
	for _, note := range leftOut {
		b.WriteString("- " + scalar(note) + "\n")
	}
	fmt.Fprintf(&b, tail, scalar(names[0]))
	return []byte(b.String())
}

const head = `# Proposed by ipguard init. Check each guess, and the directors' names. Paths are
# relative to this file and may be globs.
# Where bosh gets ops files or variables, write an entry as
#   - manifest: path/of/manifest.yml      # of a cloud-config: config
#     ops_files: [path/of/ops.yml]
#     vars_files: [path/of/vars.yml]
#     vars: {name: value}

directors:
`

const headOfLeftOut = `
# Nothing looks at the addresses of these. Lint says so, with exit code 3, until the line
# is gone: name above what the director gets, or be sure that it has no addresses.
left_out:
`

const tail = `
# Networks that ipguard cannot tell apart count as one broadcast domain. Say what
# you know:
# segments:
# - name: vlan-52
#   subnets:
#   - {director: %s, network: default}
`

func writeEntries(b *strings.Builder, kind fleet.Kind, entries []*entry) {
	if len(entries) == 0 {
		return
	}
	b.WriteString("  " + string(kind) + ":\n")
	for _, e := range entries {
		if e.covered {
			continue
		}
		for i, remark := range e.remarks {
			if !slices.Contains(e.remarks[:i], remark) {
				b.WriteString("  # " + printable(remark) + "\n")
			}
		}
		if e.inputs.empty() && e.name == "" {
			b.WriteString("  - " + scalar(e.file) + "\n")
			continue
		}
		key := "manifest"
		if kind == fleet.CloudConfigs || kind == fleet.RuntimeConfigs {
			key = "config"
		}
		b.WriteString("  - " + key + ": " + scalar(e.file) + "\n")
		if e.name != "" {
			b.WriteString("    name: " + scalar(e.name) + "\n")
		}
		e.inputs.write(b)
	}
}

func (in inputs) write(b *strings.Builder) {
	list := func(key string, values []string) {
		if len(values) > 0 {
			b.WriteString("    " + key + ":\n")
		}
		for _, value := range values {
			b.WriteString("    - " + scalar(value) + "\n")
		}
	}
	pairs := func(key string, values []pair, write func(string) string) {
		if len(values) > 0 {
			b.WriteString("    " + key + ":\n")
		}
		for i, p := range values {
			if !slices.ContainsFunc(values[i+1:], func(o pair) bool { return o.name == p.name }) { // the last one counts
				b.WriteString("      " + scalar(p.name) + ": " + write(p.value) + "\n")
			}
		}
	}
	list("ops_files", in.ops)
	list("vars_files", in.vars)
	pairs("vars", in.values, asYAML)
	pairs("var_files", in.varFiles, scalar)
	if in.store != "" {
		b.WriteString("    vars_store: " + scalar(in.store) + "\n")
	}
}

// asYAML keeps the text of a value of -v, which bosh reads as YAML, where it fits on
// its line.
func asYAML(value string) string {
	var parsed any
	if err := yaml.Unmarshal([]byte("x: "+value), &parsed); err != nil || strings.ContainsAny(value, "\n#") {
		return scalar(value)
	}
	return value
}

// scalar writes a string on one line so that YAML reads it as that string.
func scalar(s string) string {
	text, err := yaml.Marshal(s)
	line := strings.TrimSuffix(string(text), "\n")
	if err != nil || strings.Contains(line, "\n") {
		return strconv.Quote(s)
	}
	return line
}
