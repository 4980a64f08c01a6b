package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"

	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// fetcher asks one director for everything.
type fetcher struct {
	ctx      context.Context
	requests boshdirector.ClientRequest
	target   Target
	run      *run

	mu       sync.Mutex
	snapshot *snapshot.Snapshot
	kept     int // about as many bytes as the snapshot takes
}

// keep notes that something of that size stays in memory.
func (f *fetcher) keep(size int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept += size; f.kept > maxKept {
		return &trouble.Trouble{Message: fmt.Sprintf("what it tells of networks and addresses takes more than %d MiB", maxKept>>20)}
	}
	return nil
}

func (f *fetcher) fetch() error {
	var deployments list[listedDeployment]
	steps := []func() error{
		func() (err error) { deployments, err = f.listDeployments(); return err },
		f.cloudConfigs,
		f.runtimeConfigs,
		f.orphans,
		f.readsAll,
	}
	if err := inParallel(f.ctx, len(steps), func(i int) error { return steps[i]() }); err != nil {
		return err
	}
	f.run.tell(func(p *Progress) { p.Deployments += len(deployments) })
	if err := f.deployments(deployments); err != nil {
		return err
	}
	return f.superseded()
}

// unseen notes what the director does not show.
func (f *fetcher) unseen(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot.Unseen = append(f.snapshot.Unseen, fmt.Sprintf(format, args...))
}

