package bosh

import (
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// ReadCloudConfigs reads all cloud-configs of one director as it merges and
// parses them (cloud_config/cloud_configs_consolidator.rb,
// deployment_plan/cloud_manifest_parser.rb). Nothing that could be read is left
// out of the result because something else is wrong.
func ReadCloudConfigs(docs []source.Value, opts Options) (*CloudConfig, []Problem, []Unresolved) {
	r := &cloudConfigReader{report: report{opts: opts}, cc: &CloudConfig{}}
	merged := r.merge(docs)
	r.at = order{stage: stageCloudConfig}
	if merged.at.IsValid() {
		r.readMerged(merged)
	}
	return r.cc, r.problems, r.unresolved
}

type cloudConfigReader struct {
	report
	cc *CloudConfig
	// v1 says that the networks stand in a manifest: nothing else is there.
	v1 bool
}

// mergedConfig is what the director makes of several cloud-configs before it
// parses: the lists one behind the other, everything else dropped.
type mergedConfig struct {
	at           place.Place // of the first config; invalid if there is none
	azs          []source.Value
	networks     []source.Value
	networksAt   place.Place
	vmTypes      []source.Value
	vmExtensions []source.Value
	diskTypes    []source.Value
	compilation  source.Value
	hidden       bool // a whole list hides behind a variable
}

func (r *cloudConfigReader) merge(docs []source.Value) (m mergedConfig) {
	for _, doc := range docs {
		r.at = order{stage: stageUploadCloudConfig}
		if !r.upload(doc, "BadConfig", "a cloud-config") {
			continue
		}
		r.at = order{stage: stageMerge}
		if !m.at.IsValid() {
			m.at, m.networksAt = doc.Place(), doc.Place()
		}
		m.azs = append(m.azs, r.mergeList(&m, doc, "azs")...)
		m.vmTypes = append(m.vmTypes, r.mergeList(&m, doc, "vm_types")...)
		m.diskTypes = append(m.diskTypes, r.mergeList(&m, doc, "disk_types")...)
		m.networks = append(m.networks, r.mergeList(&m, doc, "networks")...)
		m.vmExtensions = append(m.vmExtensions, r.mergeList(&m, doc, "vm_extensions")...)
		if v := doc.Field("networks"); v.Present() {
			m.networksAt = v.Place()
		}
		compilation, ok := r.object(doc, "compilation", optional)
		if ok && m.compilation.Present() {
			r.add(RuleCloudConfigMerge, "CloudConfigMergeError", compilation.Place(),
				"compilation stands in two cloud-configs of this director; the other is at %s", m.compilation.Place()).
				cure("keep compilation in one of them")
			continue
		}
		if ok {
			m.compilation = compilation
		}
	}
	return m
}

// mergeList reads one of the lists. A whole list may be one variable.
func (r *cloudConfigReader) mergeList(m *mergedConfig, doc source.Value, key string) []source.Value {
	if v := doc.Field(key); v.Kind() == source.String && isWholeVariable(v.Text()) && r.hidden(v, "%s of the cloud-config", key) {
		m.hidden = true
		return nil
	}
	items, _, _ := r.list(doc, key, optional)
	return items
}

func (r *cloudConfigReader) readMerged(m mergedConfig) {
	r.readAZs(m.azs)
	r.readNetworks(m.networks)
	if len(m.networks) == 0 && !m.hidden {
		r.add(RuleMissingKey, "DeploymentNoNetworks", m.networksAt, "the cloud-config has no networks")
	}
	vmTypes := r.readNamed(m.vmTypes, "vm type", "DeploymentDuplicateVmTypeName")
	vmExtensions := r.readNamed(m.vmExtensions, "vm extension", "DeploymentDuplicateVmExtensionName")
	r.readNamed(m.diskTypes, "disk type", "DeploymentDuplicateDiskTypeName")
	if !m.compilation.Present() {
		if !m.hidden {
			r.add(RuleMissingKey, classMissingField, m.at, "the cloud-config has no compilation section").
				cure("compilation: {workers: 4, network: NAME}")
		}
		return
	}
	r.readCompilation(m.compilation, m.hidden)
	r.checkCompilationTypes(m.compilation, vmTypes, vmExtensions, m.hidden)
}

func (r *cloudConfigReader) readAZs(items []source.Value) {
	seen := map[string]place.Place{}
	for _, item := range items {
		if !r.isObject(item, "an availability zone") {
			continue
		}
		name, nameAt, ok := r.text(item, "name", required)
		r.object(item, "cloud_properties", optional)
		cpi, _, _ := r.text(item, "cpi", optional)
		if ok {
			r.cc.AZs = append(r.cc.AZs, AZ{Name: name, At: nameAt.Place(), CPI: cpi})
		}
	}
	for _, az := range r.cc.AZs {
		if other, ok := seen[az.Name]; ok {
			r.add(RuleDuplicateName, "DeploymentDuplicateAvailabilityZoneName", az.At, "the availability zone %q is defined twice; the other is at %s", az.Name, other)
			continue
		}
		seen[az.Name] = az.At
	}
}

func (r *cloudConfigReader) readNetworks(items []source.Value) {
	zones := newZones(r.cc.AZs)
	for _, item := range items {
		if n := r.readNetwork(item, zones); n != nil {
			r.cc.Networks = append(r.cc.Networks, n)
		}
	}
	seen := map[string]*Network{}
	for _, n := range r.cc.Networks {
		if !n.At.IsValid() {
			continue // it has no name, which was said
		}
		c := canonical(n.Name)
		if other, ok := seen[c]; ok {
			r.add(RuleDuplicateName, "DeploymentCanonicalNetworkNameTaken", n.At,
				"the network name %q is taken by %q at %s: a director sees both as %q", n.Name, other.Name, other.At, c).
				cure("give one of the two another name")
			continue
		}
		seen[c] = n
	}
}

// readNamed reads what has a name that must be unique, and returns the names.
func (r *cloudConfigReader) readNamed(items []source.Value, what, class string) map[string]bool {
	names := map[string]bool{}
	for _, item := range items {
		if !r.isObject(item, "a "+what) {
			continue
		}
		name, at, ok := r.text(item, "name", required)
		if ok && names[name] {
			r.add(RuleDuplicateName, class, at.Place(), "the %s %q is defined twice", what, name)
		}
		names[name] = true
	}
	return names
}

func (r *cloudConfigReader) readCompilation(v source.Value, hidden bool) {
	c := &Compilation{At: v.Place()}
	workers, workersAt, ok := r.integer(v, "workers", required)
	if ok && workers < 1 {
		r.add(RuleInvalidValue, classViolatedMin, workersAt.Place(), "workers is %d; it must be 1 or more", workers)
	}
	c.Workers = int(min(max(workers, 0), 1<<20))
	name, nameAt, named := r.text(v, "network", required)
	if named {
		c.Network, c.At = name, nameAt.Place()
	}
	if reuse := v.Field("reuse_compilation_vms"); reuse.Present() && reuse.Kind() != source.Bool {
		r.wrongType(reuse, "reuse_compilation_vms", "a boolean")
	}
	r.object(v, "env", optional)
	az, azAt, hasAZ := r.text(v, "az", optional)
	c.AZ = az
	r.cc.Compilation = c
	zones := newZones(r.cc.AZs)
	if hasAZ && az != "" && !zones.has(az) && !hidden {
		r.add(RuleAvailabilityZone, "CompilationConfigInvalidAvailabilityZone", azAt.Place(),
			"compilation runs in the availability zone %q, which is not defined", az).cure("%s", zones.cure(az))
	}
	r.checkCompilationNetwork(c, v, named, hidden)
}

// checkCompilationTypes checks vm_type and vm_extensions of compilation.
func (r *cloudConfigReader) checkCompilationTypes(v source.Value, vmTypes, vmExtensions map[string]bool, hidden bool) {
	name, at, ok := r.text(v, "vm_type", optional)
	if ok && !vmTypes[name] && !hidden {
		r.add(RuleCompilation, "CompilationConfigInvalidVmType", at.Place(), "compilation names the vm type %q, which is not defined", name)
	}
	if p := v.Field("cloud_properties"); ok && p.IsMap() && len(p.Node().Content) > 0 {
		r.add(RuleCompilation, "CompilationConfigCloudPropertiesNotAllowed", p.Place(), "compilation has a vm_type and cloud_properties; only one of them may be there")
	}
	items, _, _ := r.list(v, "vm_extensions", optional)
	for _, item := range items {
		switch {
		case !vmExtensions[item.Text()] && !hidden:
			r.add(RuleCompilation, "CompilationConfigInvalidVmExtension", item.Place(), "compilation names the vm extension %q, which is not defined", item.Text())
		case !ok:
			r.add(RuleCompilation, "CompilationConfigVmTypeRequired", item.Place(), "compilation names a vm extension, and so needs a vm_type")
		}
	}
}

// checkCompilationNetwork checks that the network is there and serves the az.
func (r *cloudConfigReader) checkCompilationNetwork(c *Compilation, v source.Value, named, hidden bool) {
	if !named || hidden {
		return
	}
	var network *Network
	for _, n := range r.cc.Networks {
		if n.Name == c.Network {
			network = n
			break
		}
	}
	if network == nil {
		if nameAt := v.Field("network"); !r.hidden(nameAt, "the network of compilation") {
			r.add(RuleCompilation, "CompilationConfigUnknownNetwork", c.At, "compilation uses the network %q, which is not defined", c.Network).
				cure("%s", nearestCure(c.Network, networkNames(r.cc)))
		}
		return
	}
	az := []string{c.AZ} // "" stands for none, as an unknown zone does
	if !newZones(r.cc.AZs).has(c.AZ) {
		az[0] = ""
	}
	if own := network.zones(); !own.serve(az) {
		at := c.At
		if azAt := v.Field("az"); azAt.Present() {
			at = azAt.Place()
		}
		r.add(RuleCompilation, "JobNetworkMissingRequiredAvailabilityZone", at,
			"compilation runs in %s, but network %q has no subnet there", zoneWords(az[0]), network.Name).
			cure("az: one of %s", joinZones(own.names))
	}
}
