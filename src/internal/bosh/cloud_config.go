package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// ReadCloudConfigs reads all cloud-configs of one director as it merges and
// parses them (cloud_config/cloud_configs_consolidator.rb,
// deployment_plan/cloud_manifest_parser.rb). Nothing that could be read is left
// out of the result because something else is wrong.
func ReadCloudConfigs(docs []source.Value, opts Options) (*CloudConfig, []Problem, []Unresolved) {
	r := &cloudConfigReader{Report: Report{Opts: opts}, cc: &CloudConfig{}}
	merged := r.merge(docs)
	if opts.ConfigsUnread {
		r.hideAll(&merged)
	}
	r.At = Order{Stage: stageCloudConfig}
	if merged.at.IsValid() {
		r.readMerged(merged)
	}
	r.cc.Gaps = withTemplates(cloudConfigGaps(docs, r.cc, opts), r.templates, docs...)
	return r.cc, r.Problems, r.unresolved
}

type cloudConfigReader struct {
	Report
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
	// hidden says that a whole list hides behind a variable, or compilation.
	hidden, compilationHidden bool
	filled                    bool // some document has a key
}

func (r *cloudConfigReader) merge(docs []source.Value) (m mergedConfig) {
	for _, doc := range docs {
		r.At = Order{Stage: StageUploadCloudConfig}
		if !r.upload(doc, "BadConfig", "a cloud-config") {
			if hides(doc) {
				r.hideAll(&m)
			}
			continue
		}
		r.At = Order{Stage: stageMerge}
		m.filled = m.filled || len(doc.Node().Content) > 0
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
		m.compilationHidden = m.compilationHidden || hasVariable(compilation.Text())
		if ok && m.compilation.Present() {
			r.Add(RuleCloudConfigMerge, "CloudConfigMergeError", compilation.Place(),
				"compilation stands in two cloud-configs of this director; the other is at %s", m.compilation.Place()).
				WithCure("keep compilation in one of them")
			continue
		}
		if ok {
			m.compilation = compilation
		}
	}
	return m
}

// hideAll notes that there may be more of all that cloud-configs have.
func (r *cloudConfigReader) hideAll(m *mergedConfig) {
	m.hidden, m.compilationHidden = true, true
	r.cc.NetworksHidden, r.cc.ZonesHidden = true, true
}

// mergeList reads one of the lists. A whole list may be one variable, and so lists in
// the list are taken for their elements, one level deep
// (cloud_config/cloud_configs_consolidator.rb).
func (r *cloudConfigReader) mergeList(m *mergedConfig, doc source.Value, key string) []source.Value {
	if v := doc.Field(key); v.Kind() == source.String && isWholeVariable(v.Text()) && r.hidden(v, "%s of the cloud-config", key) {
		m.hidden = true
		switch key {
		case "azs":
			r.cc.hideZone(v)
		case "networks":
			r.cc.NetworksHidden = true
		}
		return nil
	}
	items, _, _ := r.list(doc, key, optional)
	return flat(items)
}

func (r *cloudConfigReader) readMerged(m mergedConfig) {
	r.readAZs(m.azs)
	r.readNetworks(m.networks)
	if len(m.networks) == 0 && !m.hidden {
		class := "DeploymentNoNetworks"
		if !m.filled {
			class = classMissingField // of nothing at all a director makes no list, be it an empty one
		}
		r.Add(RuleMissingKey, class, m.networksAt, "the cloud-config has no networks")
	}
	vmTypes, typesHidden := r.readNamed(m.vmTypes, "vm type", "DeploymentDuplicateVmTypeName")
	vmExtensions, extensionsHidden := r.readNamed(m.vmExtensions, "vm extension", "DeploymentDuplicateVmExtensionName")
	r.readNamed(m.diskTypes, "disk type", "DeploymentDuplicateDiskTypeName")
	if !m.compilation.Present() {
		if !m.hidden && !m.compilationHidden {
			r.Add(RuleMissingKey, classMissingField, m.at, "the cloud-config has no compilation section").
				WithCure("compilation: {workers: 4, network: NAME}")
		}
		return
	}
	r.readCompilation(m.compilation, m.hidden)
	r.checkCompilationTypes(m.compilation, vmTypes, vmExtensions, m.hidden || typesHidden || extensionsHidden)
}

