package snapshot

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Reduced is a snapshot that was read, reduced once more. Whoever edited it, or made it by
// a program of his own, may have left in it what collect never keeps. One that collect
// wrote stays as it is, to the byte. The error says which of the patterns that it kept is
// none.
func (s *Snapshot) Reduced() (*Snapshot, error) {
	keep := Keep{CloudProperties: s.Kept.CloudProperties}
	for i, text := range s.Kept.VIPProperties {
		pattern, err := bosh.ParsePattern(text)
		if err != nil { // it may be a secret, and is not quoted
			return nil, fmt.Errorf("kept: vip_properties: pattern %d of %d is none", i+1, len(s.Kept.VIPProperties))
		}
		keep.VIPProperties = append(keep.VIPProperties, pattern)
	}
	for _, e := range s.Settings.External {
		if !isName(e.Owner) || !isName(e.Segment) { // it may be a secret, and is not quoted
			return nil, errors.New("settings: external: the name of an owner or a segment is none")
		}
	}
	for i := range s.Settings.Bookings {
		if !s.Settings.Bookings[i].Named() {
			return nil, errors.New("settings: bookings: the name of an owner, a pool or a segment is none")
		}
	}
	if slices.ContainsFunc(s.Settings.With, func(name string) bool { return !isName(name) }) {
		return nil, errors.New("settings: with: the name of a director is none")
	}
	r := *s
	r.CloudConfigs = reducedConfigs(s.CloudConfigs, keep.CloudConfig)
	r.RuntimeConfigs = slices.DeleteFunc(reducedConfigs(s.RuntimeConfigs, keep.RuntimeConfig), func(c Config) bool { return c.Content.Empty() })
	r.Deployments = slices.Clone(s.Deployments)
	for i := range r.Deployments {
		r.Deployments[i].Manifest = r.Deployments[i].Manifest.reduced(keep.Manifest)
	}
	r.CreateEnvs = slices.Clone(s.CreateEnvs)
	for i := range r.CreateEnvs {
		r.CreateEnvs[i] = r.CreateEnvs[i].reduced(keep.CreateEnv)
	}
	return &r, nil
}

func reducedConfigs(list []Config, by func(source.Value) Content) []Config {
	list = slices.Clone(list)
	for i := range list {
		list[i].Content = list[i].Content.reduced(by)
	}
	return list
}

// reduced keeps why there is no content, and of what there is what the allow-list names.
func (c Content) reduced(by func(source.Value) Content) Content {
	if c.Document == nil {
		return c
	}
	kept := Content{Unreadable: "it is no mapping"}
	if c.Document.Root().IsMap() {
		kept = by(c.Document.Root())
	}
	if kept.Unreadable == "" {
		kept.Unreadable = c.Unreadable
	}
	return kept
}
