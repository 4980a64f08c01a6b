package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// head is the form of a snapshot's first keys. Lists of texts and what was kept, which
// are most of them, are read by themselves.
type head struct {
	Version   int       `json:"ipguard_snapshot"`
	Collected time.Time `json:"collected"`
	Director  Identity  `json:"director"`
	Deployed  int       `json:"deployed"`
	Routers   []int     `json:"routers"`
	Unplaced  []int     `json:"unplaced"`
	Rest      *checksum `json:"rest"`
	Head      *checksum `json:"head"`
	kept      kept
	// covers and uses are nil where they are not there.
	covers, uses, segments, unseen []string
}

// kept is the form of Kept.
type kept struct {
	VIPProperties   []string `json:"vip_properties"`
	CloudProperties []string `json:"cloud_properties"`
	RouterIDs       bool     `json:"router_ids"`
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
	decoder
}

// decoder decodes heads. What a fleet's snapshots kept is the same in nearly all, and
// decoded once.
type decoder struct {
	tokens jsontext.Decoder
	rare   []byte // keys that are decoded at the end, as a mapping
	kept   map[string]kept
}

// Read reads one head.
func (r *HeadReader) Read(path string) (Head, error) {
	if err := r.read(path); err != nil {
		e := &trouble.Trouble{At: place.Place{File: path}, Message: "cannot read this file: " + withoutPath(err).Error()}
		if errors.Is(err, fs.ErrNotExist) {
			e.Message = "no such file"
		}
		return Head{}, e
	}
	return r.head(path, r.text.Bytes())
}

func (r *HeadReader) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r.text.Reset()
	const usual = 128 << 10 // more than nearly all have: to grow is to copy
	if info, err := file.Stat(); err == nil && info.Size() < source.MaxFileSize {
		r.text.Grow(max(usual, int(info.Size())+bytes.MinRead)) // what it needs to see the end
	}
	n, err := r.text.ReadFrom(io.LimitReader(file, source.MaxFileSize+1))
	if err == nil && n > source.MaxFileSize {
		err = fmt.Errorf("it is larger than %d MiB", source.MaxFileSize>>20)
	}
	return err
}

// readHead reads the keys up to the one that ends the head.
func readHead(path string, data []byte) (Head, error) { return new(decoder).head(path, data) }

func (d *decoder) head(path string, data []byte) (Head, error) {
	fail := func(format string, args ...any) (Head, error) {
		return Head{}, &trouble.Trouble{At: place.Place{File: path, Line: 1, Column: 1}, Message: fmt.Sprintf(format, args...), Hint: collectAgain}
	}
	h, summed, rest, err := d.keys(data)
	switch {
	case errors.As(err, new(*json.UnmarshalTypeError)), errors.As(err, new(*time.ParseError)):
		return fail("this is no snapshot: %s", jsonMessage(err))
	case err != nil:
		return fail("this is no complete snapshot: %s", jsonMessage(err))
	case h.Version == 0 || h.Collected.IsZero():
		return fail("this is no snapshot")
	case h.Version != Version:
		return fail("this snapshot has version %d of its form, and this ipguard reads version %d", h.Version, Version)
	case h.Rest != nil && len(rest) < h.Rest.Bytes:
		return fail("this is no complete snapshot: it ends in the middle")
	case h.Rest != nil && *h.Rest != sumOf(rest):
		return fail("this snapshot is not as it was written: its checksum is another one")
	case h.Head != nil && *h.Head != sumOf(summed):
		return fail("this snapshot's head is not as it was written: its checksum is another one")
	}
	covers, ok := parseSet(h.covers)
	uses, ok2 := parseSet(h.uses)
	if !ok || !ok2 {
		return fail("covers must be a list of addresses, and uses too")
	}
	return Head{
		Collected: h.Collected, Director: h.Director, Unseen: h.unseen, Deployed: h.Deployed, Kept: Kept(h.kept), Covers: covers, Uses: uses,
		Routers: h.Routers, Unplaced: h.Unplaced, Segments: h.segments, Sealed: h.Rest != nil && h.Head != nil,
	}, nil
}

