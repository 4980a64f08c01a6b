//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The suites are tests of this repository, which is the working directory.
const packages = "./src/internal/"

// traps runs everything that has made other tools call a conflict where none is.
func (b *benchmark) traps() error {
	for _, suite := range []struct{ of, names string }{
		{"acd", "TestJudge|TestJudgePeer|TestNoVerdictFromNoise|TestRound|TestReturnPathSoak|TestHolder|TestHolderSoak"},
		{"watch", "TestSoak|TestManyMoveAtOnce|TestNoEcho|TestProxy|TestSharedHasNoPath"},
		{"cli", "TestProbeOnLinks|TestWatchIgnores|TestWatchPeerDown|TestWatchDeafPeer|TestScanBehindProxies|TestFabric|TestTwoCards|TestReplacedMachine"},
	} {
		passed, failed, err := tests("-run", "^("+suite.names+")$", "-v", packages+suite.of)
		if err != nil {
			return err
		}
		b.must("false alarms on the trap suite of "+suite.of, float64(failed), 0, "%d cases", passed+failed)
	}
	return nil
}

// fuzz runs every fuzz target of the codecs and state machines for a while.
func (b *benchmark) fuzz() error {
	for _, target := range []struct{ of, name string }{
		{"frame", "FuzzParse"}, {"acd", "FuzzJudge"}, {"acd", "FuzzRound"}, {"acd", "FuzzDetector"}, {"acd", "FuzzHolder"}, {"acd", "FuzzReturnPath"},
	} {
		_, failed, err := tests("-run", "^$", "-fuzz", "^"+target.name+"$", "-fuzztime", "10s", "-fuzzminimizetime", "10x", packages+target.of)
		if err != nil {
			return err
		}
		b.must("failures of "+target.of+"."+target.name, float64(failed), 0, "10 s")
	}
	_, failed, err := tests("-run", "^TestEveryLength$", "-v", packages+"frame")
	if err != nil {
		return err
	}
	b.must("frames of every length from 0 to 1514 that go wrong", float64(failed), 0, "")
	return nil
}

// tests runs tests, none of which may be skipped, and counts their cases. The
// error says that none ran.
func tests(args ...string) (passed, failed int, err error) {
	c := exec.Command("go", append([]string{"test", "-count=1"}, args...)...)
	c.Env = append(os.Environ(), "CI=true")
	out, err := c.CombinedOutput()
	text := string(out)
	passed, failed = strings.Count(text, "--- PASS: "), strings.Count(text, "--- FAIL: ")
	var exit *exec.ExitError
	switch {
	case err != nil && (!errors.As(err, &exit) || failed == 0):
		return 0, 0, fmt.Errorf("%s: %w: %s", c, err, text)
	case passed+failed == 0 && !strings.Contains(text, "elapsed: "):
		return 0, 0, fmt.Errorf("%s ran nothing: %s", c, text)
	case failed > 0:
		fmt.Print(text)
	}
	return passed, failed, nil
}
