package snapshot

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

// NewExternal is an entry of external addresses. Of a name that may be none, such as an
// URL with a password, ok is false.
func NewExternal(owner, segment string, blocks []bosh.Block) (e External, ok bool) {
	e = External{Owner: owner, Segment: segment}
	for _, b := range blocks {
		e.Addresses = append(e.Addresses, Address{Text: rangeText(b.Range), Block: b})
	}
	return e, owner != "" && isName(owner) && isName(segment)
}

func (e External) node() *yaml.Node {
	m := newMapping()
	m.text("owner", e.Owner)
	m.text("segment", e.Segment)
	m.put("addresses", sequence(e.Addresses, func(a Address) *yaml.Node { return text(a.Text) }))
	return &m.Node
}

func (r *reader) external(v source.Value) External {
	e := External{Owner: v.Field("owner").Text(), Segment: v.Field("segment").Text(), At: v.Place()}
	if e.Owner == "" {
		r.fail(v, "external addresses have no owner")
	}
	for _, item := range v.Field("addresses").Items() {
		found, ok := parseWritten(item.Text())
		if !ok || !found.IsValid() {
			r.fail(item, "an address belongs here")
			continue
		}
		e.Addresses = append(e.Addresses, Address{Text: rangeText(found), Block: bosh.Block{Range: found, At: item.Place()}})
	}
	return e
}

func (p *VIPProperties) node() *yaml.Node {
	m := newMapping()
	for _, list := range []struct {
		key      string
		patterns []bosh.Pattern
	}{{"add", p.Add}, {"ignore", p.Ignore}} {
		if len(list.patterns) > 0 {
			m.texts(list.key, patternTexts(list.patterns))
		}
	}
	return &m.Node
}

// patternTexts are patterns as ParsePattern reads them, sorted, each once.
func patternTexts(patterns []bosh.Pattern) []string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = p.String()
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func (r *reader) vipProperties(v source.Value) *VIPProperties {
	if !v.Present() {
		return nil
	}
	patterns := func(key string) (list []bosh.Pattern) {
		for _, item := range v.Field(key).Items() {
			p, err := bosh.ParsePattern(item.Text())
			if err != nil { // it may be a secret, and is not quoted
				r.fail(item, "a pattern of job properties belongs here")
			}
			list = append(list, p)
		}
		return list
	}
	return &VIPProperties{Add: patterns("add"), Ignore: patterns("ignore")}
}

// Patterns are those by which the snapshot is read that a team pushed: the team's own
// beside shared ones. Where nobody told them, what was looked for counts: the team had
// asked for it.
func (s *Snapshot) Patterns(shared bosh.Patterns) bosh.Patterns {
	if own := s.Settings.VIPs; own != nil {
		return bosh.Patterns{Find: slices.Concat(shared.Find, own.Add), Ignore: slices.Concat(shared.Ignore, own.Ignore)}
	}
	all := bosh.Patterns{Find: slices.Clone(shared.Find), Ignore: shared.Ignore}
	for _, text := range s.Kept.VIPProperties {
		if p, err := bosh.ParsePattern(text); err == nil { // another one found nothing
			all.Find = append(all.Find, p)
		}
	}
	return all
}
