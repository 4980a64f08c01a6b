package chronicle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/turns"
)

// Keeper records what was pushed, in the order of its versions. What was pushed and not
// recorded, because a server was killed in between, is recorded by whoever looks next.
type Keeper struct {
	Plan   *central.Plan
	Pushes *pushes.Store
	Store  *Store

	mu sync.Mutex
}

// Record records what was pushed of a director and is not recorded yet; of all directors
// if none is named. One that cannot be read costs the others nothing.
func (k *Keeper) Record(ctx context.Context, director string) error {
	k.mu.Lock() // another one would do the same work
	defer k.mu.Unlock()
	heads, err := k.Pushes.Newest(ctx)
	if err != nil {
		return err
	}
	recorded, err := k.Store.Recorded(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, head := range heads {
		if director == "" || director == head.Director {
			failed = errors.Join(failed, k.catchUp(ctx, recorded[head.Director], head))
		}
	}
	return failed
}

// catchUp records the versions of a director behind the one that is recorded.
func (k *Keeper) catchUp(ctx context.Context, last turns.Version, head pushes.Push) error {
	if head.Version <= last.Version {
		return nil
	}
	list, err := k.Pushes.Versions(ctx, head.Director, last.Version)
	if err != nil {
		return err
	}
	after := last.Version
	for _, push := range list {
		text, err := k.Pushes.Text(ctx, push.Director, push.Version)
		damaged := errors.As(err, new(*pushes.DamagedError))
		if err != nil && !damaged {
			return err
		}
		v := Version{Director: push.Director, After: after, Number: push.Version, Digest: push.Digest, At: push.At}
		var done bool
		switch {
		case damaged:
			done, err = k.Store.Add(ctx, v, blind())
		case push.Retired():
			nothing := func(Claimant) *netipx.IPSet { return nil }
			done, err = k.Store.Add(ctx, v, &Sight{Hidden: nothing}) // nor is anything there
		default:
			done, err = k.add(ctx, v, text)
		}
		if err != nil || !done { // another server is at it
			return err
		}
		after = push.Version
	}
	return nil
}

// Granted are the addresses that a director granted and that are not known to be free.
func (k *Keeper) Granted(ctx context.Context, director string) ([]central.Grant, error) {
	open, err := k.Store.Granted(ctx, director)
	if err != nil {
		return nil, err
	}
	var list []central.Grant
	for _, o := range open {
		deployment, rest, _ := strings.Cut(strings.TrimPrefix(o.Owner, orphaned), "/")
		group, _, _ := strings.Cut(rest, "/")
		list = append(list, central.Grant{Deployment: deployment, Group: group, Instance: o.Owner, Block: o.Block, Unsure: o.Unsure})
	}
	return list, nil
}

func (k *Keeper) add(ctx context.Context, v Version, text []byte) (done bool, err error) {
	p, s, err := k.Plan.Alone(v.Director, text)
	if err != nil {
		return false, fmt.Errorf("the history of director %s does not go on: %w", v.Director, err)
	}
	return k.Store.Add(ctx, v, SightOf(v.Director, p, s))
}

// RecordOwn records the directors that the server knows by itself and nobody pushed, as
// they are now.
func (k *Keeper) RecordOwn(ctx context.Context, p *central.Picture) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	recorded, err := k.Store.Recorded(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(p.Own)) {
		sum := sha256.Sum256(p.Own[name])
		v := Version{Director: name, Digest: hex.EncodeToString(sum[:]), At: k.Plan.Now()}
		if last := recorded[name]; last.Version > 0 || last.Digest == v.Digest {
			continue
		}
		_, err := k.add(ctx, v, p.Own[name])
		failed = errors.Join(failed, err)
	}
	return failed
}
