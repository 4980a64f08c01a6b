// Package collector asks the directors of the server's own fleet file, on a schedule, and
// pushes what they say, as a team would.
//
//	fleet file ──due──▶ targets ──collect──▶ snapshots ──pushes.Add──▶ a version, or the same
//	                                            └─ why not ──▶ table asked
//
// Of several servers on one database one asks at a time. A director of which a team pushes
// what it says is not asked. What a team's files promise, which a director does not know,
// stays beside what it is asked (pushes.Store.Add).
package collector

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/reach"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/turns"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// By is who pushed what the server collected.
const By = pushes.Server

const (
	// turn is what one server does at a time.
	turn = "collecting"
	// spare is how much longer than a round may take it is one server's: for what is
	// written after it, and for clocks that are apart.
	spare = 5 * time.Minute
	// foreign is how old the push of a team is at least when the server asks all the same.
	foreign = 7 * 24 * time.Hour
)

// Collector asks directors.
type Collector struct {
	// FleetFile is the path of the server's own.
	FleetFile string
	Environ   []string
	// Every is how often each director is asked, and Timeout how long it may take.
	Every, Timeout time.Duration
	Pushes         *pushes.Store
	// Read and Write are the database's; they may be one.
	Read, Write *sql.DB
	Now         func() time.Time
	Log         *slog.Logger
	// Recorded is called when there is a new version.
	Recorded func(ctx context.Context, director string) error
	// Counted is told what became of each question: answered, failed or refused.
	Counted func(director, result string)

	holder string
}

// Round asks the directors that are due, if no other server is asking. What a director
// did not answer is logged and kept, and costs the others nothing.
func (c *Collector) Round(ctx context.Context) error {
	if c.holder == "" {
		c.holder = rand.Text()
	}
	file, errs := fleet.LoadOfServer(source.NewFiles(nil), c.FleetFile)
	if file == nil || len(errs) > 0 {
		return fmt.Errorf("nobody is asked: %w", errs[0])
	}
	mine, err := turns.Take(ctx, c.Write, turn, c.holder, c.Now(), c.Timeout+spare)
	if err != nil || !mine {
		return err
	}
	r := &round{Collector: c, file: file}
	err = r.run(ctx)
	return errors.Join(err, turns.Leave(context.WithoutCancel(ctx), c.Write, turn, c.holder))
}

// round is one.
type round struct {
	*Collector
	file *fleet.File
}

func (r *round) run(ctx context.Context) error {
	asked, err := list(ctx, r.Read)
	if err != nil {
		return err
	}
	heads, err := r.Pushes.Heads(ctx)
	if err != nil {
		return err
	}
	if err := r.forget(ctx, asked); err != nil {
		return err
	}
	config, err := r.boshConfig()
	if err != nil {
		return err
	}
	var targets []collect.Target
	wanted := workspace.Keep(r.file)
	for i := range r.file.Directors {
		d := &r.file.Directors[i]
		name := d.Name.Value
		if d.Environment.Target.Value == "" || !r.due(asked[name]) {
			continue
		}
		told, err := r.told(ctx, heads, name)
		if err != nil {
			return err
		}
		if r.isPushed(told) {
			continue
		}
		wanted.VIPProperties = append(wanted.VIPProperties, told.vips...)
		access, err := reach.Of(r.file, d, config, r.variable)
		if err != nil {
			if err := r.failed(ctx, d.Name.Value, "failed", trouble.Of(err).Message); err != nil {
				return err
			}
			continue
		}
		targets = append(targets, collect.Target{Name: d.Name.Value, Access: access})
	}
	if len(targets) == 0 {
		return nil
	}
	var failed error
	collect.Run(ctx, targets, collect.Options{Keep: wanted, Timeout: r.Timeout, Config: config, Now: r.Now}, func(result collect.Result) {
		failed = errors.Join(failed, r.take(ctx, result))
	})
	return failed
}

