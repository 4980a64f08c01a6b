package cli

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

func newCompletionCommand(streams Streams) *cobra.Command {
	shells := []cobra.Completion{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print a shell's completion script: commands, flags, rules, directors, networks",
		Example: `  source <(ipguard completion bash)                          # in ~/.bashrc
  ipguard completion zsh > "${fpath[1]}/_ipguard"
  ipguard completion fish > ~/.config/fish/completions/ipguard.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usage("ipguard completion bash", "completion takes one of bash, zsh and fish, and got %q", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := completionScript(cmd.Root(), args[0], streams.Stdout); err != nil {
				return incomplete("", "cannot write to standard output: %s", err)
			}
			return nil
		},
	}
}

func completionScript(root *cobra.Command, shell string, w io.Writer) error {
	switch shell {
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	}
	return root.GenBashCompletionV2(w, true)
}

// completer proposes one argument, or the value of one flag.
type completer func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective)

// addCompletions tells the shells what the commands' arguments and flags may be.
// What cannot be read proposes nothing: a completion has nowhere to complain.
func addCompletions(root *cobra.Command, streams Streams) {
	names := func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return networkNames(cmd, streams), cobra.ShellCompDirectiveNoFileComp
	}
	pools := poolWords(streams, func(p fleet.Pool) string { return p.Key() })
	arguments := map[string]completer{
		"free": names, "map": names, "fence": names, "scan": names, "audit": names,
		"explain": completeRules,
		"book":    firstOf(pools), "adopt": pools, "bookings": pools, "release": cobra.NoFileCompletions, "renew": cobra.NoFileCompletions,
		"history": cobra.NoFileCompletions,
		"collect": func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			given := func(name cobra.Completion) bool { return slices.Contains(args, name) }
			return slices.DeleteFunc(directorNames(cmd, streams), given), cobra.ShellCompDirectiveNoFileComp
		},
		"probe": cobra.NoFileCompletions, "watch": cobra.NoFileCompletions,
		"who": cobra.NoFileCompletions, "rules": cobra.NoFileCompletions, "schema": cobra.NoFileCompletions, "version": cobra.NoFileCompletions,
	}
	flags := map[string]completer{
		"director": func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return directorNames(cmd, streams), cobra.ShellCompDirectiveNoFileComp
		},
		"team":         poolWords(streams, func(p fleet.Pool) string { return p.Team.Value }),
		"purpose":      poolWords(streams, func(p fleet.Pool) string { return p.Purpose.Value }),
		"color":        cobra.FixedCompletions([]cobra.Completion{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp),
		"fail-on":      cobra.FixedCompletions([]cobra.Completion{"error", "warning", "info"}, cobra.ShellCompDirectiveNoFileComp),
		"format":       completeFormats,
		"defend":       cobra.FixedCompletions([]cobra.Completion{"never", "once", "always"}, cobra.ShellCompDirectiveNoFileComp),
		"inconclusive": cobra.FixedCompletions([]cobra.Completion{"fail", "pass"}, cobra.ShellCompDirectiveNoFileComp),
		"log-format":   cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp),
		"verdict":      cobra.FixedCompletions(append(strings.Split(verdictNames(), ", "), "all"), cobra.ShellCompDirectiveNoFileComp),
	}
	for _, cmd := range allCommands(root) {
		if complete, ok := arguments[cmd.Name()]; ok {
			cmd.ValidArgsFunction = cobra.CompletionFunc(complete)
		}
		for name, complete := range flags {
			if cmd.Flags().Lookup(name) == nil {
				continue
			}
			if err := cmd.RegisterFlagCompletionFunc(name, cobra.CompletionFunc(complete)); err != nil {
				panic("cli: " + err.Error()) // two completions of one flag
			}
		}
	}
}

// firstOf proposes one argument alone.
func firstOf(complete completer) completer {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, toComplete)
	}
}

// allCommands are the commands below root, at every depth.
func allCommands(root *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, cmd := range root.Commands() {
		list = append(append(list, cmd), allCommands(cmd)...)
	}
	return list
}

func completeRules(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	if len(args) == 0 {
		for _, r := range lint.Rules() {
			list = append(list, cobra.CompletionWithDesc(r.ID, r.Title))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completeFormats proposes every format where findings are told, else those of answers.
func completeFormats(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch cmd.Name() {
	case "audit":
		return auditFormats, cobra.ShellCompDirectiveNoFileComp
	case "scan", "bookings":
		return []cobra.Completion{"text", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp
	}
	if cmd.Flags().Lookup("fail-on") == nil {
		return []cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, f := range report.Formats() {
		list = append(list, cobra.CompletionWithDesc(f.Name, f.Description))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completionFleet is the fleet of the command line that is being written.
func completionFleet(cmd *cobra.Command, streams Streams) (*workspace.Workspace, bool) {
	path, err := cmd.Flags().GetString("fleet")
	if err != nil {
		return nil, false
	}
	streams.Stderr = io.Discard // the command says what is wrong, once it runs
	w, err := openFleet(path, workspace.Mode{}, streams.files(), streams)
	return w, err == nil
}

func directorNames(cmd *cobra.Command, streams Streams) []cobra.Completion {
	w, ok := completionFleet(cmd, streams)
	if !ok {
		return nil
	}
	return proposable(w.Names(), streams)
}

// networkNames are the names of segments and networks. Deployments are not read
// for them: networks stand in cloud-configs and create-env manifests.
func networkNames(cmd *cobra.Command, streams Streams) []cobra.Completion {
	w, ok := completionFleet(cmd, streams)
	if !ok {
		return nil
	}
	w = w.WithoutDeployments()
	return proposable(answer.Names(survey.Read(w.Fleet, w.Loader).Facts.Plan), streams)
}

// proposable are the words that can be completed: those of one line, of which the shell
// would get the first alone, and that may be shown as they are.
func proposable(words []string, streams Streams) []cobra.Completion {
	return slices.DeleteFunc(words, func(word string) bool {
		return strings.ContainsFunc(word, unicode.IsControl) || string(streams.names.Shown([]byte(word))) != word
	})
}

// poolWords proposes what the pools of the fleet file say in one key.
func poolWords(streams Streams, word func(fleet.Pool) string) completer {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var words []cobra.Completion
		if w, ok := completionFleet(cmd, streams); ok {
			for _, p := range w.Fleet.File.Pools {
				if w := word(p); w != "" && !slices.Contains(words, w) {
					words = append(words, w)
				}
			}
		}
		return proposable(words, streams), cobra.ShellCompDirectiveNoFileComp
	}
}
