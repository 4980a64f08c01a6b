package pushes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// What a fleet file says beside directors (external, the bookings of its pools) it tells with
// each of them, and its directors are pushed one by one. Of one file the newest word about an
// address counts: what it said with another director before is no second claim. That it is one
// file is known where one pusher told both, and each names the other's director. Nothing
// becomes free by that: the address is told with the director that is pushed now.

// revised is a push of another director without what this one says anew.
type revised struct {
	push Push
	text []byte
}

// revise are the directors of the same file whose last word is another one about addresses of
// now.
func (s *Store) revise(ctx context.Context, director string, now *snapshot.Snapshot, by Pusher) (list []revised, err error) {
	for _, name := range now.Settings.With {
		if name == director || by.May == nil || !by.May(name) {
			continue
		}
		last, err := s.last(ctx, name)
		if err != nil {
			return nil, err
		}
		if last == nil || last.Retired() {
			continue
		}
		text, err := s.Text(ctx, name, last.Version)
		if isDamaged(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		before, err := snapshot.Read(name+".json", text)
		if err != nil {
			return nil, err
		}
		if pusherOf(last, before) != by.Name || !slices.Contains(before.Settings.With, director) || !withoutWordsOf(&before.Settings, &now.Settings) {
			continue
		}
		text = before.Encode()
		sum := sha256.Sum256(text)
		p := *last
		p.Version, p.At, p.Digest = last.Version+1, s.Now().UTC(), hex.EncodeToString(sum[:])
		list = append(list, revised{p, text})
	}
	return list, nil
}

// pusherOf is who pushed a team's files; empty where nobody knows.
func pusherOf(p *Push, s *snapshot.Snapshot) string {
	switch {
	case p.By != Server:
		return p.By
	case s.Settings.Files != nil:
		return s.Settings.Files.By
	}
	return ""
}

// withoutWordsOf takes out of settings what now says otherwise, and reports whether there was
// something.
func withoutWordsOf(before, now *snapshot.Settings) (changed bool) {
	var externals []snapshot.External
	for _, e := range before.External {
		var left, otherwise netipx.IPSetBuilder
		for _, a := range e.Addresses {
			left.AddRange(a.Range)
		}
		for _, n := range now.External {
			if n.Owner != e.Owner && (n.Segment == "" || n.Segment == e.Segment) { // in any, or in the same
				for _, a := range n.Addresses {
					otherwise.AddRange(a.Range)
				}
			}
		}
		set, _ := otherwise.IPSet() // addresses that were read make no error
		all, _ := left.IPSet()
		if !slices.ContainsFunc(set.Ranges(), all.OverlapsRange) {
			externals = append(externals, e)
			continue
		}
		changed = true
		left.RemoveSet(set)
		rest, _ := left.IPSet()
		var blocks []bosh.Block
		for _, r := range rest.Ranges() {
			blocks = append(blocks, bosh.Block{Range: r})
		}
		if kept, ok := snapshot.NewExternal(e.Owner, e.Segment, blocks); ok && len(blocks) > 0 {
			externals = append(externals, kept)
		}
	}
	bookings := slices.DeleteFunc(slices.Clone(before.Bookings), func(b snapshot.Booking) bool {
		return slices.ContainsFunc(now.Bookings, func(n snapshot.Booking) bool {
			if n.Segment != "" && n.Segment != b.Segment {
				return false
			}
			n.At, n.Segment = b.At, b.Segment
			return n.Range == b.Range && n.Pool == b.Pool && n != b
		})
	})
	changed = changed || len(bookings) < len(before.Bookings)
	before.External, before.Bookings = externals, bookings
	return changed
}
