package gate

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jessevdk/go-flags"
)

// ParseError is a command line of which it cannot be told what bosh would do.
type ParseError struct{ Message, Hint string }

func (e *ParseError) Error() string { return e.Message }

// Parse reads the arguments of bosh. It returns nil if they change nobody's
// addresses, or if bosh will only say what is wrong with them. Like bosh, it reads
// environment variables where options are missing.
func Parse(args []string) (*Change, error) {
	if completes(args) {
		return nil, nil
	}
	options := &BoshOptions{}
	options.VersionOpt = func() error { return &flags.Error{Type: flags.ErrHelp} }
	parser := flags.NewParser(options, flags.HelpFlag|flags.PassDoubleDash)
	extra, err := parser.ParseArgs(args)
	name := ""
	if parser.Active != nil {
		name = parser.Active.Name
	}
	if err != nil {
		return nil, judgeError(name, args, err)
	}
	change := options.change(name)
	switch {
	case change == nil:
		return nil, nil
	case len(extra) > 0:
		return nil, &ParseError{Message: fmt.Sprintf("bosh %s takes one file, and got %d more arguments", name, len(extra))}
	case slices.Contains(change.values(), ""):
		return nil, &ParseError{Message: "an empty path stands on the command line of bosh " + name}
	}
	return change, nil
}

// completes reports whether bosh would only propose words to a shell.
func completes(args []string) bool {
	return os.Getenv("GO_FLAGS_COMPLETION") != "" || len(args) > 0 && slices.Contains([]string{"completion", "__complete"}, args[0])
}

// change is what a command changes, nil if that is nothing that has addresses.
func (o *BoshOptions) change(command string) *Change {
	c := &Change{Command: command, Environment: o.EnvironmentOpt, ConfigPath: o.ConfigPathOpt, CACert: o.CACertOpt}
	switch command {
	case "deploy":
		c.Kind, c.Name = Deployment, o.DeploymentOpt
		c.Path, c.VarFlags, c.OpsFlags = o.Deploy.Args.Manifest, o.Deploy.VarFlags, o.Deploy.OpsFlags
	case "update-cloud-config":
		u := &o.UpdateCloudConfig
		c.Kind, c.Name = CloudConfig, cmp.Or(u.Name, defaultConfig)
		c.Path, c.VarFlags, c.OpsFlags = u.Args.CloudConfig, u.VarFlags, u.OpsFlags
	case "update-runtime-config":
		u := &o.UpdateRuntimeConfig
		c.Kind, c.Name = RuntimeConfig, cmp.Or(u.Name, defaultConfig)
		c.Path, c.VarFlags, c.OpsFlags = u.Args.RuntimeConfig, u.VarFlags, u.OpsFlags
	case "update-config":
		u := &o.UpdateConfig
		kinds := map[string]Kind{"cloud": CloudConfig, "runtime": RuntimeConfig}
		if kinds[u.Type] == "" {
			return nil
		}
		c.Kind, c.Name = kinds[u.Type], u.Name
		c.Path, c.VarFlags, c.OpsFlags = u.Args.Config, u.VarFlags, u.OpsFlags
	case "create-env":
		u := &o.CreateEnv
		c.Kind, c.Environment = CreateEnv, ""
		c.Path, c.VarFlags, c.OpsFlags = u.Args.Manifest, u.VarFlags, u.OpsFlags
	default:
		return nil
	}
	return c
}

// words are the names and short names of the commands that may change addresses.
func words() []string {
	guarded := []string{"deploy", "update-cloud-config", "update-runtime-config", "update-config", "create-env"}
	words := slices.Clone(guarded)
	for _, command := range flags.NewParser(&BoshOptions{}, flags.None).Commands() {
		if slices.Contains(guarded, command.Name) {
			words = append(words, command.Aliases...)
		}
	}
	return words
}

// judgeError decides about a command line that go-flags refuses. Help, and what
// every version of bosh refuses, bosh shall say itself. All else may be an option
// that a newer bosh has.
func judgeError(command string, args []string, err error) error {
	var refused *flags.Error
	if !errors.As(err, &refused) {
		refused = &flags.Error{Type: flags.ErrUnknown, Message: err.Error()}
	}
	switch refused.Type {
	case flags.ErrHelp, flags.ErrRequired, flags.ErrCommandRequired, flags.ErrUnknownCommand:
		return nil
	}
	guarded := words()
	switch {
	case command != "" && !slices.Contains(guarded, command):
		return nil
	case command == "" && !slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(guarded, arg) }):
		return nil
	}
	message, _, _ := strings.Cut(refused.Message, "\n")
	message, _, _ = strings.Cut(message, ", but got ") // an argument, which may be a secret
	return &ParseError{
		Message: "it cannot be told what this command line of bosh does: " + message,
		Hint:    "bosh itself would refuse it as well, unless it is newer than this ipguard",
	}
}
