package acd

import "time"

// Timing says when a Round sends. All values are ≥ 0.
type Timing struct {
	// StartDelay bounds the random wait before the first probe, so that hosts
	// that start together do not probe together (RFC 5227, PROBE_WAIT).
	StartDelay time.Duration
	// Probes is how many times each address is asked for (PROBE_NUM), ≥ 1.
	Probes int
	// MinGap and MaxGap bound the random time between two probes (PROBE_MIN,
	// PROBE_MAX).
	MinGap, MaxGap time.Duration
	// Wait is how long answers to the last probe may take (ANNOUNCE_WAIT).
	Wait time.Duration
}

// FastTiming asks three times within about 100 ms and waits 100 ms more: about
// 200 ms in all, which users of RFC timing asked for and Fedora ships.
func FastTiming() Timing {
	return Timing{Probes: 3, MinGap: 40 * time.Millisecond, MaxGap: 60 * time.Millisecond, Wait: 100 * time.Millisecond}
}

// RFC5227Timing is that of RFC 5227, 1.1: 4 to 7 seconds in all.
func RFC5227Timing() Timing {
	return Timing{StartDelay: time.Second, Probes: 3, MinGap: time.Second, MaxGap: 2 * time.Second, Wait: 2 * time.Second}
}

// Scaled returns FastTiming stretched so that an address is called free about
// total after the first probe.
func Scaled(total time.Duration) Timing {
	return Timing{Probes: 3, MinGap: total / 5, MaxGap: total * 3 / 10, Wait: total / 2}
}

// confirmations is how many times a station that claimed an address is asked
// again, by unicast, before the claim is believed.
const confirmations = 2
