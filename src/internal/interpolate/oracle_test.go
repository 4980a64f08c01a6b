package interpolate

import (
	"fmt"
	"os"

	boshopts "github.com/cloudfoundry/bosh-cli/v7/cmd/opts"
	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
)

// boshResult is what the bosh CLI makes of the same files, by its own flag
// parsers and its own order of variables: the oracle of these tests.
func boshResult(path string, in Inputs, environ []string, opts boshtpl.EvaluateOpts) (output []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			output, err = nil, fmt.Errorf("the engine panics: %v", cause)
		}
	}()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ops boshopts.OpsFlags
	for _, file := range in.OpsFiles {
		var arg boshopts.OpsFileArg
		if err := arg.UnmarshalFlag(file); err != nil {
			return nil, err
		}
		ops.OpsFiles = append(ops.OpsFiles, arg)
	}
	vars, err := boshVariables(in, environ)
	if err != nil {
		return nil, err
	}
	return boshtpl.NewTemplate(text).Evaluate(vars.AsVariables(), ops.AsOp(), opts)
}

func boshVariables(in Inputs, environ []string) (*boshopts.VarFlags, error) {
	var flags boshopts.VarFlags
	for _, prefix := range in.VarsEnv {
		arg := boshtpl.VarsEnvArg{EnvironFunc: func() []string { return environ }}
		if err := arg.UnmarshalFlag(prefix); err != nil {
			return nil, err
		}
		flags.VarsEnvs = append(flags.VarsEnvs, arg)
	}
	for _, file := range in.VarsFiles {
		var arg boshtpl.VarsFileArg
		if err := arg.UnmarshalFlag(file); err != nil {
			return nil, err
		}
		flags.VarsFiles = append(flags.VarsFiles, arg)
	}
	for _, kv := range in.VarFiles {
		var arg boshtpl.VarFileArg
		if err := arg.UnmarshalFlag(kv.Name + "=" + kv.Value); err != nil {
			return nil, err
		}
		flags.VarFiles = append(flags.VarFiles, arg)
	}
	for _, kv := range in.Vars {
		var arg boshtpl.VarKV
		if err := arg.UnmarshalFlag(kv.Name + "=" + kv.Value); err != nil {
			return nil, err
		}
		flags.VarKVs = append(flags.VarKVs, arg)
	}
	if in.VarsStore != "" {
		if err := flags.VarsFSStore.UnmarshalFlag(in.VarsStore); err != nil {
			return nil, err
		}
	}
	return &flags, nil
}
