//go:build !race

package report

import (
	"net/netip"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// incident has findings of every severity, with one, two and three parties,
// and two failures.
func incident() lint.Result {
	west := lint.Party{
		Owner: plan.Owner{Director: "dr-west", Deployment: "director", InstanceGroup: "bosh", Network: "private"},
		Kind:  plan.CreateEnvVM, Range: address("10.8.52.191"), At: at("dr-west/director.yml", 14, 18), Note: "create-env VM of dr-west",
	}
	pgpool := lint.Party{
		Owner: plan.Owner{Director: "promo", Deployment: "pgpool", InstanceGroup: "pgpool", Network: "default"},
		Kind:  plan.Static, Range: address("10.8.52.191"), At: at("promo/pgpool.yml", 5, 7),
	}
	pool := lint.Party{
		Owner: plan.Owner{Director: "promo", Network: "default"}, Kind: plan.StaticPool,
		Range: addresses("10.8.52.0", "10.8.52.255"), At: at("promo/cloud-config.yml", 1234, 1),
	}
	return lint.Result{
		Findings: []lint.Finding{{
			Rule: "address-claimed-twice", Severity: lint.Error, Range: address("10.8.52.191"),
			Message:    "10.8.52.191 is claimed by two directors: create-env VM director (dr-west) and pgpool/1 of pgpool (promo)",
			Segment:    "vlan-52 (assumed)",
			Claims:     []lint.Party{west, pgpool, pool},
			Why:        "both machines answer for the address; the switch sends packets to whichever spoke last, and connections of the other are reset",
			Suggestion: "use 10.8.52.193 or 10.8.52.194 for the VM director: claimed by nobody\nif the two are isolated, say so in the fleet file:\nsegments:\n- {name: dr-west-private, subnets: [{director: dr-west}]}",
		}, {
			Rule: "ip-behind-variable", Severity: lint.Warning,
			Message: "the address of web is hidden behind ((web_ip))", DirectorError: "",
			Claims: []lint.Party{{Owner: plan.Owner{Director: "promo", Deployment: "web"}, At: at("promo/web.yml", 2, 17), Note: "not resolved"}},
		}, {
			Rule: "static-pool-unused", Severity: lint.Info, DirectorError: "NetworkStaticIpOutOfRange",
			Message: "nobody uses the static range", Range: addresses("10.8.53.10", "10.8.53.20"), Segment: "vlan-53",
			Claims: []lint.Party{{Kind: plan.StaticPool, At: at("promo/cloud-config.yml", 3, 13)}},
		}},
		Failures: []trouble.Trouble{
			{Message: "no such file", At: place.Place{File: "promo/missing.yml"}, Hint: "the fleet file names it in line 12\nfix the path or remove the line"},
			{Message: "not valid YAML: did not find expected key", At: at("promo/broken.yml", 7, 1)},
		},
		Summary: lint.Summary{Errors: 1, Warnings: 1, Infos: 1, Directors: 2, Deployments: 5, Claims: 312},
	}
}

func incidentFiles() map[string]string {
	return map[string]string{
		"dr-west/director.yml":   strings.Repeat("\n", 13) + "    static_ips: [10.8.52.191]\n",
		"promo/pgpool.yml":       "name: pgpool\ninstance_groups:\n- name: pgpool\n  networks:\n    - 10.8.52.191 # pgpool/1\n",
		"promo/web.yml":          "name: web\n    static_ips: ((web_ip))\n",
		"promo/cloud-config.yml": "networks:\n\n    static: 10.8.53.10 - 10.8.53.20\n" + strings.Repeat("\n", 1230) + "static: [10.8.52.0/24]",
	}
}

func incidentOptions() Options {
	return Options{Version: "1.2.3", Rules: []RuleInfo{
		{ID: "address-claimed-twice", Title: "an address is claimed by two directors", Doc: doc("# Claimed twice\n\nOne address, two `directors`."), Severity: lint.Error},
		{ID: "never-found", Title: "a rule without findings", Doc: doc("…"), Severity: lint.Warning},
		{ID: "static-pool-unused", Title: "nobody uses a static range", Doc: doc("Tidy up."), Severity: lint.Info},
	}}
}

func doc(text string) func() string { return func() string { return text } }

func onlyFailures() lint.Result {
	return lint.Result{
		Failures: []trouble.Trouble{
			{Message: "director promo has no cloud_configs", At: at("ipguard.yml", 3, 3), Hint: "add cloud_configs: [cloud-config.yml]"},
			{Message: "no fleet file found", At: place.Place{}},
			{Message: "not valid YAML: line\nbroken", At: at("-", 2, 0)},
		},
		Summary: lint.Summary{Directors: 1},
	}
}

// secrets are values that came from vars files, in lines that hold more.
func secrets() lint.Result {
	vars := func(line, column int, variable string) lint.Party {
		return lint.Party{Note: "here", At: through(at("vars.yml", line, column), variable)}
	}
	return lint.Result{Findings: []lint.Finding{
		finding("beside a password in a flow map", vars(1, 13, "pgpool_ip")),
		finding("alone on its line", vars(2, 8, "db_ip")),
		finding("before a comment", vars(3, 9, "web_ip")),
		finding("a range", vars(4, 12, "web_range")),
		finding("a quoted block", vars(5, 7, "cidr")),
		finding("a password where an address belongs", vars(6, 11, "admin_ip")),
		finding("a password behind the address", vars(7, 7, "ip_7")),
		finding("an address with a zone", vars(8, 7, "ip_8")),
		finding("the column is wrong and points at the password", vars(1, 36, "pgpool_ip")),
		finding("the same file without a variable", lint.Party{Note: "here", At: at("vars.yml", 1, 2)}),
		finding("a value of the command line", lint.Party{Note: "here", At: through(at("-v admin_ip", 1, 1), "admin_ip")}),
		finding("a long line", vars(9, 506, "far")),
	}, Summary: lint.Summary{Errors: 12, Directors: 1, Deployments: 1, Claims: 12}}
}

func secretFiles() map[string]string {
	return map[string]string{
		"vars.yml": `{pgpool_ip: 10.8.52.190, password: hunter2}
db_ip: 10.8.53.131
web_ip: 10.8.53.132 # was hunter2
web_range: 10.8.53.1 - 10.8.53.9
cidr: "10.8.53.0/24"
admin_ip: hunter2
ip_7: 10.8.53.133 correct horse
ip_8: fe80::1%S3cret
` + "{" + strings.Repeat("p: swordfish, ", 36) + "10.8.53.134, " + strings.Repeat("p: swordfish, ", 36) + "}",
		"-v admin_ip": "hunter2",
	}
}

// hostile has everything that could steer a terminal or a CI system.
func hostile() lint.Result {
	return lint.Result{
		Findings: []lint.Finding{{
			Rule: "rule\x1b[2J", Severity: lint.Error,
			Message: "clear \x1b[2J bell \a c1 \u009b2J bidi \u202egnp.exe zero\u200bwidth bad \xff\xfe percent %0A\nnext line ::error::x",
			Segment: "seg\x1b]0;title\a", Why: "because\r\nof \x1b[31mred",
			Suggestion: "line one\x1b[1A\n\tindented\r\n\n]]> <b> & {0} [x](http://example.com)\n\n",
			Claims: []lint.Party{
				{At: at("bad\x1b[2Jname, 100%: [1].yml", 1, 7), Note: "note\x1b[2J\nsecond"},
				{At: at("bad\x1b[2Jname, 100%: [1].yml", 2, 1), Owner: plan.Owner{Director: "d\x1b[2J"}},
				{At: through(at("tags.yml", 1, 1), "v\x1b[2J"), Note: "U+E0001"},
			},
		}},
		Failures: []trouble.Trouble{{Message: "fail\x1b[2J\n::error::x", At: at("f\x1b[2J\n.yml", 1, 1), Hint: "hint\x1b[2J"}},
		Summary:  lint.Summary{Errors: 1},
	}
}

func hostileFiles() map[string]string {
	return map[string]string{
		"bad\x1b[2Jname, 100%: [1].yml": "ip: \x1b[2J10.0.0.1\u202e \a\x7f\u0085\n\u2028\U000e0001tag 10.0.0.2\xff",
		"tags.yml":                      "10.0.0.3",
	}
}

// places are all the kinds of places that a finding may have.
func places() lint.Result {
	return lint.Result{Findings: []lint.Finding{
		finding("on the command line", lint.Party{At: through(at("-v pgpool_ip", 1, 1), "pgpool_ip"), Note: "create-env VM of dr-west"}),
		finding("on the command line first, then in a file",
			lint.Party{At: place.Place{File: "--var-file pgpool_ip"}, Note: "here"}, lint.Party{At: at("a.yml", 1, 5), Note: "there"}),
		finding("in a file that vanished", lint.Party{At: at("gone.yml", 3, 5), Note: "here"}),
		finding("on standard input", lint.Party{At: at("-", 1, 5), Note: "here"}),
		finding("nowhere", lint.Party{Note: "somebody"}),
		finding("nowhere and nobody", lint.Party{}),
		finding("without parties"),
		finding("on the last line", lint.Party{At: at("a.yml", 3, 5), Note: "here"}),
		finding("past the last line", lint.Party{At: at("a.yml", 4, 5), Note: "here"}),
		finding("past the end of a line", lint.Party{At: at("a.yml", 1, 99), Note: "something is missing"}),
		finding("without a column", lint.Party{At: at("a.yml", 1, 0), Note: "here"}),
		finding("on an empty line", lint.Party{At: at("a.yml", 2, 1), Note: "here"}),
		finding("in UTF-16", lint.Party{At: at("utf16.yml", 1, 1), Note: "here"}),
		finding("twice at one place", lint.Party{At: at("a.yml", 1, 5), Note: "one"},
			lint.Party{At: at("a.yml", 3, 5), Note: "two"}, lint.Party{At: at("a.yml", 3, 5), Note: "three"}, lint.Party{At: at("a.yml", 3, 5), Note: "two"}),
		finding("in an absolute path", lint.Party{At: at("/srv/fleet/b c.yml", 1, 1), Note: "here"}),
	}, Summary: lint.Summary{Errors: 15}}
}

func placeFiles() map[string]string {
	return map[string]string{
		"a.yml":        "ip: 10.0.0.1\n\nip: 10.0.0.2",
		"-":            "ip: 10.0.0.3\n",
		"-v pgpool_ip": "10.0.0.4",
		"utf16.yml":    "\xff\xfei\x00p\x00",
	}
}

// columns are lines in which a character is not one column, or a scalar does
// not end at a space.
func columns() lint.Result {
	var findings []lint.Finding
	for i, column := range []int{3, 3, 6, 5, 6, 5, 3, 9, 3, 1, 7, 5, 3} {
		findings = append(findings, finding("line "+string(rune('a'+i)), lint.Party{At: at("columns.yml", i+1, column), Note: "here"}))
	}
	return lint.Result{Findings: findings, Summary: lint.Summary{Errors: len(findings)}}
}

func columnFiles() map[string]string {
	return map[string]string{"columns.yml": strings.Join([]string{
		"\ufeff- 10.0.0.1", // a byte order mark is no column
		"\t\t10.0.0.2",
		"名前: [10.0.0.3]",
		"e\u0301: \"10.0.0.4, or so\" # combining",
		"👍 a: '10.0.0.5''s' # emoji",
		"ip: 10.0.0.6 - 10.0.0.9 # a range\r",
		"- &anchor !!str 10.0.0.7 # properties",
		"{a: b, c: {d: e}}",
		"- reserved_ips: [10.0.0.8]",
		"ip: 10.0.0.9   ",
		"text: | # a block",
		"ip: \"10.0.0.10",
		"- 2001:db8::1 # colons",
	}, "\n")}
}

func longLines() lint.Result {
	note := "a label that is so long that it cannot stand beside the marks on a narrow terminal"
	wide := lint.Party{At: at("wide.yml", 1, 101), Note: note}
	return lint.Result{Findings: []lint.Finding{
		finding("at the start", lint.Party{At: at("long.yml", 1, 2), Note: "here"}),
		finding("in the middle", lint.Party{At: at("long.yml", 1, 301), Note: note}),
		finding("at the end", lint.Party{At: at("long.yml", 1, 590), Note: note}),
		finding("a scalar longer than any terminal", lint.Party{At: at("scalar.yml", 1, 6), Note: "here"}),
		finding("wide characters", wide, wide),
		finding("a label without spaces", lint.Party{At: at("long.yml", 1, 301), Note: strings.Repeat("x", 300)}),
	}, Summary: lint.Summary{Errors: 6}}
}

func longFiles() map[string]string {
	return map[string]string{
		"long.yml":   "{" + strings.Repeat("k: v, ", 49) + "ip: 10.0.0.1, " + strings.Repeat("k: v, ", 46) + "ip: 10.0.0.2}",
		"scalar.yml": "ip: \"" + strings.Repeat("0123456789", 50) + "\"",
		"wide.yml":   strings.Repeat("前", 100) + "10.0.0.1," + strings.Repeat("後", 100),
	}
}

func predicted() lint.Result {
	return lint.Result{
		Addresses: []lint.Address{
			{Network: "default", InstanceGroup: "pgpool", Index: 0, AZ: "z1", IP: netip.MustParsePrefix("10.8.52.190/32"), Kind: "static"},
			{Network: "default", InstanceGroup: "web", Index: 11, AZ: "", IP: netip.MustParsePrefix("10.8.52.2/32"), Kind: "dynamic"},
			{Network: "v6", InstanceGroup: "router", Index: 0, AZ: "z2", IP: netip.MustParsePrefix("2001:db8:0:1::/64"), Kind: "dynamic"},
			{Network: "default", Index: 0, AZ: "z1", IP: netip.MustParsePrefix("10.8.52.3/32"), Kind: "compilation"},
		},
		Summary: lint.Summary{Directors: 1, Deployments: 1, Claims: 4},
	}
}
