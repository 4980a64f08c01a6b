// Package reach puts together how the fleet file and bosh's configuration say that a
// director is reached.
package reach

import (
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/fleet"
)

// Of is how to reach a director of a fleet file. env returns the value of an environment
// variable, empty if it is not set. What lacks as whom to log in is an
// *environment.CredentialsError.
func Of(file *fleet.File, d *fleet.Director, config *environment.Config, env func(name string) string) (environment.Access, error) {
	e := d.Environment
	wanted := environment.Wanted{Target: e.Target.Value, Client: e.Client.Value, SecretVariable: e.ClientSecretEnv.Value}
	var err error
	switch {
	case environment.IsCertificate(e.CACert.Value):
		wanted.CACert = e.CACert.Value
	case e.CACert.Value != "":
		if wanted.CACert, err = file.PathOf(e.CACert); err != nil {
			return environment.Access{}, err
		}
	}
	wanted.Proxy, err = environment.ResolveKey(e.Proxy.Value, func(path string) (string, error) {
		return file.PathOf(fleet.Text{Value: path})
	})
	if err != nil {
		return environment.Access{}, err
	}
	return config.Access(wanted, env)
}
