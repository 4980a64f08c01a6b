//go:build linux

package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

func TestMain(m *testing.M) {
	os.Exit(wirelab.Main(m, func() int {
		return Run(context.Background())
	}))
}

// The cast of the incident: A is the victim, B the rogue, D the director and
// gateway, O a third machine.
var (
	macA = wirelab.Station(0xa)
	macB = wirelab.Station(0xb)
	macD = wirelab.Station(0xd)
	macO = wirelab.Station(0xf)

	victim  = netip.MustParsePrefix("10.9.0.191/24")
	victim6 = netip.MustParsePrefix("2001:db8:9::bf/64")
	peer    = netip.MustParsePrefix("10.9.0.1/24")
	peer6   = netip.MustParsePrefix("2001:db8:9::1/64")
	third   = netip.MustParsePrefix("10.9.0.7/24")
)

// scene is a lab with the victim and its director.
type scene struct {
	*wirelab.Lab
	a, d *wirelab.Host
}

func newScene(t testing.TB, programs ...string) scene {
	t.Helper()
	l := wirelab.ForTest(t, programs...)
	a := add(t, l, "a", macA, victim, victim6)
	d := add(t, l, "d", macD, peer, peer6)
	check(t, a.Gateway(peer.Addr()))
	check(t, a.Gateway(peer6.Addr()))
	return scene{l, a, d}
}

func add(t testing.TB, l *wirelab.Lab, name string, mac frame.MAC, addresses ...netip.Prefix) *wirelab.Host {
	t.Helper()
	h, err := l.Host(name, mac, addresses...)
	check(t, err)
	return h
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ipguard runs the program in the host and returns what it printed and its code.
func ipguard(t testing.TB, h *wirelab.Host, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return run(t, h, wirelab.Program(args...))
}

func run(t testing.TB, h *wirelab.Host, c *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	check(t, h.Start(c))
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// dialHere connects on the calling thread, in its namespace.
func dialHere(address string) (net.Conn, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(a))
}

func commandOutput(name string, args ...string) ([]byte, error) {
	return exec.Command(name, args...).Output()
}
