package survey

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Promised is what a director has, for those who do not see its files: its snapshot,
// if it has one, with what its files promise in the place of what they replace,
// reduced to the same form, without secrets. team is what its team's fleet file says beside
// directors; nil: what was told of that before stays. The error is of the first file that
// cannot be read, or of deployments without the cloud-config that has their networks: half
// of a promise is none.
func Promised(d fleet.Sources, loader *interpolate.Loader, files *source.Files, keep snapshot.Keep, team *Team, now time.Time) (*snapshot.Snapshot, error) {
	s := &snapshot.Snapshot{Head: snapshot.Head{Collected: now.UTC().Truncate(time.Second), Director: snapshot.Identity{Name: d.Name, Version: d.Version, CPI: d.CPI}}}
	s.Kept = keep.Kept()
	if d.Snapshot != nil {
		text, err := files.Read(d.Snapshot.Path)
		if err != nil {
			return nil, err
		}
		if s, err = snapshot.Read(d.Snapshot.Shown(), text); err != nil {
			return nil, err
		}
		if !d.Snapshot.Pushed { // else it was reduced when it came
			if s, err = s.Reduced(); err != nil { // whoever edited it may have left more in it
				return nil, &trouble.Trouble{At: d.Snapshot.At, Message: d.Snapshot.Shown() + ": " + err.Error(), Hint: "ipguard collect writes it anew"}
			}
		}
	}
	known := settled(&d, s.Settings)
	s.Settings = snapshot.Settings{
		IgnoreMissingGateway: known.IgnoreMissingGateway, ManagedNetworks: known.ManagedNetworks, NoConfigServer: known.NoConfigServer,
		External: s.Settings.External, Bookings: s.Settings.Bookings, With: s.Settings.With, VIPs: s.Settings.VIPs, Files: s.Settings.Files,
	}
	if team != nil {
		if err := team.lookedFor(&d, s); err != nil {
			return nil, err
		}
		s.Settings.External, s.Settings.Bookings, s.Settings.VIPs = team.External, team.Bookings, &team.VIPs
		s.Settings.With = team.With
	}
	for _, b := range known.Addresses {
		s.Settings.Own = append(s.Settings.Own, snapshot.Address{Text: b.Range.From().String(), Block: b})
	}
	for _, r := range known.Reached {
		told := snapshot.Address{Text: r.Range.From().String(), Block: r.Block}
		if r.Proxy {
			s.Settings.Proxies = append(s.Settings.Proxies, told)
		} else {
			s.Settings.AnswersAt = append(s.Settings.AnswersAt, told)
		}
	}
	s.Director.Version, s.Director.CPI = cmp.Or(s.Director.Version, d.Version), cmp.Or(s.Director.CPI, d.CPI)
	p := &promising{snapshot: s, loader: loader, keep: keep}
	p.configs(d.CloudConfigs, &s.CloudConfigs, isCloudConfig, keep.CloudConfig)
	p.configs(d.RuntimeConfigs, &s.RuntimeConfigs, isRuntimeConfig, keep.RuntimeConfig)
	for _, e := range d.Deployments {
		p.deployment(e)
	}
	for _, e := range d.CreateEnvs {
		p.createEnv(e)
	}
	s.CreateEnvs = append(s.CreateEnvs, p.createEnvs...)
	slices.SortFunc(s.Deployments, func(a, b snapshot.Deployment) int { return compareText(a.Name, b.Name) })
	s.Deployed = len(s.Deployments)
	if at := p.needsConfig; p.err == nil && at != nil && !slices.ContainsFunc(s.CloudConfigs, func(c snapshot.Config) bool { return c.Latest && c.Team == "" }) {
		t := noCloudConfig("director "+d.Name, *at)
		p.err = &t
	}
	return s, p.err
}

// Team is what a team's fleet file says beside directors: a push tells it with each.
type Team struct {
	External []snapshot.External
	// Bookings are those of its own pools, sorted by address.
	Bookings []snapshot.Booking
	VIPs     snapshot.VIPProperties
	// With are the directors of the file that are told to others, sorted; none: it has one.
	With []string
}

// lookedFor refuses what was collected when nothing asked for the virtual addresses of the
// team: the server would not have them of files either.
func (t *Team) lookedFor(d *fleet.Sources, s *snapshot.Snapshot) error {
	lacks := s.Kept.Lacks(snapshot.Keep{VIPProperties: t.VIPs.Add}.Kept())
	if d.Snapshot == nil || len(lacks) == 0 {
		return nil
	}
	return &trouble.Trouble{
		At: d.Snapshot.At, Message: fmt.Sprintf("%s was written when nothing asked for %s", d.Snapshot.Shown(), several(lacks)),
		Hint: again(d) + ", which looks for it now",
	}
}

// Adds reports whether the fleet file, or a file that it names, says more of the director
// than a snapshot.
func Adds(d *fleet.Sources) bool {
	return len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnvs)+len(d.Addresses)+len(d.Reached) > 0 ||
		d.Version != "" || d.CPI != "" || d.IgnoreMissingGateway || d.ManagedNetworks || d.NoConfigServer
}

// Told reports whether something is known of the director: a file, or a snapshot.
func Told(d *fleet.Sources) bool {
	return d.Snapshot != nil || len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnvs) > 0
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

