package survey

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// manifest is what one manifest file was worth.
type manifest struct {
	text     text
	read     *bosh.Manifest
	problems []bosh.Problem
	hidden   []bosh.Unresolved
	failures []trouble.Trouble
}

// cloudConfig is one cloud-config file; its document is read together with
// those of the director's other cloud-configs.
type cloudConfig struct {
	text     text
	doc      *source.Document
	failures []trouble.Trouble
}

// runtimeConfig is what one runtime config was worth.
type runtimeConfig struct {
	text     text
	vips     bosh.VIPs
	problems []bosh.Problem
	failures []trouble.Trouble
}

// documents are all texts of one director, read.
type documents struct {
	composed
	cloudConfigs   []cloudConfig
	runtimeConfigs []runtimeConfig
	deployments    []manifest
	createEnvs     []manifest
}

// readAll reads all texts of some directors, as many at a time as there are
// processors.
func (r reader) readAll(list []composed) []documents {
	all := make([]documents, len(list))
	var tasks []func()
	for k, c := range list {
		d := &all[k]
		*d = documents{composed: c,
			cloudConfigs:   make([]cloudConfig, len(c.texts.cloudConfigs)),
			runtimeConfigs: make([]runtimeConfig, len(c.texts.runtimeConfigs)),
			deployments:    make([]manifest, len(c.texts.deployments)),
			createEnvs:     make([]manifest, len(c.texts.createEnvs)),
		}
		opts, loader := c.options(), r.loader.Of(c.Name)
		for j, t := range c.texts.cloudConfigs {
			tasks = append(tasks, func() { d.cloudConfigs[j] = readCloudConfig(t, loader) })
		}
		for j, t := range c.texts.runtimeConfigs {
			tasks = append(tasks, func() { d.runtimeConfigs[j] = readRuntimeConfig(t, loader, r.fleet.VIPs) })
		}
		for j, t := range c.texts.deployments {
			tasks = append(tasks, func() { d.deployments[j] = readManifest(t, loader, opts, r.fleet.VIPs) })
		}
		envOpts := opts
		envOpts.Form = bosh.CreateEnv
		for j, t := range c.texts.createEnvs {
			tasks = append(tasks, func() { d.createEnvs[j] = readManifest(t, loader, envOpts, r.fleet.VIPs) })
		}
	}
	runAll(tasks)
	for k := range all {
		all[k] = all[k].sorted()
	}
	return all
}

// options say how the director reads.
func (c *composed) options() bosh.Options {
	return bosh.Options{
		DirectorVersion: c.version, IgnoreMissingGateway: c.IgnoreMissingGateway, ManagedNetworks: c.ManagedNetworks,
		NoConfigServer: c.NoConfigServer,
	}
}

// sorted has manifests of create-env among those, also where the fleet file names them
// as deployments: no director reads them, and what they are for does not depend on the
// list that they stand in.
func (d documents) sorted() documents {
	isCreateEnv := func(m manifest) bool { return m.read != nil && m.read.Form == bosh.CreateEnv }
	if !slices.ContainsFunc(d.deployments, isCreateEnv) {
		return d
	}
	list := d.deployments
	d.deployments = nil
	for _, m := range list {
		if !isCreateEnv(m) {
			d.deployments = append(d.deployments, m)
			continue
		}
		at := m.text.At
		if !at.IsValid() { // it is not in the fleet file
			at = place.Place{File: m.text.Path, Line: 1, Column: 1}
		}
		m.problems = append(m.problems, bosh.Problem{
			Rule: bosh.RuleCreateEnv, Warning: true, At: at,
			Message: fmt.Sprintf("%s has cloud_provider, and so is a manifest for create-env, not a deployment of director %s", m.text.Path, d.Name),
			Cure:    "list it under create_env",
		})
		d.createEnvs = append(d.createEnvs, m)
	}
	return d
}

func (e text) load(loader *interpolate.Loader) (*source.Document, error) {
	if e.Lacking != nil {
		return nil, e.Lacking
	}
	if e.Document != nil {
		return loader.Own(e.Document), nil
	}
	if e.Target {
		return loader.LoadProven(e.Path, e.Inputs)
	}
	return loader.Load(e.Path, e.Inputs)
}

