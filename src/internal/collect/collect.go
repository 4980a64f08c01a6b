// Package collect asks directors what they know about addresses.
//
//	Target ──connect──▶ director, UAA ──fetch──▶ texts ──snapshot.Keep──▶ snapshot.Snapshot
//
// It talks through bosh-cli's own packages, with all that these bring: UAA and
// basic authentication, tokens that are refreshed, retries, proxies. Directors
// are asked side by side, each with a few requests at a time. One that cannot be
// reached or refuses costs nobody else anything.
//
// Manifests and configs are reduced as soon as they arrive, so that no more of
// them are in memory than are on their way. Errors never quote what a server
// answered, but for the number of an error of the director's own.
package collect

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Target is one director to ask.
type Target struct {
	// Name is how the fleet file calls it.
	Name   string
	Access environment.Access
}

// client names who asks, for messages.
func (t Target) client() string {
	if t.Access.Client == "" {
		return "the user that has logged in"
	}
	return "client " + t.Access.Client
}

// Options say how to ask.
type Options struct {
	Keep snapshot.Keep
	// Full asks for VMs by tasks, which also tell of VMs that wait to be swapped
	// in. Each deployment costs the director a task.
	Full bool
	// Timeout is how long one director may take.
	Timeout time.Duration
	// Config takes refreshed tokens.
	Config *environment.Config
	// Now is the time of collection.
	Now func() time.Time
	// Progress is told of each step; nil: nobody is. Calls do not overlap.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Directors, DirectorsDone int
	// Deployments are those of directors that have told how many they have.
	Deployments, DeploymentsDone int
}

// Result is what one director gave: a snapshot, or why there is none.
type Result struct {
	Target   Target
	Snapshot *snapshot.Snapshot
	Err      *trouble.Trouble

	share *share
}

// perDirector is how many requests one director gets at a time. Its API runs in
// few processes, and others want to use them too; where an answer takes 100 ms,
// three ask 2,000 deployments in some two minutes.
const perDirector = 3

// memoryLimit is the size of the heap, in bytes, from which on its garbage is
// collected as often as needed. 50 directors with 2,000 deployments need less.
const memoryLimit = 128 << 20

// Run asks all targets side by side and calls done with each result as it comes
// in, one at a time. It returns when all are in, or given up.
//
// What comes is bounded (bounded.go, turn.go): the size of an answer, of its lists, of
// all that one director tells, and of all that is in memory at a time. At a timeout its
// requests end. What done is called with is not kept.
func Run(ctx context.Context, targets []Target, opts Options, done func(Result)) {
	defer garbage.CollectLess(memoryLimit)()
	r := &run{opts: opts, connections: newConnections(), turns: newTurns(), kept: &kept{of: map[*share]bool{}}}
	defer r.connections.restore()
	r.progress.Directors = len(targets)
	r.tell(func(*Progress) {})
	// Where all together tell more than may be kept, some are put off: they are asked again
	// with fewer beside them, in the end alone.
	targets = r.round(ctx, targets, len(targets), done)
	for _, atATime := range []int{4, 1} {
		ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, &trouble.Trouble{
			Message: fmt.Sprintf("what the directors tell of networks and addresses takes more than %d MiB, so that it was put off, and there was no time left for it", maxKeptOfAll>>20),
			Hint:    "collect from it alone: ipguard collect NAME",
		})
		targets = r.round(ctx, targets, atATime, done)
		cancel()
	}
}

// round asks some directors and returns those that were put off.
func (r *run) round(ctx context.Context, targets []Target, atATime int, done func(Result)) (putOff []Target) {
	results, slots := make(chan Result), make(chan struct{}, max(atATime, 1))
	go func() {
		for _, t := range targets {
			slots <- struct{}{}
			go func() { results <- r.one(ctx, t) }()
		}
	}()
	for range targets {
		result := <-results
		if result.Err != nil && result.share.isPutOff() {
			putOff = append(putOff, result.Target)
		} else {
			r.tell(func(p *Progress) { p.DirectorsDone++ })
			done(result)
		}
		result.share.drop()
		<-slots
	}
	return putOff
}

type run struct {
	opts        Options
	connections *connections
	turns       *turns
	kept        *kept

	// long is held by who reduces a long text.
	long sync.Mutex

	mu       sync.Mutex
	progress Progress
}

func (r *run) tell(change func(*Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.progress)
	if r.opts.Progress != nil {
		r.opts.Progress(r.progress)
	}
}

// one asks one director, for no longer than the timeout.
func (r *run) one(ctx context.Context, t Target) Result {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	share := r.kept.share(stop)
	answer := make(chan Result, 1)
	go func() {
		s, err := r.collect(ctx, t, share)
		answer <- Result{Target: t, Snapshot: s, Err: troubleOf(err, t), share: share}
	}()
	select {
	case result := <-answer:
		if result.Err != nil && ctx.Err() != nil {
			result.Err = gaveUp(ctx, r.opts.Timeout) // what failed only because of that
		}
		return result
	case <-ctx.Done():
		return Result{Target: t, Err: gaveUp(ctx, r.opts.Timeout), share: share}
	}
}

func (r *run) collect(ctx context.Context, t Target, share *share) (*snapshot.Snapshot, error) {
	conn, err := r.connections.open(ctx, t, r.opts.Config)
	if err != nil {
		return nil, err
	}
	f := &fetcher{
		ctx: ctx, requests: conn.requests, ownTurn: make(chan struct{}, 1), target: t, run: r, share: share,
		snapshot: &snapshot.Snapshot{Head: snapshot.Head{
			Collected: r.opts.Now().UTC().Truncate(time.Second), Kept: r.opts.Keep.Kept(),
			Director: snapshot.Identity{Name: conn.info.Name, UUID: conn.info.UUID, Version: conn.info.Version, CPI: conn.info.CPI},
		}},
	}
	if err := f.fetch(); err != nil {
		return nil, err
	}
	return f.snapshot, nil
}

// inParallel calls work with 0 … n-1, as many at a time as one director takes. It
// stops at the first error and returns it.
func inParallel(ctx context.Context, n int, work func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(perDirector, n) {
		workers.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// proxyVariable is where the library looks for a proxy.
const proxyVariable = "BOSH_ALL_PROXY"

func setProxy(proxy string) error {
	if err := os.Setenv(proxyVariable, proxy); err != nil {
		return fmt.Errorf("cannot set %s", proxyVariable)
	}
	return nil
}
