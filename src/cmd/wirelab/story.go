//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// teller prints the story.
type teller struct {
	benchmark
	begin time.Time
}

func (t *teller) chapter(format string, args ...any) {
	fmt.Printf("\n\x1b[1m%s\x1b[0m\n", fmt.Sprintf(format, args...))
}

func (t *teller) say(format string, args ...any) {
	fmt.Printf("  %5.1fs  %s\n", time.Since(t.begin).Seconds(), fmt.Sprintf(format, args...))
}

// shows runs a command in the host and prints it with what it says.
func (t *teller) shows(h *wirelab.Host, words ...string) {
	c := exec.Command(words[0], words[1:]...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	fmt.Printf("  %s$ %s\n", h.Name, strings.ReplaceAll(strings.Join(words, " "), t.program, "ipguard"))
	if err := h.Start(c); err != nil {
		t.say("%v", err)
		return
	}
	_ = c.Wait() // its code is part of the story
	for line := range strings.Lines(out.String()) {
		fmt.Printf("     | %s", line)
	}
	fmt.Printf("     | exit code %d\n", c.ProcessState.ExitCode())
}

// story plays the incident of docs/wire.md: two directors, one address.
func story(program string, _ []string) error {
	t := &teller{benchmark: benchmark{program: program}, begin: time.Now()}
	t.chapter("One segment, two directors, one address")
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	t.say("a is pgpool/1 at %s; d is its director and gateway at %s.", victim.Addr(), peer.Addr())
	h, err := wirelab.StartHeartbeat(s.a, s.d, netip.AddrPortFrom(peer.Addr(), 4222))
	if err != nil {
		return err
	}
	t.say("a keeps a TCP connection to d, one beat every 50 ms.")
	time.Sleep(3 * time.Second)

	t.chapter("Somebody's half-made VM has the same address")
	r, err := s.Rogue(wirelab.QCached, macB, victim)
	if err != nil {
		return err
	}
	t.say("It answers neither ping nor ssh, so nobody knows. Its cron job speaks every 15 minutes, to d alone.")
	h.Reset()
	if err := r.Speak(peer.Addr(), macD); err != nil {
		return err
	}
	t.say("It sends one packet to its time server ...")
	time.Sleep(8 * time.Second)
	stall, worst := h.Stop()
	t.say("... and a's connection stood still for %.1f of 8 s, %.1f s at a stretch.", stall.Seconds(), worst.Seconds())
	t.shows(s.d, "ip", "neigh", "show", victim.Addr().String())
	t.say("d now sends what is for a to %s, the other machine.", macB)

	t.chapter("Asked, at last")
	t.shows(s.a, program, "probe", victim.Addr().String())

	t.chapter("The other machine is switched off")
	if err := r.SetLink(false); err != nil {
		return err
	}
	t.shows(s.a, program, "probe", victim.Addr().String())

	t.chapter("The next one is worse, but a is watched from the beginning")
	return t.watched(s)
}

// watched plays the theft again with a rogue that answers nothing at all, while
// a watches the way back from d.
func (t *teller) watched(s scene) error {
	w, err := t.start(s.a, "--check-every", "1s", "--check-timeout", "100ms", "--probe-every", "-1s")
	if err != nil {
		return err
	}
	defer w.end()
	h, err := wirelab.StartHeartbeat(s.a, s.d, netip.AddrPortFrom(peer.Addr(), 4223))
	if err != nil {
		return err
	}
	time.Sleep(4 * time.Second)
	r, err := s.Rogue(wirelab.Cached, macB, victim)
	if err != nil {
		return err
	}
	defer func() { _ = r.SetLink(false) }()
	t.say("A machine that answers not even ARP, and speaks to d alone: no tool on a can hear or ask it.")
	h.Reset()
	if err := r.Speak(peer.Addr(), macD); err != nil {
		return err
	}
	said := time.Now()
	l, err := w.await(20*time.Second, func(l map[string]any) bool { return l["state"] == "conflict" })
	if err != nil {
		return err
	}
	t.say("watch on a, %.1f s after the rogue spoke (its kernel asks d by unicast 1 to 2 s later):", time.Since(said).Seconds())
	fmt.Printf("     | %v %v on %v, how=%v, claims=%v\n", l["msg"], l["address"], l["interface"], l["how"], l["claims"])
	time.Sleep(4 * time.Second)
	stall, worst := h.Stop()
	t.say("The check told d again who a is: the connection stood still for %.1f s, %.1f s at a stretch.", stall.Seconds(), worst.Seconds())
	return nil
}
