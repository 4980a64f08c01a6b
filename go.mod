module github.com/ipguard/ipguard

go 1.26.8

require (
	github.com/cloudfoundry/bosh-cli/v7 v7.9.12
	github.com/cloudfoundry/bosh-utils v0.0.555
	github.com/cppforlife/go-patch v0.2.0
	github.com/google/go-cmp v0.7.0
	github.com/invopop/jsonschema v0.14.0
	github.com/joshdk/go-junit v1.0.0
	github.com/mattn/go-isatty v0.0.20
	github.com/mattn/go-runewidth v0.0.19
	github.com/rogpeppe/go-internal v1.16.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/spf13/cobra v1.10.2
	go4.org/netipx v0.0.0-20231129151722-fdeea329fbba
	gopkg.in/yaml.v3 v3.0.1
)

require (
	github.com/bmatcuk/doublestar/v4 v4.10.4 // indirect
	github.com/clipperhouse/uax29/v2 v2.2.0 // indirect
	golang.org/x/tools v0.36.0 // indirect
)
