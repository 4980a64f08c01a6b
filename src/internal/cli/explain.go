package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

func newExplainCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "show a rule's page: what, why, examples, and how to cure or allow it",
		Example: `  ipguard explain address-claimed-twice
  ipguard rules                               all rules`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard rules lists them", "explain takes one rule, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			rule, err := ruleNamed(args[0])
			if err != nil {
				return err
			}
			return printTo(streams.Stdout, "%s", pageText(rule))
		},
	}
}

// ruleNamed finds a rule by its id; error[…] as findings show it is understood.
func ruleNamed(text string) (lint.Rule, error) {
	id := text
	if _, inside, ok := strings.Cut(text, "["); ok {
		id = strings.TrimSuffix(inside, "]")
	}
	var ids []string
	for _, r := range lint.Rules() {
		if r.ID == id {
			return r, nil
		}
		ids = append(ids, r.ID)
	}
	hint := "ipguard rules lists them"
	if near, ok := spelling.Nearest(id, ids); ok {
		hint = "did you mean " + near + "?"
	}
	return lint.Rule{}, usage(hint, "there is no rule %q", id)
}

// pageText is a rule's page for a terminal: code is indented in place of fenced.
func pageText(r lint.Rule) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s[%s]: %s\n\n", r.Severity, r.ID, r.Title)
	inside := false
	for line := range strings.Lines(r.Doc() + "\n\n" + allowText(r)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside
		case inside:
			out.WriteString("    " + line)
		default:
			out.WriteString(strings.ReplaceAll(line, "`", ""))
		}
	}
	return out.String()
}

// pageMarkdown is a rule's page in docs/rules.md.
func pageMarkdown(r lint.Rule) string {
	return fmt.Sprintf("## %s\n\n%s: %s.\n\n%s\n\n%s", r.ID, r.Severity, r.Title, r.Doc(), allowText(r))
}

// allowText says how a finding of the rule can be accepted, in Markdown.
func allowText(r lint.Rule) string {
	const entry = "```yaml\nallow:\n- rule: %s\n  addresses: [10.0.0.9]\n  owners: [director-a/deployment, director-b]\n  reason: why this is no harm\n  until: 2027-01-31\n```\n"
	switch r.Exception {
	case lint.Never:
		return "It cannot be accepted by an exception of its own.\n"
	case lint.InFleetFile:
		return "To accept it for a while, let the fleet file say so; a comment in one side's file does not count:\n\n" + fmt.Sprintf(entry, r.ID)
	default:
		return "To accept it for a while, end the line that it points to with this comment, or, if the finding names addresses, use `allow` in the fleet file:\n\n" +
			fmt.Sprintf("```yaml\n# ipguard: ignore[%s] until 2027-01-31 -- why this is no harm\n```\n", r.ID)
	}
}

// rulesMarkdown is docs/rules.md: an introduction, a list and all pages.
func rulesMarkdown() string {
	var out strings.Builder
	out.WriteString(rulesIntroduction)
	for _, f := range familyTitles {
		fmt.Fprintf(&out, "\n%s:\n\n| rule | severity | |\n| --- | --- | --- |\n", f.title)
		for _, r := range lint.Rules() {
			if r.Family == f.family {
				fmt.Fprintf(&out, "| [%s](#%s) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
			}
		}
	}
	for _, r := range lint.Rules() {
		out.WriteString("\n" + pageMarkdown(r))
	}
	return out.String()
}

const rulesIntroduction = `# Rules

This page is made from the rules themselves; so is what ` + "`ipguard explain RULE`" + ` shows.

Every example is run by a test: a bad one is reported by its rule and by no other, a
good one by none. The first line of an example is the file's name; its folder is the
director. Examples leave out what is the same everywhere: releases, stemcells, update,
VM types, the compilation section; and a group's number of instances where it is 1. A
manifest without a cloud-config beside it is deployed to a network ` + "`default`" + ` of
10.0.0.0/24 with the gateway 10.0.0.1. A good example shows only the files that change.

A severity in this list is that of most findings of the rule; some findings of an error's
rule are warnings, and ` + "`--strict`" + ` makes some warnings errors.
`