// forget takes away what became of questions to directors that nobody asks any more.
func (r *round) forget(ctx context.Context, asked map[string]Asked) error {
	for name := range asked {
		still := slices.ContainsFunc(r.file.Directors, func(d fleet.Director) bool {
			return d.Name.Value == name && d.Environment.Target.Value != ""
		})
		if still {
			continue
		}
		if _, err := r.Write.ExecContext(ctx, `delete from asked where director = $1`, name); err != nil {
			return err
		}
	}
	return nil
}

// boshConfig is bosh's configuration where BOSH_CONFIG names one, and else none: whoever
// runs a server has not logged in to directors.
func (c *Collector) boshConfig() (*environment.Config, error) {
	path := c.variable("BOSH_CONFIG")
	if path == "" {
		path = "/dev/null"
	}
	return environment.Load(path)
}

func (c *Collector) variable(name string) string {
	for _, v := range c.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// due reports whether a director is to be asked again: after Every, and up to a tenth
// more or less, so that not all are asked at one time.
func (c *Collector) due(last Asked) bool {
	h := fnv.New32a()
	fmt.Fprint(h, last.Director, last.At.UnixMicro())
	jitter := time.Duration(float64(c.Every) * (float64(h.Sum32()%2001)/10000 - 0.1))
	wait := c.Now().Sub(last.At)
	return wait < 0 || wait >= c.Every+jitter // before: a clock was ahead
}

// told is what the last push of a director says.
type told struct {
	// byTeam is when a team pushed last what the director says, also if that was nothing
	// new; the zero time where the server asks it.
	byTeam time.Time
	// vips are properties of virtual addresses that a team named beside files.
	vips []bosh.Pattern
}

// told looks at the last push of a director. Files alone, beside what the server asked, do
// not keep it from asking again, nor does a push that is damaged.
func (c *Collector) told(ctx context.Context, heads []pushes.Push, name string) (t told, err error) {
	i := slices.IndexFunc(heads, func(h pushes.Push) bool { return h.Director == name })
	if i < 0 {
		return t, nil
	}
	text, err := c.Pushes.Text(ctx, name, heads[i].Version)
	if errors.As(err, new(*pushes.DamagedError)) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	s, err := snapshot.Read(name+".json", text)
	if err != nil {
		return t, err
	}
	if s.Settings.VIPs != nil {
		t.vips = s.Settings.VIPs.Add
	}
	if s.Settings.Files == nil {
		t.byTeam = teamsPush(&heads[i])
	}
	return t, nil
}

// isPushed reports whether a team pushes what the director says.
func (c *Collector) isPushed(t told) bool {
	return !t.byTeam.IsZero() && c.Now().Sub(t.byTeam) < foreign
}

// teamsPush is when a team pushed something of a director that has a UUID.
func teamsPush(h *pushes.Push) time.Time {
	switch {
	case h.UUID == "" || h.By == By:
		return time.Time{}
	case h.Collected.After(h.At): // the same again
		return h.Collected
	}
	return h.At
}

// take pushes what a director said.
func (r *round) take(ctx context.Context, result collect.Result) error {
	name := result.Target.Name
	if errors.Is(ctx.Err(), context.Canceled) && result.Err != nil {
		return nil // the server ends: that is no fault of the director
	}
	ctx = context.WithoutCancel(ctx)
	if result.Err != nil {
		return r.failed(ctx, name, "failed", result.Err.Message)
	}
	pushed, fresh, err := r.Pushes.Add(ctx, name, result.Snapshot.Encode(), By)
	if refused := (*pushes.RefusedError)(nil); errors.As(err, &refused) {
		return r.failed(ctx, name, "refused", refused.Message)
	}
	if err != nil {
		return err
	}
	if fresh {
		r.Log.Info("a director told something new", "director", name, "version", pushed.Version)
		if err := r.Recorded(ctx, name); err != nil {
			return err
		}
	}
	r.Counted(name, "answered")
	return keep(ctx, r.Write, Asked{Director: name, At: r.Now(), Answered: r.Now()})
}

// failed keeps why there is nothing new of a director. What it said last stays.
func (r *round) failed(ctx context.Context, name, result, reason string) error {
	r.Log.Warn("a director is not known as it is now", "director", name, "reason", reason)
	r.Counted(name, result)
	return keep(ctx, r.Write, Asked{Director: name, At: r.Now(), Error: reason})
}
