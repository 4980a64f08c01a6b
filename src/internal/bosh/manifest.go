package bosh

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// ReadManifest reads a deployment manifest (v2 or v1) or a create-env manifest.
// What needs the cloud-config to be judged is judged by Check.
func ReadManifest(doc source.Value, opts Options) (*Manifest, []Problem, []Unresolved) {
	r := &manifestReader{Report: Report{Opts: opts}, doc: doc, m: &Manifest{Form: opts.Form}}
	if r.m.Form == "" {
		r.m.Form = formOf(doc)
	}
	defer func() { r.m.Gaps = withTemplates(manifestGaps(doc, r.m, opts), r.templates, doc) }()
	r.At = Order{Stage: StageUploadManifest}
	if !r.upload(doc, "BadManifest", "a manifest") {
		return r.m, r.Problems, r.unresolved
	}
	switch r.m.Form {
	case CreateEnv:
		r.readCreateEnv()
	default:
		r.readDeployment()
	}
	return r.m, r.Problems, r.unresolved
}

// IsCreateEnv reports whether a manifest is one for create-env.
func IsCreateEnv(doc source.Value) bool { return formOf(doc) == CreateEnv }

// NeedsCloudConfig reports whether the networks of a deployment's manifest are those of the
// cloud-config.
func NeedsCloudConfig(doc source.Value) bool { return formOf(doc) == V2 }

// formOf recognises the form of a manifest by its top-level keys.
func formOf(doc source.Value) Form {
	switch {
	case doc.Has("cloud_provider"):
		return CreateEnv
	case doc.Has("networks"), doc.Has("jobs"):
		return V1
	}
	return V2
}

type manifestReader struct {
	Report
	doc source.Value
	m   *Manifest
}

// readDeployment reads what a director reads (planner_factory.rb,
// deployment_spec_parser.rb).
func (r *manifestReader) readDeployment() {
	r.readName()
	r.At = Order{Stage: stageForm}
	if !r.Opts.before(v1Removed) {
		r.checkForm()
	}
	r.At = Order{Stage: StageManifest}
	if r.m.Form == V2 && !r.doc.Has("release") {
		r.list(r.doc, "releases", required)
	}
	r.readUpdate()
	if r.m.Form == V1 {
		r.readV1Networks()
	}
	key := "instance_groups"
	if r.m.Form == V1 && !r.doc.Has(key) {
		key = "jobs"
	}
	items, _, _ := r.list(r.doc, key, optional)
	for i, item := range items {
		r.At = Order{Stage: StageManifest, Group: i}
		if r.isGroup(item) {
			r.readGroup(item, i)
		}
	}
	r.checkGroupNames()
}

// isGroup reports whether an element can be read as a map. The director asks
// anything else for its name before it checks the type.
func (r *manifestReader) isGroup(v source.Value) bool {
	k := v.Kind()
	if k == source.Map {
		return true
	}
	if !r.hidden(v, "a whole %s", r.groupWord()) {
		r.Add(RuleWrongType, classOfIndexing(k == source.List || k == source.Int), v.Place(), "an element of instance_groups must be a map, not %s", k)
	}
	return false
}

func (r *manifestReader) readName() {
	name := r.doc.Field("name")
	r.m.NameAt = name.Place()
	switch {
	case !truthy(name):
		r.m.NameAt = r.doc.Place()
		r.Add(RuleMissingKey, classMissingField, r.doc.Place(), "the manifest has no name").WithCure("name: DEPLOYMENT")
		return
	case name.Kind() != source.String:
		// It is made a DNS name before anybody looks at its type.
		r.Add(RuleWrongType, "NoMethodError", name.Place(), "the name of a deployment must be a string, not %s", name.Kind()).
			WithCure("name: %q", name)
		r.m.Name, _ = name.Coerced()
		return
	}
	r.m.Name = name.Text()
	if hasVariable(r.m.Name) {
		return
	}
	if _, ok := r.canonicalName(r.m.Name, name, "this deployment"); ok && !isValidID(r.m.Name) {
		r.Add(RuleInvalidName, "Sequel::ValidationFailed", name.Place(), "the deployment name %q may have letters, digits and - _ + . only", r.m.Name)
	}
}

