package watch

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
)

// unhealthy says why the watch does not see all that it should.
func (d *daemon) unhealthy(now time.Time) (reasons []string) {
	for _, i := range d.wanted() {
		s := d.segments[i.Index]
		if s == nil {
			reasons = append(reasons, i.Name+": not open")
		} else if why := s.degraded(now); why != "" {
			reasons = append(reasons, i.Name+": "+why)
		}
	}
	if len(d.segments) == 0 {
		reasons = append(reasons, "no interface is watched")
	}
	reasons = append(reasons, d.news.unheard(now)...)
	if d.configErr != nil {
		reasons = append(reasons, "the configuration could not be read again")
	}
	if d.stateErr != nil {
		reasons = append(reasons, "the state file cannot be written")
	}
	return reasons
}

// families collects samples by metric, in the text format of Prometheus.
//
// The field's library, prometheus/client_golang, was tried with these very metrics
// (v1.23.2, on a host with 500 containers): the program is 19.7 MB with it and 14.5
// MB without, of 15 that an add-on on every VM may have; watch held 19.6 MiB at
// first and 15.8 later, in place of 15.5 and 12.9, of 16. So the text is written
// here, and a test holds it to that library's parser and linter.
type families struct {
	names   []string
	heads   map[string]string
	samples map[string][]string
}

func (f *families) declare(name, kind, help string) {
	f.names = append(f.names, name)
	f.heads[name] = fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// add adds one sample; labels are names and values in turn.
func (f *families) add(name string, value float64, labels ...string) {
	var b strings.Builder
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=\"%s\"", labels[i], escape.Replace(labels[i+1]))
	}
	sample := name
	if b.Len() > 0 {
		sample += "{" + b.String() + "}"
	}
	f.samples[name] = append(f.samples[name], fmt.Sprintf("%s %v\n", sample, value))
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (f *families) write(w io.Writer) {
	for _, name := range f.names {
		io.WriteString(w, f.heads[name])
		slices.Sort(f.samples[name])
		for _, s := range f.samples[name] {
			io.WriteString(w, s)
		}
	}
}

// writeMetrics writes all metrics. Every label has a bounded number of values:
// a MAC is only in ipguard_claimant_info, at most eight for an address.
func (d *daemon) writeMetrics(w io.Writer, now time.Time) {
	f := &families{heads: map[string]string{}, samples: map[string][]string{}}
	f.declare("ipguard_conflict", "gauge", "1 while an address is in conflict, flapping or latched.")
	f.declare("ipguard_state", "gauge", "1 for the state that the address is in.")
	f.declare("ipguard_claims_total", "counter", "Claims of other stations, by the way they were seen.")
	f.declare("ipguard_last_claim_timestamp_seconds", "gauge", "When another station last claimed the address.")
	f.declare("ipguard_owner_changes_total", "counter", "How often the address passed to another station.")
	f.declare("ipguard_probes_seen_total", "counter", "Probes of others for the address; no conflict.")
	f.declare("ipguard_mac_echo_total", "counter", "Frames with our own MAC that came back: a loop or a cloned MAC.")
	f.declare("ipguard_defences_total", "counter", "Announcements sent in defence.")
	f.declare("ipguard_repairs_total", "counter", "Peers told where the address is, between two announcements.")
	f.declare("ipguard_claimant_info", "gauge", "Stations that claimed the address.")
	f.declare("ipguard_return_path_failures_total", "counter", "Checks that found the peer's answers going elsewhere.")
	f.declare("ipguard_coverage", "gauge", "1 if the method works now for the address.")
	f.declare("ipguard_degraded", "gauge", "1 if the interface does not see all that it should.")
	f.declare("ipguard_dropped_frames_total", "counter", "Frames that the kernel dropped because they were not read in time.")
	f.declare("ipguard_failures_total", "counter", "Sends and reads that failed.")
	f.declare("ipguard_host_changes_missed_total", "counter", "How often changes of this host were missed, and everything was read again.")
	f.declare("ipguard_host_changes_deaf", "gauge", "1 while the kernel does not tell what changes on this host.")
	f.declare("ipguard_interfaces_left_out", "gauge", "Interfaces with addresses that are not watched because they do not lead out of this machine.")
	f.declare("ipguard_listen_failures_total", "counter", "How often these metrics could not be served because another had their port.")
	f.declare("ipguard_malformed_frames_total", "counter", "Frames that break their RFC.")
	f.declare("ipguard_log_lines_suppressed_total", "counter", "Log lines left out under attack.")
	for _, s := range d.segments {
		d.segmentMetrics(f, s, now)
	}
	for _, g := range d.guards {
		for a, o := range g.others {
			addressMetrics(f, a, g.at.Name, true, o.holder.Memory())
			f.add("ipguard_coverage", bool2float(len(o.holder.Stations()) > 0), "address", a.String(), "interface", g.at.Name, "method", "guard")
		}
	}
	f.add("ipguard_host_changes_missed_total", float64(d.news.lost))
	f.add("ipguard_host_changes_deaf", bool2float(d.news.deaf != nil))
	kept := 0
	for _, k := range d.kept {
		kept += k.Count
	}
	f.add("ipguard_interfaces_left_out", float64(kept))
	f.add("ipguard_listen_failures_total", float64(d.serving.failures))
	f.add("ipguard_malformed_frames_total", float64(d.malformed))
	f.add("ipguard_log_lines_suppressed_total", float64(d.suppressed))
	f.write(w)
}