// keys reads the mapping that data begins with, up to the key that ends the head.
// summed is what the head's checksum is of, rest what stands behind the head. Nothing
// may stand between that checksum and the end of the head.
func (d *decoder) keys(data []byte) (h head, summed, rest []byte, err error) {
	d.tokens.Reset(bytes.NewBuffer(data))
	d.rare = append(d.rare[:0], '{')
	if token, err := d.tokens.ReadToken(); err != nil {
		return h, nil, nil, err
	} else if token.Kind() != '{' {
		return h, nil, nil, &json.UnmarshalTypeError{}
	}
	for d.tokens.PeekKind() == '"' {
		name, err := d.tokens.ReadValue()
		if err != nil {
			return h, nil, nil, err
		}
		key := string(name[1 : len(name)-1])
		switch {
		case key == firstBehind:
			return h, summed, data[d.tokens.InputOffset():], d.decodeRare(&h)
		case summed != nil:
			return h, nil, nil, errors.New("something stands behind the checksum of its head")
		case key == lastOfHead:
			summed = data[:d.tokens.InputOffset()-int64(len(name))]
		}
		value, err := d.tokens.ReadValue()
		if err == nil {
			err = d.set(&h, key, value)
		}
		if err != nil {
			return h, nil, nil, err
		}
	}
	if _, err := d.tokens.ReadToken(); err != nil { // the end, if it is one
		return h, nil, nil, err
	}
	return h, summed, nil, d.decodeRare(&h)
}

func (d *decoder) decodeRare(h *head) error {
	return json.Unmarshal(append(bytes.TrimSuffix(d.rare, []byte(",")), '}'), h)
}

// set takes over the value of a key; keys that are not known are passed over.
func (d *decoder) set(h *head, key string, value jsontext.Value) (err error) {
	switch key {
	case "covers":
		h.covers, err = texts(key, value)
	case "uses":
		h.uses, err = texts(key, value)
	case "segments":
		h.segments, err = texts(key, value)
	case "unseen":
		h.unseen, err = texts(key, value)
	case "kept":
		known, ok := d.kept[string(value)]
		if !ok {
			if err := json.Unmarshal(value, &known); err != nil {
				return err
			}
			if d.kept == nil {
				d.kept = map[string]kept{}
			}
			d.kept[string(value)] = known
		}
		h.kept = known
	default:
		d.rare = fmt.Appendf(d.rare, `"%s":%s,`, key, value)
	}
	return err
}

// texts reads a list of strings. In nearly all nothing is escaped, and what stands
// between quotes is what they are.
func texts(key string, value jsontext.Value) (list []string, err error) {
	text := string(value)
	parts := strings.Split(text[1:max(1, len(text)-1)], `"`) // between strings, and strings
	plain := value.Kind() == '[' && !strings.Contains(text, `\`)
	list = make([]string, 0, len(parts)/2)
	for i, part := range parts {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			plain = plain && strings.Trim(part, ", \t\r\n") == ""
		}
	}
	if !plain {
		list = nil
		err = json.Unmarshal(value, &list)
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		wrongType.Field = key
	}
	return list, err
}

// Read reads the text of a snapshot. The error is a *trouble.Trouble that names path.
func Read(path string, data []byte) (*Snapshot, error) {
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
	r := &reader{path: path, lists: text.lists}
	s := &Snapshot{Head: head}
	s.CloudConfigs = readList(r, doc.Root().Field("cloud_configs"), r.config)
	s.RuntimeConfigs = readList(r, doc.Root().Field("runtime_configs"), r.config)
	s.Deployments = readList(r, doc.Root().Field("deployments"), r.deployment)
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
	err   error
}

func (r *reader) fail(v source.Value, message string) {
	if r.err == nil {
		r.err = &trouble.Trouble{At: v.Place(), Message: message, Hint: collectAgain}
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
	doc, err := source.NewDocument(r.path, v.Node(), nil, nil)
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
		VMs:      r.lists[v.Field("vms").Node()],
		Locked:   v.Field("locked").Bool(),
		At:       name.Place(),
	}
}

// NewAddress reads an address as a director prints it.
func NewAddress(s string) (Address, bool) {
	r, ok := parseGranted(s)
	return Address{Text: s, Block: bosh.Block{Range: r}}, ok
}
