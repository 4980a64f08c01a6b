package snapshot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/place"
)

// Encode returns the snapshot as its file holds it. It sorts what has no order
// of its own and computes what the head tells of the rest.
func (s *Snapshot) Encode() []byte {
	s.sort()
	s.tell()
	var b bytes.Buffer
	writeNode(&b, s.node())
	b.WriteByte('\n')
	return seal(b.Bytes())
}

func (s *Snapshot) sort() {
	for _, configs := range [][]Config{s.CloudConfigs, s.RuntimeConfigs} {
		slices.SortFunc(configs, func(a, b Config) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Team, b.Team), compareIDs(a.ID, b.ID))
		})
	}
	slices.SortFunc(s.Deployments, func(a, b Deployment) int { return cmp.Compare(a.Name, b.Name) })
	for _, d := range s.Deployments {
		slices.Sort(d.Teams)
		slices.SortFunc(d.Pinned, compareIDs)
		sortVMs(d.VMs)
	}
	sortVMs(s.Orphans)
	slices.Sort(s.Unseen)
}

// compareIDs orders the ids of configs, which are numbers.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func sortVMs(vms []VM) {
	for _, vm := range vms {
		slices.SortFunc(vm.Addresses, func(a, b Address) int { return cmp.Compare(a.Text, b.Text) })
	}
	slices.SortFunc(vms, func(a, b VM) int {
		return cmp.Or(cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID),
			slices.CompareFunc(a.Addresses, b.Addresses, func(x, y Address) int { return cmp.Compare(x.Text, y.Text) }))
	})
}

// object is a mapping under construction; empty values are left out.
type mapping struct{ yaml.Node }

