package bosh

// The rules that the readers and Check report under. Each is one lint rule of
// the family "director"; the class of a Problem says which of the director's
// errors it is.
const (
	// RuleInvalidYAML: YAML that the director's parser refuses, or no map at the top.
	RuleInvalidYAML = "invalid-yaml"
	// RuleCloudConfigMerge: cloud-configs of several names that do not go together.
	RuleCloudConfigMerge = "cloud-config-merge"
	// RuleMissingKey: a required key is absent.
	RuleMissingKey = "missing-key"
	// RuleWrongType: a key holds a value of another type than the director takes.
	RuleWrongType = "wrong-type"
	// RuleInvalidValue: a key holds a value of the right type that is not allowed.
	RuleInvalidValue = "invalid-value"
	// RuleInvalidName: a name that cannot be made a DNS name.
	RuleInvalidName = "invalid-name"
	// RuleDuplicateName: two networks, azs, groups or deployments with one name.
	RuleDuplicateName = "duplicate-name"
	// RuleNetworkType: a network's type is unknown.
	RuleNetworkType = "network-type"
	// RuleNetworkProperty: keys that exclude each other or do not belong to the network's type.
	RuleNetworkProperty = "network-property"
	// RuleInvalidRange: a subnet's range is no CIDR block of two addresses or more.
	RuleInvalidRange = "invalid-range"
	// RuleInvalidGateway: a gateway that is no single usable address of its range.
	RuleInvalidGateway = "invalid-gateway"
	// RuleInvalidIPFormat: an entry of reserved, static or static_ips is no address, block or range.
	RuleInvalidIPFormat = "invalid-ip-format"
	// RuleReservedOutOfRange: reserved addresses outside their subnet.
	RuleReservedOutOfRange = "reserved-out-of-range"
	// RuleStaticPoolOutOfRange: static addresses of a subnet that are reserved or outside it.
	RuleStaticPoolOutOfRange = "static-pool-out-of-range"
	// RuleInvalidDNS: a dns entry that is no single address.
	RuleInvalidDNS = "invalid-dns"
	// RulePrefix: prefix delegation that cannot work.
	RulePrefix = "prefix"
	// RuleAvailabilityZone: azs that are unknown or do not fit each other.
	RuleAvailabilityZone = "availability-zone"
	// RuleOverlappingSubnets: subnets of one network overlap.
	RuleOverlappingSubnets = "overlapping-subnets"
	// RuleOverlappingNetworks: two networks of one director overlap.
	RuleOverlappingNetworks = "overlapping-networks"
	// RuleCompilation: compilation names an unknown network or az, or lacks addresses.
	RuleCompilation = "compilation"
	// RuleDeprecatedManifest: keys of manifests before 2019.
	RuleDeprecatedManifest = "deprecated-manifest"
	// RuleUnknownNetwork: a group uses a network that nobody defines.
	RuleUnknownNetwork = "unknown-network"
	// RuleNetworkDefaults: default names no, several or unknown properties.
	RuleNetworkDefaults = "network-defaults"
	// RuleInstanceCount: static_ips and instances differ in number.
	RuleInstanceCount = "instance-count"
	// RuleStaticIPTwice: an address is asked for more than once.
	RuleStaticIPTwice = "static-ip-twice"
	// RuleStaticIPOutsidePool: an address that no subnet lists as static.
	RuleStaticIPOutsidePool = "static-ip-outside-pool"
	// RuleStaticIPReserved: an address that its own subnet reserves.
	RuleStaticIPReserved = "static-ip-reserved"
	// RuleStaticIPPlacement: static addresses that cannot be spread over the azs.
	RuleStaticIPPlacement = "static-ip-placement"
	// RuleNotEnoughAddresses: fewer free addresses than instances.
	RuleNotEnoughAddresses = "not-enough-addresses"
	// RuleDynamicNetwork: a dynamic network used in a way that it cannot serve.
	RuleDynamicNetwork = "dynamic-network"
	// RuleVIPNetwork: a vip network used in a way that it cannot serve.
	RuleVIPNetwork = "vip-network"
	// RuleMigratedFrom: migrated_from that contradicts the rest of the manifest.
	RuleMigratedFrom = "migrated-from"
	// RuleMovedInstances: instances that get other addresses, or are made anew.
	RuleMovedInstances = "moved-instances"
	// RuleNICGroup: networks of one nic_group that do not go together.
	RuleNICGroup = "nic-group"
	// RuleVariable: a variable that nobody will resolve.
	RuleVariable = "unresolved-variable"
	// RuleIgnoredKey: a key that the director passes over in silence.
	RuleIgnoredKey = "ignored-key"
	// RuleReversedRange: a range whose first address is behind its last.
	RuleReversedRange = "reversed-range"
	// RuleOpenRange: a range without its second address.
	RuleOpenRange = "open-range"
	// RuleReservedTooWide: a reserved block that reaches beyond its range.
	RuleReservedTooWide = "reserved-too-wide"
	// RuleUnusableStatic: static addresses that nobody can ever get.
	RuleUnusableStatic = "unusable-static"
	// RuleUnusedStaticPool: a static list that no group uses.
	RuleUnusedStaticPool = "unused-static-pool"
	// RuleLeakyReserved: the director's version may hand out reserved addresses.
	RuleLeakyReserved = "leaky-reserved"
	// RuleCreateEnv: what the CLI refuses in a create-env manifest.
	RuleCreateEnv = "create-env"
	// RuleCreateEnvAddress: a create-env VM that sits on its gateway, network or broadcast address.
	RuleCreateEnvAddress = "create-env-address"
)
