//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Three years of 100 directors with 400 claims each, of which one in a hundred changes
// each day: the address of a group, and what the director granted for it.
const (
	historyDirectors = 100
	historyClaims    = 400
	historyDays      = 3 * 365
	historyChanges   = historyClaims / 100
	historyQuestions = 2000
	// perDirector is how many addresses a director's range has.
	perDirectorRange = 2048
)

// What is hoped for: the page of an address within 20 ms, and a database that fits
// anywhere.
const (
	hopedBytes  = 200 << 20
	hopedAnswer = 20 * time.Millisecond
)

// measureHistory records three years of pushes, and asks for the history of addresses.
func measureHistory(s *settings, t *table) error {
	for _, k := range s.databases() {
		d, err := k.open(context.Background(), k.url("history"))
		if err != nil {
			return err
		}
		err = recordYears(s, t, k, d)
		if err = errors.Join(err, d.Close()); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// past is what one director has on one day: the address of each group.
type past struct {
	random *rand.Rand
	from   netip.Addr
	at     [historyClaims]int
	taken  [perDirectorRange]bool
}

func (p *past) move(group int) {
	for {
		if n := p.random.IntN(perDirectorRange); !p.taken[n] {
			p.taken[p.at[group]] = false
			p.at[group], p.taken[n] = n, true
			return
		}
	}
}

func (p *past) address(n int) netip.Addr {
	v := p.from.As4()
	return netip.AddrFrom4([4]byte{v[0], v[1], v[2] + byte(n>>8), byte(n)})
}

// sight is what the director's push shows. Half of the groups have an instance that the
// director granted the address, too.
func (p *past) sight() *chronicle.Sight {
	s := &chronicle.Sight{Has: map[chronicle.Claimant]*netipx.IPSet{}, Hidden: func(chronicle.Claimant) *netipx.IPSet { return nil }}
	for group, n := range p.at {
		var b netipx.IPSetBuilder
		b.Add(p.address(n))
		set, err := b.IPSet()
		if err != nil {
			continue // of one address it makes none
		}
		owner := fmt.Sprintf("deployment-%02d/group-%03d", group/20, group)
		s.Has[chronicle.Claimant{What: chronicle.Declared, Owner: owner}] = set
		if group%2 == 0 {
			s.Has[chronicle.Claimant{What: chronicle.Granted, Owner: owner + "/0"}] = set
		}
	}
	return s
}

func recordYears(s *settings, t *table, k database, d ledgersql.Database) error {
	ctx := context.Background()
	store := &chronicle.Store{Read: d.SQL(), Write: d.Write()}
	random := rand.New(rand.NewPCG(1, 2))
	directors := make([]*past, historyDirectors)
	for i := range directors {
		p := &past{random: random, from: netip.AddrFrom4([4]byte{10, byte(i), 0, 0})}
		for group := range p.at {
			p.at[group], p.taken[group] = group, true
		}
		directors[i] = p
	}
	before, err := bytesOf(ctx, k, d)
	if err != nil {
		return err
	}
	if err := unsynced(ctx, k, d); err != nil {
		return err
	}
	start, day := time.Now(), time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range historyDays {
		for i, p := range directors {
			for range historyChanges {
				p.move(random.IntN(historyClaims))
			}
			v := chronicle.Version{Director: fmt.Sprintf("director-%03d", i), After: int64(n), Number: int64(n + 1), At: day.AddDate(0, 0, n)}
			if done, err := store.Add(ctx, v, p.sight()); err != nil || !done {
				return errors.Join(err, fmt.Errorf("day %d of director %d was recorded: %t", n, i, done))
			}
		}
	}
	each := time.Since(start) / (historyDays * historyDirectors)
	if k.name == "PostgreSQL" { // as autovacuum leaves it
		if _, err := d.Write().ExecContext(ctx, `vacuum analyze`); err != nil {
			return err
		}
	}
	after, err := bytesOf(ctx, k, d)
	if err != nil {
		return err
	}
	size := after - before
	t.add(row{
		what: fmt.Sprintf("3 years of 100 directors in %s, and the size hoped for", k.name), ours: fmt.Sprintf("%.1f MB", float64(size)/1e6),
		peers: fmt.Sprintf("%.1f MB", hopedBytes/1e6), ratio: float64(size) / hopedBytes, target: 1,
	})
	t.add(row{what: "recording one push of 400 claims", ours: each.Round(10 * time.Microsecond).String(), peers: "-"})
	return ask(ctx, t, k, store, directors)
}

// ask asks for single addresses, and for blocks of 256.
func ask(ctx context.Context, t *table, k database, store *chronicle.Store, directors []*past) error {
	random := rand.New(rand.NewPCG(3, 4))
	for _, bits := range []int{32, 24} {
		var took []time.Duration
		lines := 0
		for range historyQuestions / (1 + (32-bits)/2) {
			a := directors[random.IntN(len(directors))].address(random.IntN(perDirectorRange))
			start := time.Now()
			list, _, err := store.History(ctx, netip.PrefixFrom(a, bits).Masked(), "", 100)
			if err != nil {
				return err
			}
			took, lines = append(took, time.Since(start)), lines+len(list)
		}
		if lines == 0 {
			return errors.New("no address has a history")
		}
		slices.Sort(took)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		t.add(row{
			what: fmt.Sprintf("history of a /%d in %s (p99; p50 %s; %d lines each), and what is hoped for", bits, k.name, p50.Round(time.Microsecond), lines/len(took)),
			ours: p99.Round(time.Microsecond).String(), peers: hopedAnswer.String(), ratio: p99.Seconds() / hopedAnswer.Seconds(), target: 1,
		})
	}
	return nil
}

// unsynced lets a database write without fsync, from then on: the disk is not what is
// measured. No part that wants fsync may come behind this one.
func unsynced(ctx context.Context, k database, d ledgersql.Database) error {
	statements := []string{`pragma synchronous = off`}
	if k.name == "PostgreSQL" {
		statements = []string{`alter system set fsync = off`, `select pg_reload_conf()`}
	}
	for _, statement := range statements {
		if _, err := d.Write().ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// bytesOf is how large a database is.
func bytesOf(ctx context.Context, k database, d ledgersql.Database) (n int64, err error) {
	question := `select page_count * page_size from pragma_page_count(), pragma_page_size()`
	if k.name == "PostgreSQL" {
		question = `select pg_database_size(current_database())`
	}
	err = d.SQL().QueryRowContext(ctx, question).Scan(&n)
	return n, err
}