func (d *daemon) segmentMetrics(f *families, s *segment, now time.Time) {
	s.drain(now)
	f.add("ipguard_degraded", bool2float(s.degraded(now) != ""), "interface", s.at.Name)
	f.add("ipguard_dropped_frames_total", float64(s.dropped), "interface", s.at.Name)
	f.add("ipguard_failures_total", float64(s.failures), "interface", s.at.Name)
	for a, own := range s.own {
		addressMetrics(f, a, s.at.Name, false, own.detector.Memory())
		covered := func(method string, works bool) {
			f.add("ipguard_coverage", bool2float(works), "address", a.String(), "interface", s.at.Name, "method", method)
		}
		covered("passive", s.at.Carrier)
		covered("probe", s.at.Carrier && !own.nextProbe.IsZero())
		works := false
		for _, p := range own.paths {
			f.add("ipguard_return_path_failures_total", float64(p.failures), "address", a.String(), "interface", s.at.Name, "peer", p.peer.String())
			last := p.machine.Last()
			works = works || last == acd.PathGood || last == acd.PathDiverted
		}
		covered("return-path", works)
	}
}

func addressMetrics(f *families, a netip.Addr, device string, guarded bool, m acd.Memory) {
	labels := []string{"address", a.String(), "interface", device, "guarded", fmt.Sprint(guarded)}
	with := func(more ...string) []string { return append(slices.Clone(labels), more...) }
	f.add("ipguard_conflict", bool2float(m.State == acd.Conflicted || m.State == acd.Flapping || m.State == acd.Latched), labels...)
	for i, name := range acd.States() {
		f.add("ipguard_state", bool2float(m.State == acd.State(i)), with("state", name)...)
	}
	for how, n := range m.Claims {
		f.add("ipguard_claims_total", float64(n), with("kind", how)...)
	}
	if !m.LastClaim.IsZero() {
		f.add("ipguard_last_claim_timestamp_seconds", float64(m.LastClaim.UnixMilli())/1000, labels...)
	}
	f.add("ipguard_owner_changes_total", float64(m.OwnerChanges), labels...)
	f.add("ipguard_probes_seen_total", float64(m.Probes), labels...)
	f.add("ipguard_mac_echo_total", float64(m.Echoes), labels...)
	f.add("ipguard_defences_total", float64(m.Defences), labels...)
	f.add("ipguard_repairs_total", float64(m.Repairs), labels...)
	for _, c := range m.Claimants {
		f.add("ipguard_claimant_info", 1, with("mac", c.MAC.String())...)
	}
	if m.Others > 0 {
		f.add("ipguard_claimant_info", 1, with("mac", "other")...)
	}
}

func bool2float(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