func newMapping() *mapping { return &mapping{yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func (m *mapping) put(key string, value *yaml.Node) { put(&m.Node, key, value) }

func (m *mapping) text(key, value string) {
	if value != "" {
		m.put(key, text(value))
	}
}

// word puts what is an id or a version where the director answers as it should.
func (m *mapping) word(key, value string) { m.text(key, place.Name(value).String()) }

func (m *mapping) flag(key string, set bool) {
	if set {
		m.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
}

func (m *mapping) texts(key string, values []string) {
	if values != nil {
		m.put(key, sequence(values, text))
	}
}

func sequence[T any](values []T, node func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range values {
		n.Content = append(n.Content, node(v))
	}
	return n
}

// node is the whole file; its first keys are those of the head.
func (s *Snapshot) node() *yaml.Node {
	m := newMapping()
	m.put("ipguard_snapshot", number64(strconv.Itoa(Version)))
	m.put("collected", text(s.Collected.UTC().Format(timeFormat)))
	m.put("director", s.Director.node())
	if s.Covers != nil {
		m.texts("covers", rangeTexts(s.Covers))
	}
	if s.Uses != nil {
		m.texts("uses", rangeTexts(s.Uses))
		id := func(id int) *yaml.Node { return number64(strconv.Itoa(id)) }
		m.put("routers", sequence(s.Routers, id))
		if len(s.Unplaced) > 0 {
			m.put("unplaced", sequence(s.Unplaced, id))
		}
		m.texts("segments", s.Segments)
	}
	m.put("deployed", number64(strconv.Itoa(s.Deployed)))
	if len(s.Unseen) > 0 {
		m.texts("unseen", s.Unseen)
	}
	m.put("kept", s.Kept.node())
	m.put("cloud_configs", sequence(s.CloudConfigs, Config.node))
	if len(s.RuntimeConfigs) > 0 {
		m.put("runtime_configs", sequence(s.RuntimeConfigs, Config.node))
	}
	m.put("deployments", sequence(s.Deployments, Deployment.node))
	if len(s.CreateEnvs) > 0 {
		m.put("create_envs", sequence(s.CreateEnvs, Content.wrapped))
	}
	if settings := s.Settings.node(); len(settings.Content) > 0 {
		m.put("settings", settings)
	}
	if len(s.Orphans) > 0 {
		m.put("orphaned_vms", sequence(s.Orphans, VM.node))
	}
	return &m.Node
}

func (k Kept) node() *yaml.Node {
	m := newMapping()
	m.texts("vip_properties", k.VIPProperties)
	if len(k.CloudProperties) > 0 {
		m.texts("cloud_properties", k.CloudProperties)
	}
	m.flag("router_ids", k.RouterIDs)
	m.flag("vm_types", k.Types)
	return &m.Node
}

// timeFormat is how the time of collection is written.
const timeFormat = time.RFC3339

func (i Identity) node() *yaml.Node {
	m := newMapping()
	m.text("name", i.Name)
	m.word("uuid", i.UUID)
	m.word("version", i.Version)
	m.word("cpi", i.CPI)
	return &m.Node
}

func (c Config) node() *yaml.Node {
	m := newMapping()
	m.word("id", c.ID)
	m.text("name", c.Name)
	m.text("team", c.Team)
	m.flag("superseded", !c.Latest)
	c.Content.put(m, "content")
	return &m.Node
}

func (c Content) put(m *mapping, key string) {
	m.text("unreadable", c.Unreadable)
	if c.node != nil {
		m.put(key, c.node)
	}
}

func (s Settings) node() *yaml.Node {
	m := newMapping()
	addresses := func(key string, list []Address) {
		if len(list) > 0 {
			m.put(key, sequence(list, func(a Address) *yaml.Node { return text(a.Text) }))
		}
	}
	addresses("director_ips", s.Own)
	addresses("answers_at", s.AnswersAt)
	addresses("proxies", s.Proxies)
	m.flag("ignore_missing_gateway", s.IgnoreMissingGateway)
	m.flag("managed_networks", s.ManagedNetworks)
	m.flag("no_config_server", s.NoConfigServer)
	if len(s.External) > 0 {
		m.put("external", sequence(s.External, External.node))
	}
	if len(s.Bookings) > 0 {
		m.put("bookings", sequence(s.Bookings, Booking.node))
	}
	if len(s.With) > 0 {
		m.texts("with", s.With)
	}
	if s.VIPs != nil {
		m.put("vip_properties", s.VIPs.node())
	}
	if s.Files != nil {
		files := newMapping()
		files.text("by", s.Files.By)
		files.put("kept", s.Files.Kept.node())
		m.put("files", &files.Node)
	}
	return &m.Node
}

// wrapped is the content as the one value of a mapping.
func (c Content) wrapped() *yaml.Node {
	m := newMapping()
	c.put(m, "manifest")
	return &m.Node
}

func (d Deployment) node() *yaml.Node {
	m := newMapping()
	m.text("name", d.Name)
	if len(d.Teams) > 0 {
		m.texts("teams", d.Teams)
	}
	m.texts("pinned", d.Pinned)
	m.flag("locked", d.Locked)
	m.text("promise", string(d.Promise))
	d.Manifest.put(m, "manifest")
	if len(d.VMs) > 0 {
		m.put("vms", sequence(d.VMs, VM.node))
	}
	return &m.Node
}

func (v VM) node() *yaml.Node {
	m := newMapping()
	m.text("deployment", v.Deployment)
	m.text("group", v.Group)
	m.word("id", v.ID)
	m.text("az", v.AZ)
	if v.Index != Untold {
		m.put("index", number64(strconv.Itoa(v.Index)))
	}
	m.flag("inactive", v.Inactive)
	m.flag("absent", v.Absent)
	m.flag("expected", v.Expected)
	m.put("ips", sequence(v.Addresses, func(a Address) *yaml.Node { return text(a.Text) }))
	return &m.Node
}

// longestLine is how long a value may be, in bytes, to stand on one line.
const longestLine = 160

// writeNode writes JSON. What does not fit on a line has each of its parts begin
// on a line of its own, but for the scalars of a list.
func writeNode(b *bytes.Buffer, n *yaml.Node) {
	start := b.Len()
	writeParts(b, n, "")
	if b.Len()-start <= longestLine || len(n.Content) == 0 {
		return
	}
	b.Truncate(start)
	writeParts(b, n, "\n")
}

// writeParts writes a value; separator stands before each of its parts. Without
// one, parts are written on the same line however long they are.
func writeParts(b *bytes.Buffer, n *yaml.Node, separator string) {
	child := writeNode
	if separator == "" {
		child = func(b *bytes.Buffer, n *yaml.Node) { writeParts(b, n, "") }
	}
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			writeSeparator(b, i, separator)
			writeText(b, n.Content[i].Value)
			b.WriteByte(':')
			child(b, n.Content[i+1])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		line := b.Len()
		for i, item := range n.Content {
			if i > 0 && item.Kind == yaml.ScalarNode && b.Len()-line < longestLine/2 {
				b.WriteByte(',') // scalars fill lines
			} else {
				writeSeparator(b, i, separator)
				line = b.Len()
			}
			child(b, item)
		}
		b.WriteByte(']')
	default:
		if n.Tag == "!!str" {
			writeText(b, n.Value)
		} else {
			b.WriteString(n.Value)
		}
	}
}

// isPlain reports whether s stands in JSON as it is, which nearly all texts do.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func writeSeparator(b *bytes.Buffer, i int, separator string) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString(separator)
}

// writeText writes a string so that whoever looks at the file, or at an answer with it,
// sees what it says.
func writeText(b *bytes.Buffer, s string) {
	if isPlain(s) {
		b.WriteByte('"')
		b.WriteString(s)
		b.WriteByte('"')
		return
	}
	encoder := json.NewEncoder(legible.NewJSONWriter(b))
	encoder.SetEscapeHTML(false)
	// Strings can always be encoded; what is no UTF-8 is replaced.
	_ = encoder.Encode(strings.ToValidUTF8(s, "\uFFFD"))
	b.Truncate(b.Len() - 1) // the encoder ends with a newline
}
