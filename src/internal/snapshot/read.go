package snapshot

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// head is the form of a snapshot's first keys.
type head struct {
	Version   int       `json:"ipguard_snapshot"`
	Collected time.Time `json:"collected"`
	Director  Identity  `json:"director"`
	Covers    *[]string `json:"covers"`
	Deployed  int       `json:"deployed"`
	Unseen    []string  `json:"unseen"`
	Kept      struct {
		VIPProperties   []string `json:"vip_properties"`
		CloudProperties []string `json:"cloud_properties"`
	} `json:"kept"`
}

// ReadHead reads the first keys of the text of a snapshot, and makes sure that
// the rest is JSON. The error is a *source.Error that names path.
func ReadHead(path string, data []byte) (Head, error) {
	var h head
	fail := func(format string, args ...any) (Head, error) {
		return Head{}, &source.Error{Place: place.Place{File: path, Line: 1, Column: 1}, Message: fmt.Sprintf(format, args...), Hint: collectAgain}
	}
	if err := json.Unmarshal(data, &h); err != nil {
		if _, err := parse(path, data); err != nil {
			return Head{}, err // which has a place
		}
		return fail("this is no snapshot: %s", jsonMessage(err))
	}
	switch {
	case h.Version == 0 || h.Collected.IsZero():
		return fail("this is no snapshot")
	case h.Version != Version:
		return fail("this snapshot has version %d of its form, and this ipguard reads version %d", h.Version, Version)
	}
	result := Head{Collected: h.Collected, Director: h.Director, Unseen: h.Unseen, Deployed: h.Deployed}
	result.Kept.CloudProperties = h.Kept.CloudProperties
	for _, s := range h.Kept.VIPProperties {
		pattern, err := bosh.ParsePattern(s)
		if err != nil {
			return fail("%s", err)
		}
		result.Kept.VIPProperties = append(result.Kept.VIPProperties, pattern)
	}
	if h.Covers != nil {
		set, ok := parseSet(*h.Covers)
		if !ok {
			return fail("covers must be a list of addresses")
		}
		result.Covers = set
	}
	return result, nil
}

// Read reads the text of a snapshot. The error is a *source.Error that names path.
func Read(path string, data []byte) (*Snapshot, error) {
	head, err := ReadHead(path, data)
	if err != nil {
		return nil, err
	}
	root, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	doc, err := source.NewDocument(path, root, nil)
	if err != nil {
		return nil, err
	}
	r := &reader{path: path}
	s := &Snapshot{Head: head}
	s.CloudConfigs = readList(r, doc.Root().Field("cloud_configs"), r.config)
	s.RuntimeConfigs = readList(r, doc.Root().Field("runtime_configs"), r.config)
	s.Deployments = readList(r, doc.Root().Field("deployments"), r.deployment)
	s.Orphans = readList(r, doc.Root().Field("orphaned_vms"), r.vm)
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// reader reads the parts of a snapshot; the first thing that is wrong is err.
type reader struct {
	path string
	err  error
}

func (r *reader) fail(v source.Value, message string) {
	if r.err == nil {
		r.err = &source.Error{Place: v.Place(), Message: message, Hint: collectAgain}
	}
}

func readList[T any](r *reader, v source.Value, element func(source.Value) T) []T {
	if v.Present() && !v.IsList() {
		r.fail(v, "a list belongs here")
	}
	var list []T
	for _, item := range v.Items() {
		if !item.IsMap() {
			r.fail(item, "a mapping belongs here")
		}
		list = append(list, element(item))
	}
	return list
}

func (r *reader) texts(v source.Value) []string {
	if !v.Present() {
		return nil
	}
	list := []string{}
	for _, item := range v.Items() {
		list = append(list, item.Text())
	}
	return list
}

func (r *reader) config(v source.Value) Config {
	return Config{
		ID: v.Field("id").Text(), Name: v.Field("name").Text(), Team: v.Field("team").Text(),
		Latest:  !v.Field("superseded").Bool(),
		Content: r.content(v, "content"),
	}
}

func (r *reader) content(parent source.Value, key string) Content {
	c := Content{Unreadable: parent.Field("unreadable").Text()}
	v := parent.Field(key)
	if !v.Present() {
		return c
	}
	doc, err := source.NewDocument(r.path, v.Node(), nil)
	if err != nil {
		r.fail(v, err.Error())
		return c
	}
	c.node, c.Document = v.Node(), doc
	return c
}

func (r *reader) deployment(v source.Value) Deployment {
	name := v.Field("name")
	if name.Text() == "" {
		r.fail(v, "a deployment has no name")
	}
	return Deployment{
		Name: name.Text(), Teams: r.texts(v.Field("teams")), Pinned: r.texts(v.Field("pinned")),
		Manifest: r.content(v, "manifest"),
		VMs:      readList(r, v.Field("vms"), r.vm),
		At:       name.Place(),
	}
}

func (r *reader) vm(v source.Value) VM {
	vm := VM{
		Deployment: v.Field("deployment").Text(), Group: v.Field("group").Text(), ID: v.Field("id").Text(),
		AZ: v.Field("az").Text(), Inactive: v.Field("inactive").Bool(), At: v.Place(),
	}
	for _, ip := range v.Field("ips").Items() {
		granted, ok := parseGranted(ip.Text())
		if !ok {
			r.fail(ip, "an address belongs here")
			continue
		}
		vm.Addresses = append(vm.Addresses, Address{Text: ip.Text(), Block: bosh.Block{Range: granted, At: ip.Place()}})
	}
	return vm
}

// NewAddress reads an address as a director prints it.
func NewAddress(s string) (Address, bool) {
	r, ok := parseGranted(s)
	return Address{Text: s, Block: bosh.Block{Range: r}}, ok
}
