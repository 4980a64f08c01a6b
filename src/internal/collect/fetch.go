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
	requests requestsIn
	ownTurn  chan struct{}
	target   Target
	run      *run
	share    *share

	mu       sync.Mutex
	snapshot *snapshot.Snapshot
}

// keep notes that something of that size stays in memory.
func (f *fetcher) keep(size int) error { return f.share.add(size) }

func (f *fetcher) fetch() error {
	var deployments list[listedDeployment]
	steps := []func() error{
		func() (err error) { deployments, err = f.listed(); return err },
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

// listed are all deployments.
func (f *fetcher) listed() ([]listedDeployment, error) {
	q := f.question()
	defer q.over()
	list, err := q.listDeployments()
	if err != nil {
		return nil, err
	}
	size := 0
	for _, d := range list {
		size += deploymentSize + sizeOfTexts(d.Teams) + len(d.Name) + len(d.CloudConfig)
	}
	return list, f.keep(size)
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
	q := f.question()
	defer q.over()
	configs, err := q.listConfigs("cloud")
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
	if err := f.keep(content.Size() + sizeOfTexts([]string{c.ID, c.Name, c.Team})); err != nil {
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
	q := f.question()
	defer q.over()
	text, err := q.onlyCloudConfigText()
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
	q := f.question()
	defer q.over()
	configs, err := q.listConfigs("runtime")
	if isUnknownEndpoint(err) {
		f.unseen("runtime configs, of which this director has no list yet")
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range configs {
		content := f.reduced(c.Content, f.run.opts.Keep.ReduceRuntimeConfig)
		if content.Empty() {
			continue
		}
		if err := f.keep(content.Size() + sizeOfTexts([]string{c.ID, c.Name, c.Team})); err != nil {
			return err
		}
		f.mu.Lock()
		f.snapshot.RuntimeConfigs = append(f.snapshot.RuntimeConfigs, snapshot.Config{ID: c.ID, Name: c.Name, Team: c.Team, Latest: true, Content: content})
		f.mu.Unlock()
	}
	return nil
}

func (f *fetcher) orphans() error {
	q := f.question()
	defer q.over()
	orphans, err := q.listOrphans()
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
		if err := f.keep(vmSize + len(o.InstanceName) + len(o.DeploymentName) + len(o.AZName) + sizeOfAddresses(o.IPAddresses)); err != nil {
			return err
		}
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
	var err error
	if d.Manifest, err = f.manifest(d.Name); err != nil {
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

func (f *fetcher) manifest(deployment string) (snapshot.Content, error) {
	q := f.question()
	defer q.over()
	text, err := q.manifest(deployment)
	if err != nil {
		return snapshot.Content{}, err
	}
	content := f.reduced(text, f.run.opts.Keep.ReduceManifest)
	return content, f.keep(content.Size())
}

// vms fetches the instances of a deployment. The full answer tells more about VMs,
// and nothing about instances without one.
func (f *fetcher) vms(name string) ([]snapshot.VM, error) {
	vms, err := f.instances(name)
	if err != nil || !f.run.opts.Full {
		return vms, err
	}
	running, err := f.running(name)
	return append(vms, running...), err
}

// instances are those of a deployment; with Full, those without a VM.
func (f *fetcher) instances(name string) (vms []snapshot.VM, err error) {
	q := f.question()
	defer q.over()
	instances, err := q.listInstances(name)
	if err != nil {
		return nil, err
	}
	for _, i := range instances {
		if f.run.opts.Full && i.CID != "" {
			continue
		}
		vm := snapshot.VM{Group: i.Job, ID: i.ID, AZ: i.AZ, Index: indexOf(i.Index)}
		if vm.Addresses, err = f.addresses(vm, i.IPs); err != nil {
			return nil, err
		}
		vm.Absent = i.CID == "" && len(vm.Addresses) == 0
		vm.Expected = vm.Absent && i.ExpectsVM
		vms = append(vms, vm)
	}
	return vms, nil
}

// running are the VMs of a deployment, asked for by a task.
func (f *fetcher) running(name string) (vms []snapshot.VM, err error) {
	q := f.question()
	defer q.over()
	infos, err := q.listVMs(name)
	if err != nil {
		return nil, err
	}
	for _, i := range infos {
		if len(i.IPs) == 0 {
			continue // an instance without a VM, which the other list tells
		}
		vm := snapshot.VM{Group: i.Group, ID: i.ID, AZ: i.AZ, Index: indexOf(i.Index), Inactive: i.Active != nil && !*i.Active}
		if vm.Addresses, err = f.addresses(vm, i.IPs); err != nil {
			return nil, err
		}
		vms = append(vms, vm)
	}
	return vms, nil
}

// addresses are those of a VM, which is kept with them.
func (f *fetcher) addresses(vm snapshot.VM, texts []string) ([]snapshot.Address, error) {
	if err := f.keep(vmSize + len(vm.Group) + len(vm.ID) + len(vm.AZ) + sizeOfAddresses(texts)); err != nil {
		return nil, err
	}
	return granted(texts)
}

// About how many bytes of memory are taken by a VM, an address of one, a deployment and
// a text, beside their characters.
const (
	vmSize         = 300
	addressSize    = 200
	deploymentSize = 300
	textSize       = 16
)

func sizeOfAddresses(texts []string) int { return len(texts)*addressSize + sizeOfTexts(texts) }

func sizeOfTexts(texts []string) int {
	size := textSize * len(texts)
	for _, t := range texts {
		size += len(t)
	}
	return size
}

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
	q := f.question()
	defer q.over()
	ids, err := q.configsOf(d.Name)
	if err != nil {
		return nil, err
	}
	if ids == nil {
		f.unseen("the cloud-config that deployment %s was made with, which is not the latest", d.Name)
	}
	return ids, f.keep(sizeOfTexts(ids))
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
		q := f.question()
		defer q.over()
		config, err := q.configByID(ids[i])
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