// hideZone notes that v hides an availability zone.
func (cc *CloudConfig) hideZone(v source.Value) {
	cc.ZonesHidden = true
	if name, ok := VariableIn(v.Text()); ok && cc.ZoneVariable == "" {
		cc.ZoneVariable = name
	}
}

func (r *cloudConfigReader) readAZs(items []source.Value) {
	seen := map[string]place.Place{}
	var names []source.Value
	for _, item := range items {
		if !r.isObject(item, "an availability zone") {
			if hides(item) {
				r.cc.hideZone(item)
			}
			continue
		}
		name, nameAt, ok := r.text(item, "name", required)
		r.object(item, "cloud_properties", optional)
		cpi, _, _ := r.text(item, "cpi", optional)
		if ok && r.hidden(nameAt, "the name of an availability zone") {
			r.cc.hideZone(nameAt)
		} else if ok {
			r.cc.AZs, names = append(r.cc.AZs, AZ{Name: name, At: nameAt.Place(), CPI: cpi}), append(names, nameAt)
		}
	}
	for i := range names {
		for _, other := range names {
			if other.Compare(names[i]) <= 0 {
				r.cc.AZs[i].Rank++
			}
		}
	}
	for _, az := range r.cc.AZs {
		if other, ok := seen[az.Name]; ok {
			r.Add(RuleDuplicateName, "DeploymentDuplicateAvailabilityZoneName", az.At, "the availability zone %q is defined twice; the other is at %s", az.Name, other)
			continue
		}
		seen[az.Name] = az.At
	}
}

func (r *cloudConfigReader) readNetworks(items []source.Value) {
	zones := NewZones(r.cc)
	for _, item := range items {
		n := r.readNetwork(item, zones)
		if n != nil {
			r.cc.Networks = append(r.cc.Networks, n)
		}
		r.cc.NetworksHidden = r.cc.NetworksHidden || n == nil || hasVariable(n.Name)
	}
	seen := map[string]*Network{}
	for _, n := range r.cc.Networks {
		if !n.At.IsValid() {
			continue // it has no name, which was said
		}
		c := Canonical(n.Name)
		if other, ok := seen[c]; ok {
			r.Add(RuleDuplicateName, "DeploymentCanonicalNetworkNameTaken", n.At,
				"the network name %q is taken by %q at %s: a director sees both as %q", n.Name, other.Name, other.At, c).
				WithCure("give one of the two another name")
			continue
		}
		seen[c] = n
	}
}

// readNamed reads what has a name that must be unique, and returns the names.
func (r *cloudConfigReader) readNamed(items []source.Value, what, class string) (names map[string]bool, hidden bool) {
	names = map[string]bool{}
	for _, item := range items {
		if !r.isObject(item, "a "+what) {
			hidden = hidden || hides(item)
			continue
		}
		name, at, ok := r.text(item, "name", required)
		hidden = hidden || hasVariable(name)
		if ok && names[name] {
			r.Add(RuleDuplicateName, class, at.Place(), "the %s %q is defined twice", what, name)
		}
		names[name] = true
	}
	return names, hidden
}

