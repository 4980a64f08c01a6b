package serve

import (
	"context"
	"errors"
	"time"

	"github.com/ipguard/ipguard/src/internal/collector"
	"github.com/ipguard/ipguard/src/internal/conflicts"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// How often directors may be asked, and how long one may take.
const (
	shortestEvery  = time.Minute
	collectTimeout = 5 * time.Minute
	longestTimeout = time.Hour
)

// newCollector makes what asks directors; nil if the configuration wants none.
func (s *Server) newCollector(o *Options, pushed *pushes.Store) (*collector.Collector, error) {
	c := &o.Config.Collect
	if c.Every.Length == 0 && !c.At.IsValid() {
		return nil, nil
	}
	timeout := c.Timeout.Length
	if timeout == 0 {
		timeout = collectTimeout
	}
	at := func(message, hint string) error { return wrongAt(c.At, hint, "%s", message) }
	switch {
	case c.Every.Length < shortestEvery:
		return nil, at("directors are asked at most once a minute", "collect: {every: 15m}")
	case timeout < 0 || timeout > longestTimeout:
		return nil, at("a director may take an hour at most", "collect: {timeout: 5m}")
	case o.Config.Fleet.Value == "":
		return nil, at("there is no fleet file, and so no director to ask", "add fleet: with directors that have an environment")
	}
	return &collector.Collector{
		FleetFile: o.Config.Fleet.Value, Environ: o.Environ, Every: c.Every.Length, Timeout: timeout, Pushes: pushed,
		Read: s.database.SQL(), Write: s.database.Write(), Now: o.Now, Log: o.Log, Recorded: s.recordDirector, Counted: s.metrics.collected,
	}, nil
}

// recordDirector puts what a director said newly into the records.
func (s *Server) recordDirector(ctx context.Context, name string) error {
	_, err := conflicts.RecordNow(ctx, s.plan, s.conflicts)
	return errors.Join(s.chronicle.Record(ctx, name), err)
}

// Collect asks the directors that are due.
func (s *Server) Collect(ctx context.Context) error { return s.collector.Round(ctx) }
