package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// head is what a snapshot's first keys say.
type head struct {
	Head
	version int
	// covers and uses are nil where they are not there.
	covers, uses []string
	rest, head   *checksum
}

// lastOfHead is the head's last key, the checksum of all before it; firstBehind is
// the key behind the head.
const (
	lastOfHead  = "head"
	firstBehind = "cloud_configs"
)

// ReadHead reads the head of the snapshot at path. Of what stands behind the head
// it computes no more than the checksum that the head tells: a fleet has a hundred
// snapshots, and one deploy concerns few. The error is a *trouble.Trouble that names
// path.
func ReadHead(path string) (Head, error) { return new(HeadReader).Read(path) }

// HeadReader reads heads one after the other, as ReadHead does, into the same
// memory. The zero value is ready for use.
type HeadReader struct {
	text bytes.Buffer
	kept keptTexts
}

// keptTexts are what snapshots say that they kept, by their texts: in nearly all of a
// fleet it is the same.
type keptTexts map[string]Kept

// Read reads one head.
func (r *HeadReader) Read(path string) (Head, error) {
	if err := r.read(path); err != nil {
		e := &trouble.Trouble{At: place.Place{File: path}, Message: "cannot read this file: " + withoutPath(err).Error()}
		if errors.Is(err, fs.ErrNotExist) {
			e.Message = "no such file"
		}
		return Head{}, e
	}
	if r.kept == nil {
		r.kept = keptTexts{}
	}
	return r.kept.readHead(path, r.text.Bytes())
}

func (r *HeadReader) read(path string) error {
	file, info, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r.text.Reset()
	const usual = 128 << 10 // more than nearly all have: to grow is to copy
	if info.Size() < source.MaxFileSize {
		r.text.Grow(max(usual, int(info.Size())+bytes.MinRead)) // what it needs to see the end
	}
	n, err := r.text.ReadFrom(io.LimitReader(file, source.MaxFileSize+1))
	if err == nil && n > source.MaxFileSize {
		err = fmt.Errorf("it is larger than %d MiB", source.MaxFileSize>>20)
	}
	return err
}

func readHead(path string, data []byte) (Head, error) { return keptTexts{}.readHead(path, data) }

// readHead reads the keys up to the one that ends the head.
func (k keptTexts) readHead(path string, data []byte) (Head, error) {
	fail := func(format string, args ...any) (Head, error) {
		return Head{}, &trouble.Trouble{At: place.Place{File: path, Line: 1, Column: 1}, Message: fmt.Sprintf(format, args...), Hint: collectAgain}
	}
	h, summed, rest, err := newParser(path, data).head(k)
	var placed *trouble.Trouble
	switch {
	case errors.As(err, &placed):
		return Head{}, placed
	case err != nil:
		return fail("this is no complete snapshot: %s", jsonMessage(err))
	case h.version == 0 || h.Collected.IsZero():
		return fail("this is no snapshot")
	case h.version != Version:
		return fail("this snapshot has version %d of its form, and this ipguard reads version %d", h.version, Version)
	case h.rest != nil && len(rest) < h.rest.Bytes:
		return fail("this is no complete snapshot: it ends in the middle")
	case h.rest != nil && *h.rest != sumOf(rest):
		return fail("this snapshot is not as it was written: its checksum is another one")
	case h.head != nil && *h.head != sumOf(summed):
		return fail("this snapshot's head is not as it was written: its checksum is another one")
	}
	covers, ok := parseSet(h.covers)
	uses, ok2 := parseSet(h.uses)
	if !ok || !ok2 {
		return fail("covers must be a list of addresses, and uses too")
	}
	h.Covers, h.Uses, h.Sealed = covers, uses, h.rest != nil && h.head != nil
	return h.Head, nil
}

// Read reads the text of a snapshot. The error is a *trouble.Trouble that names path.
func Read(path string, data []byte) (*Snapshot, error) { return ReadBeside(nil, path, data) }

