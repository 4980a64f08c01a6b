package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// addFleetFlag adds --fleet to a command about a whole fleet, which looks for the file
// from the working directory upward.
func addFleetFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "fleet", "", "fleet file (default: $IPGUARD_FLEET, else ipguard.yml, from here upward to the git root)")
}

func addColorFlag(cmd *cobra.Command, when *string) {
	cmd.Flags().StringVar(when, "color", "auto", "colour: auto (on a terminal, unless NO_COLOR is set), always or never")
}

func addFailOnFlag(cmd *cobra.Command, severity *string) {
	cmd.Flags().StringVar(severity, "fail-on", "error", "lowest severity that ends the run with exit code 1: error, warning or info")
}

// fleetFlags say where the fleet file is.
type fleetFlags struct {
	path string
	none bool
}

func (f *fleetFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "fleet", "", "fleet file (default: $IPGUARD_FLEET, else ipguard.yml, from the manifest's folder upward to the git root)")
	cmd.Flags().BoolVar(&f.none, "no-fleet", false, "judge the manifest with its -c cloud-configs alone")
}

// inputFlags are what bosh deploy takes to change a manifest.
type inputFlags struct {
	vars, varFiles, varsFiles, varsEnv, opsFiles []string
	varsStore                                    string
}

func (f *inputFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.vars, "var", "v", nil, "set a variable: NAME=VALUE, the value read as YAML; may be repeated")
	flags.StringArrayVar(&f.varFiles, "var-file", nil, "set a variable to a file's text: NAME=PATH; may be repeated")
	flags.StringArrayVarP(&f.varsFiles, "vars-file", "l", nil, "load variables from a YAML file; may be repeated")
	flags.StringArrayVar(&f.varsEnv, "vars-env", nil, "load variables from the environment: PREFIX, for PREFIX_name=value; may be repeated")
	flags.StringVar(&f.varsStore, "vars-store", "", "load generated variables from a YAML file; never written")
	flags.StringArrayVarP(&f.opsFiles, "ops-file", "o", nil, "change the manifest by an ops file; may be repeated")
}

// inputs are the flags as the engine takes them.
func (f *inputFlags) inputs() (interpolate.Inputs, error) {
	vars, err := pairs("-v", f.vars)
	if err != nil {
		return interpolate.Inputs{}, err
	}
	varFiles, err := pairs("--var-file", f.varFiles)
	if err != nil {
		return interpolate.Inputs{}, err
	}
	return interpolate.Inputs{
		OpsFiles: f.opsFiles, VarsEnv: f.varsEnv, VarsFiles: f.varsFiles,
		VarFiles: varFiles, Vars: vars, VarsStore: f.varsStore,
	}, nil
}

// missing says which of the files that the flags name cannot be read, by its flag; nil
// if all can be. A vars store may be missing: for bosh it is then empty.
func (f *inputFlags) missing(files *source.Files) *trouble.Trouble {
	var named []interpolate.KV // flag and path
	for _, path := range f.varsFiles {
		named = append(named, interpolate.KV{Name: "-l ", Value: path})
	}
	for _, path := range f.opsFiles {
		named = append(named, interpolate.KV{Name: "-o ", Value: path})
	}
	for _, text := range f.varFiles {
		name, path, _ := strings.Cut(text, "=")
		named = append(named, interpolate.KV{Name: "--var-file " + name + "=", Value: path})
	}
	for _, n := range named {
		if _, err := files.Read(n.Value); err != nil {
			return &trouble.Trouble{Message: n.Name + err.Error(), Hint: "paths of flags are relative to the working directory"}
		}
	}
	return nil
}

// pairs splits NAME=VALUE at the first equals sign, as bosh does.
func pairs(flag string, texts []string) ([]interpolate.KV, error) {
	var list []interpolate.KV
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		// What is not understood may be a value.
		switch {
		case !ok:
			return nil, usage("write "+flag+" NAME=VALUE", "%s takes NAME=VALUE, and got a text without an equals sign", flag)
		case name == "":
			return nil, usage("write "+flag+" NAME=VALUE", "%s takes NAME=VALUE, and got no name", flag)
		case strings.Trim(value, "=") == "": // base64 ends so: it may be a value without a name
			return nil, usage("write "+flag+" NAME=VALUE", "%s takes NAME=VALUE, and got no value", flag)
		}
		list = append(list, interpolate.KV{Name: name, Value: value})
	}
	return list, nil
}
