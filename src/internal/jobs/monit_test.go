//go:build !race

package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// process is what monit is told of one process.
type process struct {
	Name, Pidfile, Start, Stop, Group string
}

// parseMonit reads the part of monit's control file that jobs of BOSH use (monit(1),
// "SERVICE METHODS" and "GENERAL SYNTAX"), and refuses all else. "with" is noise to monit, as the
// manual calls it; the clauses of a service come in any order.
func parseMonit(text string) ([]process, error) {
	words, err := monitWords(text)
	if err != nil {
		return nil, err
	}
	var all []process
	for len(words) > 0 {
		if len(words) < 3 || !slices.Equal(words[:2], []string{"check", "process"}) {
			return nil, fmt.Errorf("%q is no beginning of a process", words[0])
		}
		p := process{Name: words[2]}
		if words, err = p.clauses(words[3:]); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		if p.Pidfile == "" || p.Start == "" || p.Stop == "" || p.Group == "" {
			return nil, fmt.Errorf("%s: something is missing in %+v", p.Name, p)
		}
		all = append(all, p)
	}
	return all, nil
}

// clauses reads what belongs to one process and returns the rest.
func (p *process) clauses(words []string) ([]string, error) {
	for len(words) > 0 && words[0] != "check" {
		switch {
		case words[0] == "with":
			words = words[1:]
		case len(words) > 1 && words[0] == "pidfile":
			p.Pidfile, words = words[1], words[2:]
		case len(words) > 1 && words[0] == "group":
			p.Group, words = words[1], words[2:]
		case len(words) > 2 && words[0] == "start" && words[1] == "program":
			p.Start, words = words[2], words[3:]
		case len(words) > 2 && words[0] == "stop" && words[1] == "program":
			p.Stop, words = words[2], words[3:]
		default:
			return nil, fmt.Errorf("%q is not understood", words[0])
		}
	}
	return words, nil
}

// monitWords splits the text into words and strings in quotes, without comments.
func monitWords(text string) (words []string, err error) {
	for line := range strings.Lines(text) {
		for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimSpace(line) {
			word, rest, _ := strings.Cut(line, " ")
			if line[0] == '"' {
				var closed bool
				if word, rest, closed = strings.Cut(line[1:], `"`); !closed {
					return nil, fmt.Errorf("a string is not closed: %s", line)
				}
			}
			words, line = append(words, word), rest
		}
	}
	return words, nil
}

func TestParseMonit(t *testing.T) {
	for text, want := range map[string]string{
		"":      "",
		"# x\n": "",
		"check process a with pidfile /a\nstart program \"/b start\"\nstop program \"/b stop\"\ngroup vcap": "",
		"check process a\n  start program \"/b\"\n  stop program \"/b\"\n  group vcap":                      "something is missing",
		"check process a with pidfile /a\nstart program \"/b":                                               "a string is not closed",
		"check file a with path /a":                   "no beginning of a process",
		"check process a with pidfile /a\nif failed":  `"if" is not understood`,
		"check process a\nwith pidfile /a\nstart prg": `"start" is not understood`,
		"group vcap": "no beginning of a process",
	} {
		_, err := parseMonit(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// monit reads the monit file of a rendered job.
func monit(t testing.TB, dir string) []process {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "monit"))
	check(t, err)
	all, err := parseMonit(string(text))
	check(t, err)
	return all
}

func TestMonit(t *testing.T) {
	for _, test := range []struct {
		job, properties string
		want            []process
	}{
		{"ipguard-probe", "", nil},
		{"ipguard-watch", "", []process{{
			Name: "ipguard-watch", Pidfile: "/var/vcap/sys/run/ipguard-watch/ipguard-watch.pid", Group: "vcap",
			Start: "/var/vcap/jobs/ipguard-watch/bin/ctl start", Stop: "/var/vcap/jobs/ipguard-watch/bin/ctl stop",
		}}},
		{"ipguard-watch", "use_bpm: true", []process{{
			Name: "ipguard-watch", Pidfile: "/var/vcap/sys/run/bpm/ipguard-watch/ipguard-watch.pid", Group: "vcap",
			Start: "/var/vcap/jobs/bpm/bin/bpm start ipguard-watch", Stop: "/var/vcap/jobs/bpm/bin/bpm stop ipguard-watch",
		}}},
	} {
		dir := mustRender(t, test.job, instance{Properties: properties(t, test.properties)})
		if diff := cmp.Diff(test.want, monit(t, dir)); diff != "" {
			t.Errorf("%s with %q: %s", test.job, test.properties, diff)
		}
		for _, p := range test.want {
			program, _, _ := strings.Cut(strings.TrimPrefix(p.Start, "/var/vcap/jobs/"+test.job+"/"), " ")
			if info, err := os.Stat(filepath.Join(dir, program)); strings.HasPrefix(program, "bin/") && (err != nil || info.Mode()&0o111 == 0) {
				t.Errorf("%s: %v", p.Start, err)
			}
		}
	}
}
