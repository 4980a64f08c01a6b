package cli

import (
	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// lintFlags is the command line of lint. The flags that bosh has too have
// bosh's names and mean the same.
type lintFlags struct {
	fleet        fleetFlags
	inputs       inputFlags
	output       outputFlags
	director     string
	deployment   string
	createEnv    bool
	cloudConfigs []string
	strict       bool
	version      string
}

func newLintCommand(streams Streams) *cobra.Command {
	var flags lintFlags
	cmd := &cobra.Command{
		Use:   "lint [MANIFEST...]",
		Short: "refuse manifests and cloud-configs whose addresses belong to another director",
		Long: `lint reads the fleet file (ipguard.yml) and every manifest and cloud-config that
it names, and reports which addresses two directors claim, with file, line and
column of both sides.

Without arguments it judges the whole fleet. With a manifest it judges that
manifest as the deploy that it would be: in place of the fleet's entry for the
same path, or the same director and deployment name. A cloud-config is judged
the same way, as the update that it would be. The flags -v, -l, -o, --var-file,
--vars-env and --vars-store mean what they mean to bosh deploy, and stand in
place of what the fleet file says for that manifest.`,
		Example: `  ipguard lint                                   the whole fleet
  ipguard lint promo/pgpool.yml                  one deploy, against all others
  ipguard lint dr-west/director.yml -l vars.yml -o move.yml
  ipguard lint --director promo cloud-config.yml the update of a cloud-config
  ipguard lint --no-fleet -c cloud-config.yml manifest.yml
  ipguard lint --format json > findings.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLint(&flags, args, cmd.Flags().Changed, streams)
		},
	}
	flags.fleet.add(cmd)
	flags.inputs.add(cmd)
	flags.output.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.output.addresses, "show-addresses", false, "tell the addresses that the judged deploys would take")
	f.StringVar(&flags.director, "director", "", "director of manifests that the fleet file does not name")
	f.StringVarP(&flags.deployment, "deployment", "d", "", "deployment name that the manifest must have, as for bosh deploy")
	f.BoolVar(&flags.createEnv, "create-env", false, "the manifests are for bosh create-env")
	f.StringArrayVarP(&flags.cloudConfigs, "cloud-config", "c", nil, "cloud-config of the director, in place of those of the fleet file; may be repeated")
	f.BoolVar(&flags.strict, "strict", false, "an address that hides behind an unresolved variable is an error")
	f.StringVar(&flags.version, "director-version", "", "version of the director, e.g. 282.1.4 (default: the fleet file's, else the newest)")
	return cmd
}

// predicted are the addresses that the judged deploys would take.
func predicted(read *survey.Survey, targetsOnly bool) []lint.Address {
	var list []lint.Address
	for _, p := range read.Predicted {
		if targetsOnly && !p.Target {
			continue
		}
		for _, a := range p.Addresses {
			list = append(list, lint.Address{
				Director: p.Director, Deployment: p.Deployment,
				Network: a.Network, InstanceGroup: a.InstanceGroup, Index: a.Index, AZ: a.AZ, IP: a.IP, Kind: string(a.Kind),
			})
		}
	}
	return list
}

func runLint(flags *lintFlags, args []string, changed func(string) bool, streams Streams) error {
	outputs, err := flags.output.parse()
	if err != nil {
		return err
	}
	files := source.NewFiles(streams.Stdin)
	request, err := newRequest(flags, args, changed, files, streams)
	if err != nil {
		return err
	}
	read := survey.Read(request.fleet, request.loader)
	findings := lint.Run(read.Facts, lint.Rules())
	lint.HideValues(findings, files.Line)
	result := lint.NewResult(findings, append(request.failures, read.Failures...), read.Summary)
	if flags.output.addresses {
		result.Addresses = predicted(read, len(args) > 0)
	}
	return outputs.write(result, files, streams)
}