// cloudConfigs fetches the latest ones of all names and teams. Directors before
// v264.1 have one, without a name.
func (f *fetcher) cloudConfigs() error {
	configs, err := f.listConfigs("cloud")
	if isUnknownEndpoint(err) {
		return f.onlyCloudConfig()
	}
	if err != nil {
		return err
	}
	for _, c := range configs {
		if err := f.addCloudConfig(c, true); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetcher) addCloudConfig(c boshdirector.Config, latest bool) error {
	content := f.reduced(c.Content, f.run.opts.Keep.ReduceCloudConfig)
	if err := f.keep(content.Size()); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot.CloudConfigs = append(f.snapshot.CloudConfigs, snapshot.Config{ID: c.ID, Name: c.Name, Team: c.Team, Latest: latest, Content: content})
	return nil
}

// manyValues is how long a text may be of which several are reduced side by side.
const manyValues = 64 << 10

// reduced is what stays of a text. Long ones are reduced one at a time, for all
// directors: a parsed text takes many times its size.
func (f *fetcher) reduced(text string, by func(string) snapshot.Content) snapshot.Content {
	if len(text) > manyValues {
		f.run.long.Lock()
		defer f.run.long.Unlock()
	}
	return by(text)
}

func (f *fetcher) onlyCloudConfig() error {
	text, err := f.onlyCloudConfigText()
	switch {
	case isUnknownEndpoint(err): // before cloud-configs; manifests bring their networks
		return nil
	case err != nil:
		return err
	case text == "":
		return nil
	}
	return f.addCloudConfig(boshdirector.Config{ID: "1", Name: "default", Content: text}, true)
}

// runtimeConfigs fetches those that name virtual addresses.
func (f *fetcher) runtimeConfigs() error {
	configs, err := f.listConfigs("runtime")
	if isUnknownEndpoint(err) {
		f.unseen("runtime configs, of which this director has no list yet")
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range configs {
		content := f.reduced(c.Content, f.run.opts.Keep.ReduceRuntimeConfig)
		if err := f.keep(content.Size()); err != nil {
			return err
		}
		if content.Empty() {
			continue
		}
		f.mu.Lock()
		f.snapshot.RuntimeConfigs = append(f.snapshot.RuntimeConfigs, snapshot.Config{ID: c.ID, Name: c.Name, Team: c.Team, Latest: true, Content: content})
		f.mu.Unlock()
	}
	return nil
}

func (f *fetcher) orphans() error {
	orphans, err := f.listOrphans()
	switch {
	case statusOf(err) == 401 || statusOf(err) == 403:
		f.unseen("orphaned VMs, which are shown to the scope bosh.admin alone")
		return nil
	case isUnknownEndpoint(err):
		f.unseen("orphaned VMs, of which this director has no list yet")
		return nil
	case err != nil:
		return err
	}
	for _, o := range orphans {
		group, id, _ := strings.Cut(o.InstanceName, "/")
		addresses, err := granted(o.IPAddresses)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.snapshot.Orphans = append(f.snapshot.Orphans, snapshot.VM{Deployment: o.DeploymentName, Group: group, ID: id, AZ: o.AZName, Index: snapshot.Untold, Addresses: addresses})
		f.mu.Unlock()
	}
	return nil
}

func granted(texts []string) ([]snapshot.Address, error) {
	var list []snapshot.Address
	for _, s := range texts {
		a, ok := snapshot.NewAddress(s)
		if !ok {
			return nil, &trouble.Trouble{Message: "it tells an address of a VM that is none"}
		}
		list = append(list, a)
	}
	return list, nil
}

// deployments fetches everything about each of them.
func (f *fetcher) deployments(list []listedDeployment) error {
	found := make([]*snapshot.Deployment, len(list))
	err := inParallel(f.ctx, len(list), func(i int) error {
		d, err := f.deployment(list[i])
		if isGone(err) {
			err = nil // it was deleted since it was listed
		}
		found[i] = d
		f.run.tell(func(p *Progress) { p.DeploymentsDone++ })
		return err
	})
	for _, d := range found {
		if d != nil {
			f.snapshot.Deployments = append(f.snapshot.Deployments, *d)
		}
	}
	return err
}

func (f *fetcher) deployment(listed listedDeployment) (*snapshot.Deployment, error) {
	d := &snapshot.Deployment{Name: listed.Name, Teams: listed.Teams, Locked: listed.Locked}
	manifest, err := f.manifest(d.Name)
	if err != nil {
		return nil, err
	}
	d.Manifest = f.reduced(manifest, f.run.opts.Keep.ReduceManifest)
	if err := f.keep(d.Manifest.Size()); err != nil {
		return nil, err
	}
	if d.VMs, err = f.vms(d.Name); err != nil {
		return nil, err
	}
	if d.Pinned, err = f.pinned(listed); err != nil {
		return nil, err
	}
	return d, nil
}

// vms fetches the instances of a deployment. The full answer tells more about VMs,
// and nothing about instances without one.
func (f *fetcher) vms(name string) ([]snapshot.VM, error) {
	instances, err := f.listInstances(name)
	if err != nil {
		return nil, err
	}
	if err := f.keep(len(instances) * vmSize); err != nil {
		return nil, err
	}
	var vms []snapshot.VM
	for _, i := range instances {
		if f.run.opts.Full && i.CID != "" {
			continue
		}
		addresses, err := granted(i.IPs)
		if err != nil {
			return nil, err
		}
		vm := snapshot.VM{Group: i.Job, ID: i.ID, AZ: i.AZ, Index: indexOf(i.Index), Addresses: addresses}
		vm.Absent = i.CID == "" && len(addresses) == 0
		vm.Expected = vm.Absent && i.ExpectsVM
		vms = append(vms, vm)
	}
	if !f.run.opts.Full {
		return vms, nil
	}
	infos, err := f.listVMs(name)
	if err == nil {
		err = f.keep(len(infos) * vmSize)
	}
	if err != nil {
		return nil, err
	}
	for _, i := range infos {
		addresses, err := granted(i.IPs)
		if err != nil {
			return nil, err
		}
		if len(addresses) == 0 {
			continue // an instance without a VM, which the list above tells
		}
		vms = append(vms, snapshot.VM{
			Group: i.Group, ID: i.ID, AZ: i.AZ, Index: indexOf(i.Index), Addresses: addresses, Inactive: i.Active != nil && !*i.Active,
		})
	}
	return vms, nil
}

// vmSize is about how many bytes of memory a VM takes.
const vmSize = 300

func indexOf(told *int) int {
	if told == nil || *told < 0 {
		return snapshot.Untold
	}
	return *told
}

// pinned returns the ids of the cloud-configs that the deployment was made with,
// nil if those are the latest.
func (f *fetcher) pinned(d listedDeployment) ([]string, error) {
	switch d.CloudConfig {
	case "latest":
		return nil, nil
	case "none":
		return []string{}, nil
	}
	ids, err := f.configsOf(d.Name)
	if err != nil {
		return nil, err
	}
	if ids == nil {
		f.unseen("the cloud-config that deployment %s was made with, which is not the latest", d.Name)
	}
	return ids, nil
}

// superseded fetches the cloud-configs that deployments are pinned to and that
// are not the latest.
func (f *fetcher) superseded() error {
	var ids []string
	for _, d := range f.snapshot.Deployments {
		ids = append(ids, d.Pinned...)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool {
		return slices.ContainsFunc(f.snapshot.CloudConfigs, func(c snapshot.Config) bool { return c.ID == id })
	})
	return inParallel(f.ctx, len(ids), func(i int) error {
		config, err := f.configByID(ids[i])
		if statusOf(err) == 404 {
			f.unseen("cloud-config %s, which was deleted while deployments are pinned to it", ids[i])
			return nil
		}
		if err != nil {
			return err
		}
		return f.addCloudConfig(config, false)
	})
}
