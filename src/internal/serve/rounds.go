package serve

import (
	"context"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/conflicts"
)

// How often a server looks for what is to be done without being asked.
const (
	recordEvery = 15 * time.Second
	sendEvery   = 10 * time.Second
	sweepEvery  = time.Hour
	// lookEvery is how often the server looks which directors are due.
	lookEvery = 15 * time.Second
	// seenEvery is how old the time may be at which a conflict was seen last.
	seenEvery = 10 * time.Minute
)

// rounds are what a server does by itself, until ctx ends.
func (s *Server) rounds(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.every(ctx, recordEvery, nil, "the plan cannot be recorded", s.Record) })
	all.Go(func() { s.every(ctx, sendEvery, s.told, "webhooks cannot be told", s.sender.SendDue) })
	all.Go(func() { s.every(ctx, sweepEvery, nil, "old messages cannot be forgotten", s.sender.Sweep) })
	all.Go(func() { s.every(ctx, sweepEvery, nil, "old pushes cannot be taken away", s.Prune) })
	if s.collector != nil {
		all.Go(func() { s.every(ctx, lookEvery, nil, "directors cannot be asked", s.Collect) })
	}
	all.Wait()
}

// every does something at once, each time that somebody asks for it, and else after a
// while. An error is logged, and the next time comes.
func (s *Server) every(ctx context.Context, pause time.Duration, asked <-chan struct{}, failure string, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.log.Error(failure, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-asked:
		case <-tick.C:
		}
	}
}

// Record notes what became of the plan without a push: files of the fleet file changed,
// a snapshot became too old, or another server was killed between a push and its record.
func (s *Server) Record(ctx context.Context) error {
	if err := s.chronicle.Record(ctx, ""); err != nil {
		return err
	}
	picture, err := s.plan.Read(ctx)
	if err != nil {
		return err
	}
	if err := s.chronicle.RecordOwn(ctx, picture); err != nil {
		return err
	}
	if picture, err = s.plan.Judged(ctx, picture, true); err != nil {
		return err
	}
	now := s.now()
	if s.recorded.tag == conflicts.Digest(picture) && now.Sub(s.recorded.at) < seenEvery {
		return nil
	}
	if picture, err = conflicts.RecordNow(ctx, s.plan, s.conflicts); err != nil {
		return err
	}
	s.recorded.tag, s.recorded.at = conflicts.Digest(picture), now
	return nil
}

// Prune takes away what was pushed and is in the history.
func (s *Server) Prune(ctx context.Context) error {
	recorded, err := s.chronicle.Store.Recorded(ctx)
	if err != nil {
		return err
	}
	upTo := map[string]int64{}
	for director, v := range recorded {
		upTo[director] = v.Version
	}
	gone, err := s.plan.Pushes.Prune(ctx, upTo)
	if gone > 0 {
		s.log.Info("old pushes were taken away", "versions", gone)
	}
	return err
}

// Tell makes an attempt with all messages that are due.
func (s *Server) Tell(ctx context.Context) error { return s.sender.SendDue(ctx) }
