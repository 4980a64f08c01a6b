package watch

import "time"

// voice limits how often one subject may write to the log: an attack changes
// states as fast as it sends, and containers and virtual addresses come and go by
// the hundred.
type voice struct {
	minute     time.Time
	lines      int
	suppressed int
}

// How many lines a minute may tell of one address, and of all that comes and goes
// on this host.
const (
	linesPerMinute      = 6
	churnLinesPerMinute = 60
)

// say writes a line about an address, unless there were too many of them.
func (d *daemon) say(v *voice, now time.Time, write func()) {
	d.sayAtMost(linesPerMinute, v, now, write)
}

// sayOfHost tells what came or went on this host.
func (d *daemon) sayOfHost(message string, attributes ...any) {
	d.sayAtMost(churnLinesPerMinute, &d.churn, d.kernel.now(), func() { d.log.Info(message, attributes...) })
}

func (d *daemon) sayAtMost(lines int, v *voice, now time.Time, write func()) {
	if now.Sub(v.minute) >= time.Minute {
		d.unmute(v)
		v.minute = now
	}
	if v.lines++; v.lines > lines {
		v.suppressed++
		d.suppressed++
		d.muted[v] = struct{}{}
		return
	}
	write()
}

// unmute tells how many lines were left out, and lets the voice speak again.
func (d *daemon) unmute(v *voice) {
	if v.suppressed > 0 {
		d.log.Warn("log lines left out", "count", v.suppressed)
	}
	delete(d.muted, v)
	*v = voice{}
}

// unmuteAll does so for every voice whose minute is over: what was left out is
// told also if there is nothing more to say.
func (d *daemon) unmuteAll(now time.Time) {
	for v := range d.muted {
		if now.Sub(v.minute) >= time.Minute {
			d.unmute(v)
		}
	}
}
