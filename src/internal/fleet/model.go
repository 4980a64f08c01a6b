// Package fleet reads the fleet file ipguard.yml, which tells where the files
// of all directors are and what nobody could know from them.
//
//	ipguard.yml ──Load──▶ File ──Resolve──▶ Resolved: existing paths and their inputs
//	                        └──SegmentsOf──▶ the segment that the file gives a subnet, or may give it
//
// The form of the file is the types of model.go and nothing else: Load decodes
// strictly into them (decode.go), Schema makes the JSON Schema for editors out of
// them (schema.go), with their comments as descriptions. A new key is a new field.
//
// Load does not stop at the first mistake: it returns all of them, with places,
// and what could be understood. Find looks for the file, Init proposes a first
// one from what lies below a folder.
package fleet

import (
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// FileName is the name under which the fleet file is looked for.
const FileName = "ipguard.yml"

// The types below are the form of the file. Field tags have a second reader
// each: yaml names the key, and a key without omitempty is required;
// jsonschema:"minItems=1" forbids an empty list; fleet:"shorthand" marks the key
// whose value may stand alone, in place of the whole mapping. A mapping that
// has no key at all is refused everywhere.

// File is the fleet file of ipguard: the directors of a fleet, where their
// files are, and which of their networks are one broadcast domain. Paths are
// relative to the file's folder.
type File struct {
	// Path is the file's own path, as it is shown to the user.
	Path string `yaml:"-"`

	// The server (ipguard-server) that knows what all teams have: all other directors,
	// what the directors here have beside what files say of them here, and the segments,
	// pools and bookings that everybody shares, come from there.
	Server Server `yaml:"server,omitempty"`
	// All directors, also those whose files are elsewhere: an address can only
	// be known to be taken if its owner is known. The list may be empty where there
	// are pools: a server learns of directors from those who push them. With server: it
	// may be left out, by who has no director.
	Directors []Director `yaml:"directors,omitempty"`
	// What ipguard init saw and could not name, one sentence each. As long as a line is
	// here, the picture is incomplete, and lint says so with exit code 3.
	LeftOut []Text `yaml:"left_out,omitempty"`
	// Segments (broadcast domains) that cannot be told from cloud_properties.
	// What is named by none of them and cannot be decided counts as the same.
	Segments []Segment `yaml:"segments,omitempty"`
	// Addresses that are held by somebody outside of all directors: load
	// balancers, NAT boxes, DHCP ranges, machines that were made by hand. With server: they
	// are told to all teams with each director of this file that is pushed.
	External []External `yaml:"external,omitempty"`
	// Which job properties hold virtual addresses, beside the usual names. With server: those
	// of this file are of its own directors; what others have, too, belongs into the server's.
	VIPProperties VIPProperties `yaml:"vip_properties,omitempty"`
	// Addresses that anybody of a team may take without asking. ipguard free
	// proposes no others as soon as there is one such pool.
	Pools []Pool `yaml:"pools,omitempty"`
	// Who belongs to the teams of pools. Anybody may book for a team that is none of
	// these.
	Teams []Team `yaml:"teams,omitempty"`
	// Findings that are accepted for a while. The only way to accept one address
	// in use by two owners.
	Allow []Allowance `yaml:"allow,omitempty"`
	// How bad the findings of some rules are for this fleet.
	Severities []RuleSeverity `yaml:"severities,omitempty"`
	// What ipguard bosh may do beside refusing.
	Gate Gate `yaml:"gate,omitempty"`
}

// Server is an ipguard-server. Who asks it is told by ipguard login, or by the
// environment variables IPGUARD_TOKEN and, with this URL, IPGUARD_SERVER.
type Server struct {
	At place.Place `yaml:"-"`

	// Its URL, such as https://ipguard.example.com.
	URL Text `yaml:"url" fleet:"shorthand"`
	// Path of the certificate that signed the server's; without it, those that the
	// machine trusts.
	CACert Text `yaml:"ca_cert,omitempty"`
	// How old what it said last may be where it does not answer, such as 90m, 24h or
	// 7d; 24h if it is not given.
	MaxAge Duration `yaml:"max_age,omitempty"`
}

// Director is a BOSH director, or an environment of its own that was made by
// create-env alone.
type Director struct {
	At place.Place `yaml:"-"`
	// Server is the URL at which a server tells its snapshot; empty: the file names it.
	Server string `yaml:"-"`
	// Damaged says that the server lost what was pushed of it.
	Damaged bool `yaml:"-"`
	// Pushed is what a server was told of a director of this name, where the file names
	// it, too; nil: nothing.
	Pushed *SnapshotFile `yaml:"-"`

	// The name by which findings call the director; no two have the same.
	Name Text `yaml:"name"`
	// The director's version, as bosh env prints it; the newest if it is not given.
	Version Version `yaml:"director_version,omitempty"`
	// The name of the director's CPI, such as vsphere_cpi: it tells the cloud where
	// cloud_properties do not. A snapshot knows it, and a VM in create_env that
	// runs the director.
	CPI Text `yaml:"cpi,omitempty"`
	// The addresses of the machine that the director runs on. It never hands
	// them out. Those of a VM in create_env that runs the director are known.
	Addresses []Address `yaml:"director_ips,omitempty"`
	// Whether the director takes subnets without a gateway (director.ignore_missing_gateway).
	IgnoreMissingGateway bool `yaml:"ignore_missing_gateway,omitempty"`
	// Whether the director makes networks itself (director.networks.enable_cpi_management).
	ManagedNetworks bool `yaml:"managed_networks,omitempty"`
	// Whether the director has no config server (CredHub) to ask for the values of variables.
	NoConfigServer bool `yaml:"no_config_server,omitempty"`
	// The director's cloud-configs: paths or globs, or mappings where ops files
	// or variables belong to them.
	CloudConfigs []Config `yaml:"cloud_configs,omitempty"`
	// The director's runtime configs, whose addons may have virtual addresses: paths
	// or globs, or mappings where ops files or variables belong to them.
	RuntimeConfigs []Config `yaml:"runtime_configs,omitempty"`
	// The deployments' manifests: paths or globs, or mappings where ops files or
	// variables belong to them.
	Deployments []Manifest `yaml:"deployments,omitempty"`
	// Manifests of bosh create-env or bosh-init: the director's own VM, jumpboxes.
	CreateEnv []Manifest `yaml:"create_env,omitempty"`
	// Where the director answers and how to log in: a URL or an alias of bosh
	// alias-env, or a mapping. ipguard collect asks it; ipguard bosh knows by its
	// URL and proxy which director a command is for, but not by an alias, which
	// means something else to everybody.
	Environment Environment `yaml:"environment,omitempty"`
	// File that ipguard collect writes: what the director said about itself. Where
	// cloud_configs or deployments have the same thing, they count.
	Snapshot Text `yaml:"snapshot,omitempty"`
	// How old the snapshot may be, such as 90m, 24h or 7d. Without it, any age
	// will do.
	MaxAge Duration `yaml:"max_age,omitempty"`
}

// Environment is where a director answers and how to log in. What is not given
// here comes from the environment variables of bosh (BOSH_CA_CERT, BOSH_CLIENT,
// BOSH_CLIENT_SECRET, BOSH_ALL_PROXY), else from bosh's configuration file.
type Environment struct {
	At place.Place `yaml:"-"`

	// An alias of bosh alias-env, or the director's address or URL. An address in it
	// that lies in the director's networks is in use, whoever has it.
	Target Text `yaml:"target" fleet:"shorthand"`
	// Path of the certificate that signed the director's and the UAA's, or its text.
	CACert Text `yaml:"ca_cert,omitempty"`
	// UAA client, or user where the director has its own. bosh.read is enough;
	// orphaned VMs are shown to bosh.admin alone.
	Client Text `yaml:"client,omitempty"`
	// Name of the environment variable that holds the client's secret. The secret
	// itself never stands in this file.
	ClientSecretEnv VariableName `yaml:"client_secret_env,omitempty"`
	// Proxy on the way to the director, as in BOSH_ALL_PROXY: socks5://HOST:PORT
	// or ssh+socks5://USER@HOST:PORT?private-key=PATH. Its host and port tell
	// directors apart that have the same address.
	Proxy Text `yaml:"proxy,omitempty"`
}

// Gate is what ipguard bosh may do beside refusing.
type Gate struct {
	At place.Place `yaml:"-"`

	// File to which --ipguard-override REASON appends who ran what, when and why.
	// Without it, nothing can be overridden.
	OverrideLog Text `yaml:"override_log"`
}

// Config is a cloud-config, with what bosh update-config would get beside it.
type Config struct {
	At place.Place `yaml:"-"`

	// Path or glob of the cloud-config.
	Config Text `yaml:"config" fleet:"shorthand"`
	Inputs
}

// Manifest is a deployment's manifest, with what bosh deploy would get beside it.
type Manifest struct {
	At place.Place `yaml:"-"`

	// Path or glob of the manifest.
	Manifest Text `yaml:"manifest" fleet:"shorthand"`
	// The deployment's name, where the manifest does not tell it. It also tells
	// two deployments of one manifest apart.
	Name Text `yaml:"name,omitempty"`
	Inputs
}

// Inputs are ops and variables, as on the command line of bosh.
type Inputs struct {
	// Ops files, in this order (-o): paths or globs, those of a glob in the order of
	// their names.
	OpsFiles []Text `yaml:"ops_files,omitempty"`
	// Files of variables; later ones win (-l): paths or globs. In a git repository, names from
	// files that git does not track are not shown, as all that comes from var_files, vars_env and
	// vars_store. Names from -l of the command line are.
	VarsFiles []Text `yaml:"vars_files,omitempty"`
	// Variables and their values (-v).
	Vars map[string]source.Value `yaml:"vars,omitempty"`
	// Variables whose value is the text of a file (--var-file).
	VarFiles map[string]Text `yaml:"var_files,omitempty"`
	// Prefixes of environment variables: PREFIX_name gives the variable name
	// (--vars-env). None of variables that log in, such as BOSH_CLIENT_SECRET.
	VarsEnv []Text `yaml:"vars_env,omitempty"`
	// File of generated values (--vars-store); it is only read.
	VarsStore Text `yaml:"vars_store,omitempty"`
}

// Segment is a broadcast domain: everything that matches one of its subnets is
// in it, and isolated from every other segment that is named here.
type Segment struct {
	At place.Place `yaml:"-"`

	// The name by which findings call the segment; no two have the same.
	Name Text `yaml:"name"`
	// What lies in the segment.
	Subnets []Match `yaml:"subnets" jsonschema:"minItems=1"`
}

// Match describes subnets. A subnet matches if everything that is given here is
// true of it; what is not given may be anything.
type Match struct {
	At place.Place `yaml:"-"`

	// A director's name.
	Director Text `yaml:"director,omitempty"`
	// A network's name.
	Network Text `yaml:"network,omitempty"`
	// The deployment whose manifest defines the network: a v1 or a create-env
	// manifest. Networks of cloud-configs belong to no deployment. Of two entries
	// that match, the one that names the deployment counts.
	Deployment Text `yaml:"deployment,omitempty"`
	// A CIDR; the subnet's range is it or a part of it.
	Range Prefix `yaml:"range,omitempty"`
	// Values of the subnet's cloud_properties; it may have others beside them.
	CloudProperties Properties `yaml:"cloud_properties,omitempty"`
}

// External is a group of addresses that no director knows of.
type External struct {
	At place.Place `yaml:"-"`

	// Who holds the addresses: a team, a machine, a purpose.
	Owner Text `yaml:"owner"`
	// Addresses, CIDRs or ranges (first - last).
	Addresses []Range `yaml:"addresses" jsonschema:"minItems=1"`
	// The segment that the addresses are in, one of segments, or of the server's. If it is
	// not given they may be in any.
	Segment Text `yaml:"segment,omitempty"`
}

// Pool is a range of addresses that was handed to a team: they are free to use
// as far as nobody does.
type Pool struct {
	At place.Place `yaml:"-"`

	// The stable name of the pool: that of its folder of bookings. Without it, the team
	// and the purpose (TEAM, TEAM/PURPOSE) are the name.
	Name Text `yaml:"name,omitempty"`
	// The team that may take the addresses.
	Team Text `yaml:"team"`
	// Other teams that may take them, too.
	Teams []Text `yaml:"teams,omitempty"`
	// What the addresses are for, such as directors or virtual addresses.
	Purpose Text `yaml:"purpose,omitempty"`
	// Addresses, CIDRs or ranges (first - last).
	Addresses []Range `yaml:"addresses" jsonschema:"minItems=1"`
	// Addresses among them that nobody may take.
	Except []Range `yaml:"except,omitempty"`
	// The segment that the addresses are in, one of segments. If it is not
	// given they may be in any.
	Segment Text `yaml:"segment,omitempty"`
	// How many addresses one team may have booked at a time. More has to be agreed to
	// by whoever merges it (ipguard book --beyond-quota --branch NAME).
	Quota Count `yaml:"quota,omitempty"`
	// How long a booking lasts that says nothing else, such as 24h or 30d; 14d if it is
	// not given. What its owner uses does not end.
	Until Duration `yaml:"until,omitempty"`
	// How long an address rests after its release, before others get it; 7d if it is
	// not given.
	Quarantine Duration `yaml:"quarantine,omitempty"`
	// Whether addresses have to be booked: required, that every static address of the
	// pool is; on-deploy, that besides ipguard bosh books what a deploy needs and
	// nobody has.
	Book BookMode `yaml:"book,omitempty"`
	// Which free address is given: lowest (the default), or spread, by the owner's name
	// all over the pool, so that people who book at once seldom get in each other's way.
	Strategy Strategy `yaml:"strategy,omitempty"`
	// The length of the blocks that are given in place of single addresses, such as 28
	// for networks with a prefix.
	Block Count `yaml:"block,omitempty"`
}

// Team is who books for a team: by the e-mail address that git writes into their
// commits.
type Team struct {
	At place.Place `yaml:"-"`

	// The team, as pools name it.
	Name Text `yaml:"name"`
	// E-mail addresses; * stands for any part of one, as in *@dba.example.com.
	Members []Text `yaml:"members" jsonschema:"minItems=1"`
}

// Allowance accepts the findings of one rule about some addresses, as long as
// nobody else than its owners has part in them.
type Allowance struct {
	At place.Place `yaml:"-"`

	// The rule's id; ipguard rules lists them.
	Rule Text `yaml:"rule"`
	// Addresses, CIDRs or ranges (first - last). A finding is accepted if all of
	// its addresses are among them.
	Addresses []Range `yaml:"addresses" jsonschema:"minItems=1"`
	// Everybody who has part in the finding: DIRECTOR, DIRECTOR/DEPLOYMENT, or
	// the owner of external addresses.
	Owners []Text `yaml:"owners" jsonschema:"minItems=1"`
	// Why it is accepted.
	Reason Text `yaml:"reason"`
	// The last day on which it is accepted, such as 2027-01-31, by UTC.
	Until Date `yaml:"until"`
}

// RuleSeverity gives the findings of one rule another severity. What a director refuses
// by itself, and idle-segment, unlisted-file, booking-ends and booking-unused may get
// any. All other rules guard between owners, or say what could not be seen; nobody else
// does, so that they can be raised and not lowered: address-claimed-twice,
// vip-claimed-twice, static-ip-twice, gateway-in-use, static-in-foreign-pool,
// create-env-in-foreign-pool, vip-in-pool, gateway-in-pool, dns-in-pool,
// external-in-pool, overlapping-pools, same-router-id, kept-by-cloud, booked-by-other,
// unbooked-static, bookings-overlap, released-in-use, hidden-address, stale-snapshot and
// partial-snapshot. Rules about exceptions keep theirs.
type RuleSeverity struct {
	At place.Place `yaml:"-"`

	// The rule's id; ipguard rules lists them.
	Rule Text `yaml:"rule"`
	// What all findings of the rule are: error, warning or info. Of a rule that guards,
	// those that are worse already stay as they are.
	Severity SeverityName `yaml:"severity"`
}

// SeverityName is error, warning or info.
type SeverityName struct{ Text }

// VIPProperties are patterns [JOB/]NAME[.NAME…] of job properties. A pattern
// matches the end of a property's path, and * any characters of a name. The usual names
// stand at the end of the reference.
type VIPProperties struct {
	// Properties that hold a virtual address, beside the usual names.
	Add []Pattern `yaml:"add,omitempty"`
	// Properties that hold none though their name says so.
	Ignore []Pattern `yaml:"ignore,omitempty"`
}

// Text is a string and its place; nowhere if the file does not give it.
type Text struct {
	Value string
	At    place.Place
}

func (t Text) String() string { return t.Value }

// VariableName is the name of an environment variable: letters, digits and _, no digit
// first (POSIX.1-2017, Base Definitions, 3.235).
type VariableName struct{ Text }

// Version is a director's version.
type Version struct{ Text }

// Count is a whole number above 0; 0 if the file gives none.
type Count struct {
	Number int
	At     place.Place
}

// BookMode says whether addresses of a pool have to be booked: required or on-deploy;
// empty if the file does not say.
type BookMode struct{ Text }

// The modes.
const (
	BookRequired = "required"
	BookOnDeploy = "on-deploy"
)

// Strategy is how addresses of a pool are chosen: lowest or spread; empty if the
// file does not say.
type Strategy struct{ Text }

// The strategies.
const (
	StrategyLowest = "lowest"
	StrategySpread = "spread"
)

// Date is a day of the Gregorian calendar, in no time zone.
type Date struct {
	// Day is midnight UTC of that day; the zero time if the file gives none.
	Day time.Time
	At  place.Place
}

// Duration is a length of time; 0 if the file gives none.
type Duration struct {
	Length time.Duration
	At     place.Place
}

// Address is one IP address and its place.
type Address struct{ bosh.Block }

// Range is an address, a CIDR or a range, and its place.
type Range struct{ bosh.Block }

// Prefix is a CIDR without host bits and its place.
type Prefix struct {
	Prefix netip.Prefix
	At     place.Place
}

// Pattern is a pattern of job properties and its place.
type Pattern struct {
	Pattern bosh.Pattern
	At      place.Place
}

// Properties are scalars by their dotted path, as text, and where they stand.
type Properties struct {
	Scalars map[string]string
	At      place.Place
}
