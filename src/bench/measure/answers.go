//go:build linux

package main

// measureAnswers asks the large fleet for an address, and for a free one. Both
// read what lint reads, so lint is the peer.
func measureAnswers(s *settings, t *table) error {
	folder, _, err := s.makeFleet("answers")
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what string
		args []string
	}{
		{"who, about one address", []string{"who", "10.0.0.50"}},
		{"free, in a /16", []string{"free", "10.0.0.0/16"}},
	} {
		ask := command{args: append([]string{s.ipguard}, c.args...), folder: folder}
		lint := command{args: []string{s.ipguard, "lint"}, folder: folder}
		results, err := sideBySide(s.runs, ask, lint)
		if err != nil {
			return err
		}
		t.durations("time: "+c.what, results[0].walls, results[1].walls, 1.1)
		t.durations("time on processors", results[0].cpus, results[1].cpus, 0)
	}
	return nil
}