type promising struct {
	snapshot *snapshot.Snapshot
	loader   *interpolate.Loader
	keep     snapshot.Keep
	err      error
	// createEnvs are those of files, of which two may have one name.
	createEnvs []snapshot.Content
	// needsConfig is where the first manifest has its name whose networks are those of the
	// cloud-config.
	needsConfig *place.Place
}

func (p *promising) load(e fleet.SourceFile) (*source.Document, bool) {
	doc, err := text{SourceFile: e}.load(p.loader)
	if err != nil && p.err == nil {
		t := failure(err, e.At)
		p.err = &t
	}
	if err == nil {
		p.withholds(doc.Root())
	}
	return doc, err == nil && p.err == nil
}

// withholds stops all where a key, or the document's own name, may be a secret: it is
// what everything below is found by, and cannot be left out.
func (p *promising) withholds(root source.Value) {
	at, found := root.WithheldKey()
	if own := root.Field("name"); !found && !own.MayBeShown() {
		at, found = own, true
	}
	if found && p.err == nil {
		p.err = &trouble.Trouble{
			At: at.Place(), Message: "the variable ((" + at.Place().Through + ")) is part of a name or a key, may be a secret, and is not sent",
			Hint: "write the name where it stands, or give the variable a value of letters, digits and - _ + .",
		}
	}
}

// content keeps what the file says; what cannot be kept stops all.
func (p *promising) content(c snapshot.Content, path string) (snapshot.Content, bool) {
	if c.Unreadable != "" && p.err == nil {
		p.err = &trouble.Trouble{Message: fmt.Sprintf("%s: %s", path, c.Unreadable)}
	}
	return c, p.err == nil
}

// configs puts configs of files in the place of the director's: one with a name in that
// of its name, one without in that of all. Those that deployments are pinned to stay.
func (p *promising) configs(entries []fleet.SourceFile, list *[]snapshot.Config, is func(source.Value) error, reduce func(source.Value) snapshot.Content) {
	for i, e := range entries {
		doc, ok := p.load(e)
		if !ok {
			return
		}
		if err := is(doc.Root()); err != nil {
			t := failure(err, e.At)
			p.err = &t
			return
		}
		content, ok := p.content(reduce(doc.Root()), e.Path)
		if !ok || content.Empty() {
			continue
		}
		name := e.Name
		for j := range *list {
			if c := &(*list)[j]; c.Latest && (name == "" && !c.FromFile() || c.Name == name) {
				c.Latest = false
			}
		}
		if name == "" {
			name = "default"
			if i > 0 {
				name = fmt.Sprintf("default-%d", i+1)
			}
		}
		*list = append(*list, snapshot.Config{ID: fmt.Sprintf("file-%d", i+1), Name: name, Latest: true, Content: content})
	}
}

func (p *promising) deployment(e fleet.SourceFile) {
	doc, ok := p.load(e)
	if !ok {
		return
	}
	if bosh.IsCreateEnv(doc.Root()) {
		p.createEnv(e)
		return
	}
	name := e.Name
	if name == "" {
		name = doc.Root().Field("name").Raw()
	}
	content, ok := p.content(p.keep.Manifest(doc.Root()), e.Path)
	if !ok {
		return
	}
	if at := doc.Root().Field("name").Place(); p.needsConfig == nil && bosh.NeedsCloudConfig(doc.Root()) {
		p.needsConfig = &at
	}
	i := slices.IndexFunc(p.snapshot.Deployments, func(d snapshot.Deployment) bool { return d.Name == name })
	if i < 0 {
		i = p.formerSelf(name, doc.Root())
	}
	if i < 0 {
		p.snapshot.Deployments = append(p.snapshot.Deployments, snapshot.Deployment{Name: name})
		i = len(p.snapshot.Deployments) - 1
	}
	p.snapshot.Deployments[i].Manifest, p.snapshot.Deployments[i].Pinned = content, nil
}

// formerSelf is the index of the deployment that the director told and that a manifest stands
// in place of though its name hides; -1 if there is none. An address that both ask for tells
// it (known_names.go).
func (p *promising) formerSelf(name string, root source.Value) int {
	m, _, _ := bosh.ReadManifest(root, bosh.Options{})
	return slices.IndexFunc(p.snapshot.Deployments, func(d snapshot.Deployment) bool {
		if !oneHides(name, d.Name) || d.Manifest.Document == nil {
			return false
		}
		told, _, _ := bosh.ReadManifest(d.Manifest.Document.Root(), bosh.Options{})
		return asksForSame(told.Groups, m.Groups)
	})
}

// createEnv adds a machine of create-env, in the place of what was told of it before.
func (p *promising) createEnv(e fleet.SourceFile) {
	doc, ok := p.load(e)
	if !ok {
		return
	}
	content, ok := p.content(p.keep.CreateEnv(doc.Root()).Named(e.Name), e.Path)
	if !ok {
		return
	}
	name := cmp.Or(e.Name, doc.Root().Field("name").Raw())
	if m, _, _ := bosh.ReadManifest(doc.Root(), bosh.Options{Form: bosh.CreateEnv}); p.snapshot.Director.CPI == "" && m != nil {
		p.snapshot.Director.CPI = m.DirectorCPI
	}
	p.snapshot.CreateEnvs = slices.DeleteFunc(p.snapshot.CreateEnvs, func(c snapshot.Content) bool {
		return c.Document != nil && c.Document.Root().Field("name").Raw() == name
	})
	p.createEnvs = append(p.createEnvs, content)
}