func readCloudConfig(e text, loader *interpolate.Loader) cloudConfig {
	doc, err := e.load(loader)
	if err != nil {
		return cloudConfig{text: e, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	if err := isCloudConfig(doc.Root()); err != nil && !e.told {
		return cloudConfig{text: e, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	return cloudConfig{text: e, doc: doc}
}

// isCloudConfig refuses a document in which a director would find nothing of a
// cloud-config, though there is something else. The error is a *trouble.Trouble.
func isCloudConfig(doc source.Value) error {
	key, what := bosh.NoCloudConfig(doc)
	switch {
	case key == "":
		return nil
	case what == "":
		return &trouble.Trouble{At: doc.Place(), Message: "this is no cloud-config: it has no networks, azs or other key of one"}
	}
	return &trouble.Trouble{At: doc.Place(), Message: "this is no cloud-config but " + what + ": it has " + key, Hint: "name it as what it is in the fleet file"}
}

// isRuntimeConfig is the same for runtime configs.
func isRuntimeConfig(doc source.Value) error {
	if bosh.MayBeRuntimeConfig(doc) {
		return nil
	}
	return &trouble.Trouble{At: doc.Place(), Message: "this is no runtime config: it has neither addons nor releases, tags or variables"}
}

func (e text) findVIPs(doc *source.Document, patterns bosh.Patterns) (bosh.VIPs, error) {
	if e.vips != nil {
		patterns = *e.vips
	}
	found, err := bosh.FindVIPs(doc.Root(), patterns)
	if e.noRouterIDs {
		found = found.ForgetDefaults()
	}
	return found, err
}

func readRuntimeConfig(e text, loader *interpolate.Loader, patterns bosh.Patterns) (c runtimeConfig) {
	c.text = e
	doc, err := e.load(loader)
	if err == nil {
		c.vips, err = e.findVIPs(doc, patterns)
		c.vips.Gaps = bosh.WithTemplates(c.vips.Gaps, doc.Root())
		c.problems = bosh.CheckRuntimeConfig(doc.Root())
	}
	if err == nil && !e.told {
		err = isRuntimeConfig(doc.Root())
	}
	if err != nil {
		c.failures = append(c.failures, failure(err, e.At))
	}
	return c
}

func readManifest(e text, loader *interpolate.Loader, opts bosh.Options, vips bosh.Patterns) manifest {
	doc, err := e.load(loader)
	if err != nil {
		return manifest{text: e, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	m := manifest{text: e}
	m.read, m.problems, m.hidden = bosh.ReadManifest(doc.Root(), opts)
	if err := isManifest(doc.Root()); err != nil {
		return manifest{text: e, problems: m.problems, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	if e.told {
		m.problems = nil // the director took it, with keys that a snapshot does not keep
	}
	if m.read == nil {
		return m
	}
	if e.Name != "" {
		m.read.Name = e.Name
	}
	found, err := e.findVIPs(doc, vips)
	if err != nil {
		m.failures = append(m.failures, failure(err, e.At))
	}
	m.read.VIPs = found.Found
	m.read.Gaps = append(m.read.Gaps, found.Gaps...)
	m.hidden = append(m.hidden, found.Unresolved...)
	return m
}

// isManifest refuses a document that is no map, of which nobody knows what it has.
func isManifest(doc source.Value) error {
	variable, hides := bosh.VariableIn(doc.Text())
	switch {
	case doc.IsMap():
		return nil
	case hides:
		return &trouble.Trouble{
			At: doc.Place(), Message: fmt.Sprintf("the variable ((%s)) has no value here and hides a whole manifest", variable),
			Hint: fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", variable),
		}
	}
	return &trouble.Trouble{At: doc.Place(), Message: fmt.Sprintf("a manifest must be a map, not %s", doc.Kind())}
}

func failures(errs []*trouble.Trouble) []trouble.Trouble {
	var list []trouble.Trouble
	for _, e := range errs {
		list = append(list, *e)
	}
	return list
}

// failure turns an error of a reader into what the user is told; at is the line
// that names the file.
func failure(err error, at place.Place) trouble.Trouble {
	t := trouble.Of(err)
	if at.IsValid() && !t.At.IsValid() {
		if t.At.File != "" {
			t.Message = t.At.File + ": " + t.Message
		}
		t.At = at
	}
	return t
}