// isValidID reports whether a name may stand in the director's database: one
// line of it must consist of letters, digits and -_+. (VALID_ID).
func isValidID(name string) bool {
	for line := range strings.SplitSeq(name, "\n") {
		valid := line != ""
		for _, c := range []byte(line) {
			valid = valid && (ipaddr.IsDigit(c) || ipaddr.IsLetter(c) || strings.IndexByte("-_+.", c) >= 0)
		}
		if valid {
			return true
		}
	}
	return false
}

// checkForm reports keys that a v2 manifest must not have
// (deployment_plan/manifest_validator.rb).
func (r *manifestReader) checkForm() {
	for _, key := range []string{"vm_types", "azs", "disk_types", "compilation"} {
		if v := r.doc.Field(key); r.doc.Has(key) {
			r.Add(RuleDeprecatedManifest, "DeploymentInvalidProperty", v.Place(), "%s belongs in a cloud-config, not in a manifest", key).
				WithCure("move it to the cloud-config")
		}
	}
	for _, deprecated := range [...]struct{ key, class, instead string }{
		{"networks", "V1DeprecatedNetworks", "define networks in the cloud-config"},
		{"disk_pools", "V1DeprecatedDiskPools", "define disk_types in the cloud-config"},
		{"jobs", "V1DeprecatedJob", "use instance_groups"},
		{"resource_pools", "V1DeprecatedResourcePools", "define vm_types in the cloud-config, stemcells in the manifest"},
	} {
		if v := r.doc.Field(deprecated.key); r.doc.Has(deprecated.key) {
			r.Add(RuleDeprecatedManifest, deprecated.class, v.Place(), "directors since v270 refuse manifests with %s", deprecated.key).
				WithCure("%s, or declare the director's version in the fleet file", deprecated.instead)
		}
	}
}

// readUpdate reads the update section (deployment_plan/update_config.rb).
func (r *manifestReader) readUpdate() {
	r.At.Step = stepDeployment
	update, ok := r.object(r.doc, "update", required)
	if !ok {
		return
	}
	r.m.MaxInFlight, _ = update.Field("max_in_flight").Coerced()
	r.m.VMStrategy, _ = update.Field("vm_strategy").Coerced()
	r.checkUpdate(update, required)
}

// The steps of reading a manifest and each of its groups, in the director's
// order (deployment_plan/instance_group_spec_parser.rb, parse).
const (
	stepDeployment uint8 = iota
	stepName
	stepLifecycle
	stepJobs
	stepVM
	StepNetworks
	stepDefaults
	StepZones
	stepMigration
	stepInstances
	stepCanonical
)

// checkGroupNames reports groups whose names are the same to a director.
func (r *manifestReader) checkGroupNames() {
	type seen struct {
		name string
		at   place.Place
	}
	names := map[string]seen{}
	for i, g := range r.m.Groups {
		if g.Name == "" {
			continue
		}
		r.At = Order{Stage: StageManifest, Group: i, Step: stepCanonical}
		c := Canonical(g.Name)
		if other, ok := names[c]; ok {
			r.Add(RuleDuplicateName, "DeploymentCanonicalJobNameTaken", g.At, "%s %q has the same name as %q at %s", r.groupWord(), g.Name, other.name, other.at).
				WithCure("give one of the two another name")
			continue
		}
		names[c] = seen{g.Name, g.At}
	}
}

func (r *manifestReader) groupWord() string {
	if r.m.Form == V1 {
		return "job"
	}
	return "instance group"
}

func (r *manifestReader) groupWords(g *Group) string {
	return fmt.Sprintf("%s %q", r.groupWord(), g.Name)
}
