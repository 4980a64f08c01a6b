package survey

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// manifest is what one manifest file was worth.
type manifest struct {
	entry    Entry
	read     *bosh.Manifest
	problems []bosh.Problem
	hidden   []bosh.Unresolved
	failures []trouble.Trouble
}

// cloudConfig is one cloud-config file; its document is read together with
// those of the director's other cloud-configs.
type cloudConfig struct {
	entry    Entry
	doc      *source.Document
	failures []trouble.Trouble
}

// runtimeConfig is what one runtime config was worth.
type runtimeConfig struct {
	entry    Entry
	vips     bosh.VIPs
	failures []trouble.Trouble
}

// directorFiles are all files of one director, read.
type directorFiles struct {
	*Director
	cloudConfigs   []cloudConfig
	runtimeConfigs []runtimeConfig
	deployments    []manifest
	createEnvs     []manifest
	// judged says that what is wrong with the director's files is to be found
	// out, not only what they claim.
	judged bool
}

// readAll reads all files of some directors, as many at a time as there are
// processors.
func readAll(fleet *Fleet, which []int, loader *interpolate.Loader) []directorFiles {
	all := make([]directorFiles, len(which))
	someJudged := fleet.hasTargets()
	var tasks []func()
	for k, i := range which {
		d := &fleet.Directors[i]
		files := &all[k]
		*files = directorFiles{Director: d,
			cloudConfigs:   make([]cloudConfig, len(d.CloudConfigs)),
			runtimeConfigs: make([]runtimeConfig, len(d.RuntimeConfigs)),
			deployments:    make([]manifest, len(d.Deployments)),
			createEnvs:     make([]manifest, len(d.CreateEnvs)),
			judged:         !fleet.onlyClaims && (!someJudged || d.hasTarget()),
		}
		for j, e := range d.CloudConfigs {
			tasks = append(tasks, func() { files.cloudConfigs[j] = readCloudConfig(e, loader) })
		}
		for j, e := range d.RuntimeConfigs {
			tasks = append(tasks, func() { files.runtimeConfigs[j] = readRuntimeConfig(e, loader, fleet.VIPs) })
		}
		for j, e := range d.Deployments {
			opts := d.options()
			tasks = append(tasks, func() { files.deployments[j] = readManifest(e, loader, opts, fleet.VIPs) })
		}
		for j, e := range d.CreateEnvs {
			opts := d.options()
			opts.Form = bosh.CreateEnv
			tasks = append(tasks, func() { files.createEnvs[j] = readManifest(e, loader, opts, fleet.VIPs) })
		}
	}
	runAll(tasks)
	for k := range all {
		all[k].moveCreateEnvs()
	}
	return all
}

// moveCreateEnvs puts manifests of create-env among those, also where the fleet file
// names them as deployments: no director reads them, and what they are for does not
// depend on the list that they stand in.
func (f *directorFiles) moveCreateEnvs() {
	f.deployments = slices.DeleteFunc(f.deployments, func(m manifest) bool {
		isCreateEnv := m.read != nil && m.read.Form == bosh.CreateEnv
		if isCreateEnv {
			m.problems = append(m.problems, bosh.Problem{
				Rule: bosh.RuleCreateEnv, Warning: true, At: m.entry.At,
				Message: fmt.Sprintf("%s has cloud_provider, and so is a manifest for create-env, not a deployment of director %s", m.entry.Path, f.Name),
				Cure:    "list it under create_env",
			})
			f.createEnvs = append(f.createEnvs, m)
		}
		return isCreateEnv
	})
}

// runAll runs the tasks, as many at a time as there are processors.
func runAll(tasks []func()) {
	next := make(chan func())
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(tasks)) {
		workers.Go(func() {
			for task := range next {
				task()
			}
		})
	}
	for _, task := range tasks {
		next <- task
	}
	close(next)
	workers.Wait()
}

func (e Entry) load(loader *interpolate.Loader) (*source.Document, error) {
	if e.Lacking != nil {
		return nil, e.Lacking
	}
	if e.Document != nil {
		return e.Document, nil
	}
	if e.Target {
		return loader.LoadProven(e.Path, e.Inputs)
	}
	return loader.Load(e.Path, e.Inputs)
}

func readCloudConfig(e Entry, loader *interpolate.Loader) cloudConfig {
	doc, err := e.load(loader)
	if err != nil {
		return cloudConfig{entry: e, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	return cloudConfig{entry: e, doc: doc}
}

func (e Entry) findVIPs(doc *source.Document, patterns bosh.Patterns) (bosh.VIPs, error) {
	found, err := bosh.FindVIPs(doc.Root(), patterns)
	if e.NoRouterIDs {
		found = found.ForgetDefaults()
	}
	return found, err
}

func readRuntimeConfig(e Entry, loader *interpolate.Loader, patterns bosh.Patterns) (c runtimeConfig) {
	c.entry = e
	doc, err := e.load(loader)
	if err == nil {
		c.vips, err = e.findVIPs(doc, patterns)
	}
	if err == nil && !e.Deployed && !bosh.MayBeRuntimeConfig(doc.Root()) {
		err = &trouble.Trouble{At: doc.Root().Place(), Message: "this is no runtime config: it has neither addons nor releases, tags or variables"}
	}
	if err != nil {
		c.failures = append(c.failures, failure(err, e.At))
	}
	return c
}

func readManifest(e Entry, loader *interpolate.Loader, opts bosh.Options, vips bosh.Patterns) manifest {
	doc, err := e.load(loader)
	if err != nil {
		return manifest{entry: e, failures: []trouble.Trouble{failure(err, e.At)}}
	}
	m := manifest{entry: e}
	m.read, m.problems, m.hidden = bosh.ReadManifest(doc.Root(), opts)
	if e.Deployed {
		m.problems = nil // the director took it, with keys that a snapshot does not keep
	}
	if m.read == nil {
		return m
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
