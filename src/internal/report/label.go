package report

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// label says what stands at a party's place: its note, else its kind and owner.
// A place that is no claim is what the message speaks of, and needs no label
// that names a director.
func label(p lint.Party) string {
	text := p.Note
	if text == "" && (p.Kind != 0 || p.Owner.Network != "" || p.Owner.Property != "") {
		text = describe(p.Kind, p.Owner)
	}
	if p.At.Through != "" {
		through := "through ((" + p.At.Through + "))"
		if text != "" {
			through = ", " + through
		}
		text += through
	}
	return legible.Text(text)
}

func describe(kind plan.Kind, owner plan.Owner) string {
	if kind == plan.External || kind == plan.Booked { // the property is the name of who has it
		return strings.TrimSuffix(kindText(kind)+": "+owner.Property, ": ")
	}
	var parts []string
	if kind != 0 {
		parts = append(parts, kindText(kind))
	}
	var path []string
	for _, name := range []string{owner.Director, owner.Deployment, owner.InstanceGroup} {
		if name != "" {
			path = append(path, name)
		}
	}
	if len(path) > 0 {
		if kind != 0 {
			parts = append(parts, "of")
		}
		parts = append(parts, strings.Join(path, "/"))
	}
	text := strings.Join(parts, " ")
	for _, extra := range [][2]string{{"network", owner.Network}, {"property", owner.Property}} {
		if extra[1] == "" {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += extra[0] + " " + extra[1]
	}
	return text
}

func kindText(kind plan.Kind) string {
	switch kind {
	case plan.Static:
		return "static address"
	case plan.CreateEnvVM:
		return "create-env VM"
	case plan.VIP:
		return "virtual address"
	case plan.DirectorOwn:
		return "director VM"
	case plan.Lease:
		return "granted address"
	case plan.Orphan:
		return "orphaned VM"
	case plan.External:
		return "external address"
	case plan.Booked:
		return "booking"
	case plan.StaticPool:
		return "static pool"
	case plan.DynamicPool:
		return "dynamic pool"
	case plan.Compilation:
		return "compilation pool"
	case plan.Reserved:
		return "reserved range"
	case plan.Gateway:
		return "gateway"
	case plan.DNS:
		return "DNS server"
	case plan.CloudKept:
		return "kept by the cloud"
	}
	return kind.String()
}

// note is one named remark on a finding.
type note struct {
	name string
	text string
	// verbatim text has lines of YAML and names, which are copied and never wrapped.
	verbatim bool
}

// notes lists what a finding says beside its message and its places.
func notes(f lint.Finding) []note {
	all := []note{
		{"segment", f.Segment, false},
		{"director error", f.DirectorError, true},
		{"why", f.Why, false},
		{"help", f.Suggestion, true},
	}
	var present []note
	for _, n := range all {
		if n.text != "" {
			present = append(present, n)
		}
	}
	return present
}

// pasteable is how a line begins that is copied into a file.
var pasteable = lazyregexp.New(`^(\s|- |#|[a-z_]+:(\s|$))`)

// isPasteable reports whether a line of advice is YAML, which a break would spoil, and
// no sentence.
func isPasteable(line string) bool { return pasteable().MatchString(line) }

// lines splits text into its lines, made visible, tabs expanded, without empty
// ones at the end.
func lines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\t", strings.Repeat(" ", tabWidth))
	split := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range split {
		split[i] = strings.TrimRight(legible.Text(line), " ")
	}
	return split
}
