package survey

import (
	"errors"
	"runtime"
	"sync"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// manifest is what one manifest file was worth.
type manifest struct {
	entry    Entry
	read     *bosh.Manifest
	problems []bosh.Problem
	hidden   []bosh.Unresolved
	failures []lint.Failure
}

// cloudConfig is one cloud-config file; its document is read together with
// those of the director's other cloud-configs.
type cloudConfig struct {
	entry    Entry
	doc      *source.Document
	failures []lint.Failure
}

// directorFiles are all files of one director, read.
type directorFiles struct {
	*Director
	cloudConfigs []cloudConfig
	deployments  []manifest
	createEnvs   []manifest
}

// readAll reads all files, as many at a time as there are processors.
func readAll(fleet *Fleet, loader *interpolate.Loader) []directorFiles {
	all := make([]directorFiles, len(fleet.Directors))
	var tasks []func()
	for i := range fleet.Directors {
		d := &fleet.Directors[i]
		files := &all[i]
		*files = directorFiles{Director: d,
			cloudConfigs: make([]cloudConfig, len(d.CloudConfigs)),
			deployments:  make([]manifest, len(d.Deployments)),
			createEnvs:   make([]manifest, len(d.CreateEnvs)),
		}
		for j, e := range d.CloudConfigs {
			tasks = append(tasks, func() { files.cloudConfigs[j] = readCloudConfig(e, loader) })
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
	return all
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
	if e.Document != nil {
		return e.Document, nil
	}
	return loader.Load(e.Path, e.Inputs)
}

func readCloudConfig(e Entry, loader *interpolate.Loader) cloudConfig {
	doc, err := e.load(loader)
	if err != nil {
		return cloudConfig{entry: e, failures: []lint.Failure{failure(err, e.At)}}
	}
	return cloudConfig{entry: e, doc: doc}
}

func readManifest(e Entry, loader *interpolate.Loader, opts bosh.Options, vips bosh.Patterns) manifest {
	doc, err := e.load(loader)
	if err != nil {
		return manifest{entry: e, failures: []lint.Failure{failure(err, e.At)}}
	}
	m := manifest{entry: e}
	m.read, m.problems, m.hidden = bosh.ReadManifest(doc.Root(), opts)
	if m.read == nil {
		return m
	}
	found, hidden, err := bosh.FindVIPs(doc.Root(), vips)
	if err != nil {
		m.failures = append(m.failures, failure(err, e.At))
	}
	m.read.VIPs = found
	m.hidden = append(m.hidden, hidden...)
	return m
}

func failures(errs []*source.Error) []lint.Failure {
	var list []lint.Failure
	for _, e := range errs {
		list = append(list, failure(e, place.Place{}))
	}
	return list
}

// failure turns an error of a reader into what the user is told; at is the line
// that names the file.
func failure(err error, at place.Place) lint.Failure {
	var e *source.Error
	if !errors.As(err, &e) {
		return lint.Failure{Message: err.Error(), At: at}
	}
	f := lint.Failure{Message: e.Message, At: e.Place, Hint: e.Hint}
	if at.IsValid() && !e.Place.IsValid() {
		f.Message = e.Place.File + ": " + e.Message
		f.At = at
	}
	return f
}
