package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/lint"
)

func newRulesCommand(streams Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "list the rules that lint holds files against",
		Example: `  ipguard rules
  ipguard rules --format json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "text":
				return printTo(streams.Stdout, "%s", ruleList())
			case "json":
				return printTo(streams.Stdout, "%s", ruleListJSON())
			}
			return usage("write --format text or --format json", "--format takes text or json, and got %q", format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// familyTitles head the groups of rules, in the order of the list.
var familyTitles = []struct {
	family lint.Family
	title  string
}{
	{lint.FamilyFleet, "What owners do to each other"},
	{lint.FamilyDirector, "What a director, or the CLI for create-env, says about its own files"},
	{lint.FamilyException, "What is wrong with exceptions from the other rules"},
}

func ruleList() string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for i, f := range familyTitles {
		if i > 0 {
			fmt.Fprintln(table)
		}
		fmt.Fprintf(table, "%s:\n", f.title)
		for _, r := range lint.Rules() {
			if r.Family == f.family {
				fmt.Fprintf(table, "  %s\t%s\t%s\n", r.ID, r.Severity, r.Title)
			}
		}
	}
	table.Flush() // cannot fail: it writes into memory
	return out.String() + "\nipguard explain RULE shows a rule's page.\n"
}

func ruleListJSON() string {
	type rule struct {
		ID       string `json:"id"`
		Family   string `json:"family"`
		Severity string `json:"severity"`
		Title    string `json:"title"`
	}
	var list []rule
	for _, r := range lint.Rules() {
		list = append(list, rule{r.ID, string(r.Family), r.Severity.String(), r.Title})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		panic("cli: the rules have no JSON form: " + err.Error())
	}
	return string(text) + "\n"
}