// ReadBeside is Read beside files whose variables may have brought names of the snapshot:
// those are sealed as they are in the files.
func ReadBeside(names *source.Names, path string, data []byte) (*Snapshot, error) {
	text, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	head, err := readHead(path, data)
	if err != nil {
		return nil, err
	}
	doc, err := source.NewDocument(path, text.root, nil, nil)
	if err != nil {
		return nil, err
	}
	names.Withhold(doc)
	r := &reader{path: path, lists: text.lists, names: names}
	for _, vms := range r.lists {
		for i := range vms {
			vm := &vms[i]
			vm.Deployment, vm.Group, vm.AZ = names.Openly(vm.Deployment), names.Openly(vm.Group), names.Openly(vm.AZ)
		}
	}
	r.headFirst(doc.Root())
	s := &Snapshot{Head: head}
	s.CloudConfigs = readList(r, doc.Root().Field("cloud_configs"), r.config)
	s.RuntimeConfigs = readList(r, doc.Root().Field("runtime_configs"), r.config)
	s.Deployments = readList(r, doc.Root().Field("deployments"), r.deployment)
	s.CreateEnvs = readList(r, doc.Root().Field("create_envs"), func(v source.Value) Content { return r.content(v, "manifest") })
	s.Settings = r.settings(doc.Root().Field("settings"))
	s.Orphans = r.lists[doc.Root().Field("orphaned_vms").Node()]
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// reader reads the parts of a snapshot; the first thing that is wrong is err.
type reader struct {
	path  string
	lists map[*yaml.Node][]VM
	names *source.Names
	err   error
}

func (r *reader) fail(v source.Value, message string) {
	if r.err == nil {
		r.err = &trouble.Trouble{At: v.Place(), Message: message, Hint: collectAgain}
	}
}

// headFirst refuses what belongs into the head and stands behind it, where nobody reads it: in
// a snapshot that somebody edited, for no other is written so.
func (r *reader) headFirst(root source.Value) {
	behind := false
	for key, value := range root.Fields() {
		switch name := key.Text(); {
		case name == firstBehind:
			behind = true
		case behind && slices.Contains(headKeys, name):
			r.fail(value, name+" stands behind "+firstBehind+", and belongs before it")
		}
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

func (r *reader) settings(v source.Value) Settings {
	s := Settings{
		IgnoreMissingGateway: v.Field("ignore_missing_gateway").Bool(), ManagedNetworks: v.Field("managed_networks").Bool(),
		NoConfigServer: v.Field("no_config_server").Bool(),
	}
	addresses := func(key string) (list []Address) {
		for _, item := range v.Field(key).Items() {
			a, ok := NewAddress(item.Text())
			if !ok {
				r.fail(item, "an address belongs here")
			}
			a.At = item.Place()
			list = append(list, a)
		}
		return list
	}
	s.Own, s.AnswersAt, s.Proxies = addresses("director_ips"), addresses("answers_at"), addresses("proxies")
	s.External = readList(r, v.Field("external"), r.external)
	s.Bookings = readList(r, v.Field("bookings"), r.booking)
	s.With = r.texts(v.Field("with"))
	s.VIPs = r.vipProperties(v.Field("vip_properties"))
	if files := v.Field("files"); files.Present() {
		kept := files.Field("kept")
		s.Files = &Files{By: files.Field("by").Text(), Kept: Kept{
			VIPProperties: r.texts(kept.Field("vip_properties")), CloudProperties: r.texts(kept.Field("cloud_properties")), RouterIDs: kept.Field("router_ids").Bool(),
			Types: kept.Field("vm_types").Bool(),
		}}
	}
	return s
}

func (r *reader) content(parent source.Value, key string) Content {
	c := Content{Unreadable: parent.Field("unreadable").Text()}
	v := parent.Field(key)
	if !v.Present() {
		return c
	}
	doc, err := source.NewDocument(r.path, v.Node(), nil, nil)
	if err != nil {
		r.fail(v, err.Error())
		return c
	}
	r.names.Withhold(doc)
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
		VMs:      r.lists[v.Field("vms").Node()],
		Locked:   v.Field("locked").Bool(),
		Promise:  Promise(v.Field("promise").Text()),
		At:       name.Place(),
	}
}

// NewAddress reads an address as a director prints it.
func NewAddress(s string) (Address, bool) {
	r, ok := parseGranted(s)
	return Address{Text: s, Block: bosh.Block{Range: r}}, ok
}