func (r *cloudConfigReader) readCompilation(v source.Value, hidden bool) {
	c := &Compilation{At: v.Place()}
	workers, workersAt, ok := r.integer(v, "workers", required)
	if ok && workers < 1 {
		r.Add(RuleInvalidValue, classViolatedMin, workersAt.Place(), "workers is %d; it must be 1 or more", workers)
	}
	c.Workers = int(min(max(workers, 0), 1<<20))
	name, nameAt, named := r.text(v, "network", required)
	if named {
		c.Network, c.At = name, nameAt.Place()
	}
	if reuse := v.Field("reuse_compilation_vms"); reuse.Present() && reuse.Kind() != source.Bool && !r.hidden(reuse, "reuse_compilation_vms") {
		r.wrongType(reuse, "reuse_compilation_vms", "a boolean")
	}
	r.object(v, "env", optional)
	az, azAt, hasAZ := r.text(v, "az", optional)
	c.AZ = az
	r.cc.Compilation = c
	zones := NewZones(r.cc)
	if hasAZ && az != "" && !zones.Has(az) && !hidden {
		r.Add(RuleAvailabilityZone, "CompilationConfigInvalidAvailabilityZone", azAt.Place(),
			"compilation runs in the availability zone %q, which is not defined", az).WithCure("%s", zones.Cure(az))
	}
	r.checkCompilationNetwork(c, v, named, hidden)
}

// checkCompilationTypes checks vm_type and vm_extensions of compilation.
func (r *cloudConfigReader) checkCompilationTypes(v source.Value, vmTypes, vmExtensions map[string]bool, hidden bool) {
	name, at, ok := r.text(v, "vm_type", optional)
	if ok && !vmTypes[name] && !hidden && !hasVariable(name) {
		r.Add(RuleCompilation, "CompilationConfigInvalidVmType", at.Place(), "compilation names the vm type %q, which is not defined", at)
	}
	if p := v.Field("cloud_properties"); ok && p.IsMap() && len(p.Node().Content) > 0 {
		r.Add(RuleCompilation, "CompilationConfigCloudPropertiesNotAllowed", p.Place(), "compilation has a vm_type and cloud_properties; only one of them may be there")
	}
	items, _, _ := r.list(v, "vm_extensions", optional)
	for _, item := range items {
		switch {
		case hides(item):
		case !vmExtensions[item.Text()] && !hidden:
			r.Add(RuleCompilation, "CompilationConfigInvalidVmExtension", item.Place(), "compilation names the vm extension %q, which is not defined", item)
		case !ok:
			r.Add(RuleCompilation, "CompilationConfigVmTypeRequired", item.Place(), "compilation names a vm extension, and so needs a vm_type")
		}
	}
}

// checkCompilationNetwork checks that the network is there and serves the az.
func (r *cloudConfigReader) checkCompilationNetwork(c *Compilation, v source.Value, named, hidden bool) {
	if !named || hidden || hasVariable(c.AZ) {
		return
	}
	var network *Network
	for _, n := range r.cc.Networks {
		if n.Name == c.Network {
			network = n
			break
		}
	}
	if network == nil && r.cc.NetworksHidden {
		r.hidden(v.Field("network"), "the network of compilation")
		return
	}
	if network == nil {
		if nameAt := v.Field("network"); !r.hidden(nameAt, "the network of compilation") {
			r.Add(RuleCompilation, "CompilationConfigUnknownNetwork", c.At, "compilation uses the network %q, which is not defined", c.Network).
				WithCure("%s", NearestCure(c.Network, r.cc.NetworkNames()))
		}
		return
	}
	az := []string{c.AZ} // "" stands for none, as an unknown zone does
	if !NewZones(r.cc).Has(c.AZ) {
		az[0] = ""
	}
	if own := network.Zones(); !own.Serve(az) {
		at := c.At
		if azAt := v.Field("az"); azAt.Present() {
			at = azAt.Place()
		}
		p := r.Add(RuleCompilation, "JobNetworkMissingRequiredAvailabilityZone", at,
			"compilation runs in %s, but network %q has no subnet there", ZoneWords(az[0]), network.Name)
		if slices.Equal(own.Names, []string{""}) {
			p.WithCure("%s", network.CureZones(az))
		} else {
			p.WithCure("az: one of %s", JoinZones(own.Names))
		}
	}
}
