package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/scan"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// freshScan is how old a scan may be before it is called stale: VMs come and go
// in less.
const freshScan = time.Hour

// evidence is what scans of the wire saw.
type evidence struct {
	scans []answer.Scan
	// told describes each of scans.
	told []report.Scanned
	// failures are scans whose silence proves nothing.
	failures []trouble.Trouble
}

// readScans reads the files of --scan.
func readScans(paths []string, files *source.Files, streams Streams) (evidence, error) {
	var e evidence
	for _, path := range paths {
		data, err := files.Read(path)
		if err != nil {
			var unread *trouble.Trouble
			if errors.As(err, &unread) {
				return e, incomplete("write one with ipguard scan SEGMENT --format json", "%s: %s", path, unread.Message)
			}
			return e, incomplete("", "%s: %s", path, err)
		}
		results, err := scan.Read(path, data)
		if err != nil {
			return e, incomplete("write one with ipguard scan SEGMENT --format json", "%s", err)
		}
		for _, r := range results {
			e.add(path, r, streams.now())
		}
	}
	return e, nil
}

func (e *evidence) add(path string, r scan.Result, now time.Time) {
	s := answer.Scan{File: path, Prefix: r.Prefix, Segment: r.Segment}
	for _, h := range r.Hosts {
		if len(h.Stations) == 0 {
			continue // promised, and silent
		}
		heard := answer.Heard{Address: h.Address, Proxy: true}
		for _, station := range h.Stations {
			heard.Stations = append(heard.Stations, stationText(station))
			heard.Proxy = heard.Proxy && station.Proxy
		}
		s.Heard = append(s.Heard, heard)
	}
	age := now.Sub(r.Finished)
	e.scans = append(e.scans, s)
	e.told = append(e.told, report.Scanned{
		File: path, Prefix: r.Prefix, Segment: r.Segment, Interface: r.Interface, Answered: len(s.Heard),
		Finished: r.Finished, Age: age, Stale: age > freshScan || age < -time.Minute,
	})
	at := place.Place{File: path}
	if !r.Complete {
		e.failures = append(e.failures, trouble.Trouble{At: at, Message: fmt.Sprintf("the scan of %s was interrupted: what is missing in it proves nothing", r.Prefix)})
	}
	if r.Dropped > 0 {
		e.failures = append(e.failures, trouble.Trouble{At: at, Message: fmt.Sprintf("the kernel dropped %s to the scan of %s: what is missing in it may have answered", plural.Of(int(r.Dropped), "answer"), r.Prefix),
			Hint: "scan again with a lower --rate"})
	}
}

func stationText(s scan.Station) string {
	text := s.MAC.String()
	switch {
	case s.Own:
		text += " (the host that scanned)"
	case s.Vendor != "":
		text += " (" + s.Vendor + ")"
	}
	return text
}

// checkForeign refuses scans that say nothing about the question.
func (e evidence) checkForeign(foreign []answer.Scan, segments []answer.Segment) error {
	if len(foreign) == 0 {
		return nil
	}
	var names []string
	for _, g := range segments {
		if g.Name != "" && !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	what := foreign[0].Prefix.String()
	if foreign[0].Segment != "" {
		what += " in segment " + foreign[0].Segment
	}
	hint := "scan the network that is asked about"
	if len(names) > 0 {
		hint = "scan what is asked about: " + strings.Join(names, ", ")
	}
	return usage(hint, "%s is a scan of %s, which says nothing about what was asked", foreign[0].File, what)
}
