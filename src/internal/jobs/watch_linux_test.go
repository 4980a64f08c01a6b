//go:build !race

package jobs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// quickly are properties of a watch that sees what tests do, soon.
const quickly = `
check_every: never
log_format: json
hook: |
  #!/bin/bash
  echo "$IPGUARD_ADDRESS $IPGUARD_STATE $IPGUARD_MAC $(id -u)" >> /var/vcap/data/ipguard-watch/hooked
`

// logs is where the process writes, with bpm and without.
const logs = "sys/log/ipguard-watch/ipguard-watch.stderr.log"

// TestWatchByMonit starts and stops the process as monit does where there is no
// bpm: as the user vcap with one capability.
func TestWatchByMonit(t *testing.T) {
	t.Parallel()
	needRoot(t)
	sharedtest.Programs(t, "start-stop-daemon", "setpriv", "flock")
	s := newScene(t)
	s.install("ipguard-watch", instance{Networks: oneNetwork, Properties: properties(t, quickly)})
	monitored := monit(t, filepath.Join(s.vcap, "jobs/ipguard-watch"))[0]
	life(t, s, processControl{
		start: func() { s.monitRuns(monitored.Start) },
		stop:  func() { s.monitRuns(monitored.Stop) },
		pid:   func() int { return s.pid(monitored.Pidfile) },
	})
	t.Run("a number of another process in the pidfile", func(t *testing.T) {
		pidfile := filepath.Join(s.vcap, strings.TrimPrefix(monitored.Pidfile, "/var/vcap/"))
		check(t, os.WriteFile(pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644))
		s.monitRuns(monitored.Start)
		if pid := s.pid(monitored.Pidfile); pid == os.Getpid() || pid == 0 {
			t.Errorf("not started: the pidfile has %d", pid)
		}
		s.monitRuns(monitored.Start) // twice does no harm
		if pids := s.watches(); len(pids) != 1 {
			t.Errorf("%d processes run", len(pids))
		}
		s.monitRuns(monitored.Stop)
		check(t, os.WriteFile(pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644))
		s.monitRuns(monitored.Stop) // or this test would be gone
	})
	t.Run("many starts at once", func(t *testing.T) {
		var all []*exec.Cmd
		for range 5 {
			c := s.asOnStemcell(strings.Fields(monitored.Start)...)
			check(t, s.host.Start(c))
			all = append(all, c)
		}
		for _, c := range all {
			check(t, c.Wait())
		}
		if pids := s.watches(); len(pids) != 1 {
			t.Errorf("%d processes run", len(pids))
		}
		s.monitRuns(monitored.Stop)
	})
	t.Run("wrong words", func(t *testing.T) {
		if _, stderr, code := s.run("/var/vcap/jobs/ipguard-watch/bin/ctl", "restart"); code != 2 || !strings.Contains(stderr, "usage: ") {
			t.Errorf("code %d: %s", code, stderr)
		}
	})
	if pids := s.watches(); len(pids) != 0 {
		t.Errorf("%d processes are left", len(pids))
	}
}

// TestWatchWithoutItsPort: another program's port is no reason to fail a deploy. The
// process runs and watches, says what it lacks, and serves when the port is free.
func TestWatchWithoutItsPort(t *testing.T) {
	t.Parallel()
	needRoot(t)
	sharedtest.Programs(t, "start-stop-daemon", "setpriv", "flock")
	s := newScene(t)
	var other net.Listener
	check(t, s.host.Do(func() (err error) {
		other, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9479})
		return err
	}))
	s.install("ipguard-watch", instance{Networks: oneNetwork, Properties: properties(t, quickly+"exclude: {adresses: []}\n")})
	monitored := monit(t, filepath.Join(s.vcap, "jobs/ipguard-watch"))[0]
	s.monitRuns(monitored.Start)
	s.logSays("metrics are not served; watching without them, and trying again", 1)
	s.logSays("watching", 1)
	check(t, other.Close())
	s.logSays("metrics", 1)
	if failures := s.metric("ipguard_listen_failures_total"); failures == "" || failures == "0" {
		t.Errorf("the next scrape tells of %q failures", failures)
	}
	text, err := os.ReadFile(filepath.Join(s.vcap, logs))
	check(t, err)
	if !strings.Contains(string(text), "WARNING: there is no property exclude.adresses; it changes nothing\n") {
		t.Errorf("%s", text)
	}
	s.monitRuns(monitored.Stop)
}

// TestWatchOnTwoNetworks: the gateway of a network that has no default route is in
// none of the VM's routes; the director's word makes it the peer of the second card.
func TestWatchOnTwoNetworks(t *testing.T) {
	t.Parallel()
	needRoot(t)
	sharedtest.Programs(t, "start-stop-daemon", "setpriv", "flock")
	s := newScene(t)
	check(t, s.Connect(s.host, wirelab.Station(0xa2), netip.MustParsePrefix("10.8.52.191/24")))
	s.add("gateway", macO, netip.MustParsePrefix("10.8.52.1/24"))
	networks := map[string]any{"storage": map[string]any{"type": "manual", "ip": "10.8.52.191", "gateway": "10.8.52.1"}}
	maps.Copy(networks, oneNetwork)
	s.install("ipguard-watch", instance{Networks: networks, Properties: properties(t, "check_every: 1s\nlog_format: json")})
	monitored := monit(t, filepath.Join(s.vcap, "jobs/ipguard-watch"))[0]
	s.monitRuns(monitored.Start)
	s.logSays("metrics", 1)
	for address, device := range map[string]string{victim.Addr().String(): "eth0", "10.8.52.191": "eth1"} {
		eventually(t, "a way back to "+address, func() bool {
			return s.metric(`ipguard_coverage{address="`+address+`",interface="`+device+`",method="return-path"}`) == "1"
		})
	}
	s.monitRuns(monitored.Stop)
}

// bpmProcess is what bpm reads of one process (docs/config.md of bpm-release).
type bpmProcess struct {
	Name, Executable string
	Args             []string
	Env              map[string]string
	Capabilities     []string
	EphemeralDisk    bool `yaml:"ephemeral_disk"`
	Limits           struct {
		Memory    string
		OpenFiles int `yaml:"open_files"`
	}
}

// TestWatchByBPM runs what bpm.yml says as bpm does: as a user without rights,
// with the capabilities that it names and no more, on a root that cannot be
// written to but for the job's own folders.
func TestWatchByBPM(t *testing.T) {
	t.Parallel()
	needRoot(t)
	sharedtest.Programs(t, "setpriv", "prlimit")
	s := newScene(t)
	s.install("ipguard-watch", instance{Networks: oneNetwork, Properties: properties(t, quickly+"use_bpm: true\n")})
	text, err := os.ReadFile(filepath.Join(s.vcap, "jobs/ipguard-watch/config/bpm.yml"))
	check(t, err)
	var config struct{ Processes []bpmProcess }
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	check(t, decoder.Decode(&config))
	if len(config.Processes) != 1 || !config.Processes[0].EphemeralDisk {
		t.Fatalf("%+v", config)
	}
	b := &bpm{vm: s.vm, process: config.Processes[0]}
	life(t, s, processControl{start: b.start, stop: b.stop, pid: func() int { return b.running.Process.Pid }})
}

// bpm stands in for bpm.
type bpm struct {
	vm
	process bpmProcess
	running *exec.Cmd
}

// asBPM makes everything below /var/vcap read-only but the job's own folders, and
// becomes the user.
const asBPM = `set -e
for folder in data sys/log; do
  mount --bind "/var/vcap/$folder/ipguard-watch" "/var/vcap/$folder/ipguard-watch"
done
mount -o remount,bind,ro /var/vcap
exec "$@"`

func (b *bpm) start() {
	b.t.Helper()
	user := strconv.Itoa(vcap)
	for _, folder := range []string{"data/ipguard-watch", "sys/log/ipguard-watch"} {
		path := filepath.Join(b.vcap, folder)
		check(b.t, os.MkdirAll(path, 0o755))
		check(b.t, os.Chown(path, vcap, vcap))
	}
	capabilities := "-all"
	for _, c := range b.process.Capabilities {
		capabilities += ",+" + strings.ToLower(c)
	}
	arguments := []string{
		"sh", "-c", asBPM, "sh", "prlimit", fmt.Sprintf("--nofile=%d", b.process.Limits.OpenFiles),
		"setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups", "--no-new-privs",
		"--inh-caps=" + capabilities, "--ambient-caps=" + capabilities, "--bounding-set=" + capabilities,
		b.process.Executable,
	}
	b.running = b.command(append(arguments, b.process.Args...)...)
	log, err := os.OpenFile(filepath.Join(b.vcap, logs), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(b.t, err)
	defer log.Close()
	b.running.Stderr = log
	check(b.t, b.host.Start(b.running))
}

func (b *bpm) stop() {
	b.t.Helper()
	check(b.t, b.running.Process.Signal(syscall.SIGTERM))
	if err := b.running.Wait(); err != nil {
		b.t.Errorf("ended with %v", err)
	}
}

// processControl starts and stops the process.
type processControl struct {
	start, stop func()
	pid         func() int
}

// life is a watch's: it starts, sees a conflict, tells it in its log, by its hook
// and by its metrics, ends, and knows it when it starts again.
func life(t *testing.T, s scene, c processControl) {
	t.Helper()
	c.start()
	s.logSays("watching", 1)
	if caps := capabilities(t, c.pid()); caps != "0000000000002000" { // CAP_NET_RAW is bit 13
		t.Errorf("the process has capabilities %s", caps)
	}
	if uid := userOf(t, c.pid()); uid == 0 {
		t.Error("the process is root")
	}
	// What a former owner claims is forgiven for a while.
	s.conflict("10.9.0.191")
	line := s.logSays("address conflict", 1)
	for _, want := range []string{`"address":"10.9.0.191"`, `"mac":"00:50:56:00:00:0b"`, `"vendor":"VMware"`} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if got := s.metric(`ipguard_conflict{address="10.9.0.191",interface="eth0",guarded="false"}`); got != "1" {
		t.Errorf("ipguard_conflict is %q", got)
	}
	hooked := filepath.Join(s.vcap, "data/ipguard-watch/hooked")
	want := fmt.Sprintf("10.9.0.191 conflict 00:50:56:00:00:0b %d\n", userOf(t, c.pid()))
	eventually(t, "the hook", func() bool {
		b, err := os.ReadFile(hooked)
		return err == nil && strings.HasPrefix(string(b), want)
	})
	claims := s.metric(`ipguard_claims_total{address="10.9.0.191",interface="eth0",guarded="false",kind="arp-request"}`)
	pid := c.pid()
	c.stop()
	if syscall.Kill(pid, 0) == nil {
		t.Error("the process is still there")
	}
	s.logSays("stopped", 1)
	c.start()
	s.logSays("watching", 2)
	got := s.metric(`ipguard_claims_total{address="10.9.0.191",interface="eth0",guarded="false",kind="arp-request"}`)
	if got != claims || claims == "" {
		t.Errorf("after a restart %q claims are known, before %q were", got, claims)
	}
	c.stop()
	s.logSays("stopped", 2)
}

// monitRuns runs a program as monit does: it must end, and well.
func (v vm) monitRuns(program string) {
	v.t.Helper()
	v.ends(v.asOnStemcell(strings.Fields(program)...))
	v.t.Cleanup(v.killWatches)
}

// ends runs a command that must end well.
func (v vm) ends(c *exec.Cmd) (stdout string) {
	v.t.Helper()
	stdout, stderr, code := v.await(c)
	if code != 0 {
		v.t.Fatalf("%q ended with %d: %s%s", c.Args, code, stdout, stderr)
	}
	return stdout
}

// watches are the processes of the program that run on the VM: those in its
// network namespace.
func (v vm) watches() (pids []int) {
	v.t.Helper()
	var here string
	check(v.t, v.host.Do(func() (err error) {
		here, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}))
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	check(v.t, err)
	for _, name := range names {
		// What cannot be read is gone, or another's.
		text, _ := os.ReadFile(name)
		there, _ := os.Readlink(filepath.Join(filepath.Dir(name), "ns/net"))
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil && there == here && string(text) == "ipguard\n" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killWatches ends what a failed test left.
func (v vm) killWatches() {
	for _, pid := range v.watches() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
	}
}

// kill kills the process of a pidfile, if there is one.
func kill(t testing.TB, pidfile string) {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid > 1 {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}

// asOnStemcell is a command on the VM where there is a user vcap.
func (v vm) asOnStemcell(arguments ...string) *exec.Cmd {
	v.t.Helper()
	accounts := filepath.Join(v.t.TempDir(), "accounts")
	for name, line := range map[string]string{"passwd": "vcap:x:1000:1000:BOSH System User:/home/vcap:/bin/bash\n", "group": "vcap:x:1000:\n"} {
		text, err := os.ReadFile("/etc/" + name)
		check(v.t, err)
		if !strings.Contains(string(text), "\nvcap:") {
			text = append(text, line...)
		}
		check(v.t, os.WriteFile(accounts+"."+name, text, 0o644))
	}
	script := `for name in passwd group; do mount --bind "$1.$name" "/etc/$name"; done; shift; exec "$@"`
	return v.command(append([]string{"sh", "-c", script, "sh", accounts}, arguments...)...)
}

// TestWatchUnderMonit lets the real monit do it: start, start again after a
// crash, restart and stop.
func TestWatchUnderMonit(t *testing.T) {
	t.Parallel()
	needRoot(t)
	sharedtest.Programs(t, "monit", "start-stop-daemon", "setpriv", "flock")
	s := newScene(t)
	s.install("ipguard-watch", instance{Networks: oneNetwork, Properties: properties(t, quickly)})
	dir := t.TempDir()
	settings := filepath.Join(dir, "monitrc")
	text := "set daemon 1\nset httpd port 2822 and use address 127.0.0.1\n  allow 127.0.0.1\n"
	for key, file := range map[string]string{"log": "log", "idfile": "id", "statefile": "state", "pidfile": "pid"} {
		text += "set " + key + " " + filepath.Join(dir, file) + "\n"
	}
	text += "include /var/vcap/jobs/ipguard-watch/monit\n"
	check(t, os.WriteFile(settings, []byte(text), 0o600))
	check(t, os.Chmod(filepath.Join(s.vcap, "jobs/ipguard-watch/monit"), 0o600)) // as the agent does
	monit := func(words ...string) string {
		t.Helper()
		return s.ends(s.asOnStemcell(append([]string{"monit", "-c", settings}, words...)...))
	}
	monit("-t")
	monit()
	t.Cleanup(func() {
		kill(t, filepath.Join(dir, "pid"))
		s.killWatches()
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if t.Failed() {
			t.Logf("monit's log (%v):\n%s", err, log)
		}
	})
	const pidfile = "/var/vcap/sys/run/ipguard-watch/ipguard-watch.pid"
	running := func() bool { return strings.Contains(monit("status", "ipguard-watch"), "OK") && s.pid(pidfile) > 0 }
	s.logSays("watching", 1)
	eventually(t, "that monit sees the process", running)
	check(t, syscall.Kill(s.pid(pidfile), syscall.SIGKILL))
	s.logSays("watching", 2)
	eventually(t, "that monit sees the next process", running)
	monit("restart", "ipguard-watch")
	s.logSays("watching", 3)
	eventually(t, "that monit sees the process after a restart", running)
	monit("stop", "ipguard-watch")
	s.logSays("stopped", 2)
	eventually(t, "that monit has stopped it", func() bool { return s.pid(pidfile) == 0 && len(s.watches()) == 0 })
}

// pid reads a pidfile; 0 if there is none.
func (v vm) pid(pidfile string) int {
	v.t.Helper()
	text, err := os.ReadFile(filepath.Join(v.vcap, strings.TrimPrefix(pidfile, "/var/vcap/")))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(v.t, err)
	return pid
}

// logSays waits until the log has a message for the nth time, and returns the line.
func (v vm) logSays(message string, n int) (line string) {
	v.t.Helper()
	eventually(v.t, fmt.Sprintf("%q in the log", message), func() bool {
		text, err := os.ReadFile(filepath.Join(v.vcap, logs))
		if err != nil {
			return false
		}
		seen := 0
		for l := range strings.Lines(string(text)) {
			if strings.Contains(l, `"msg":"`+message+`"`) {
				line = l
				seen++
			}
		}
		return seen >= n
	})
	return line
}

// conflict has another machine claim the address until the log tells of it: what
// is claimed in the first seconds may be a former owner's and is forgiven.
func (s scene) conflict(address string) {
	s.t.Helper()
	o := s.add("o", macO)
	claim, err := frame.Announcement(macB, victim.Addr())
	check(s.t, err)
	eventually(s.t, "a conflict", func() bool {
		check(s.t, o.Inject(claim))
		text, err := os.ReadFile(filepath.Join(s.vcap, logs))
		return err == nil && strings.Contains(string(text), `"msg":"address conflict","address":"`+address)
	})
}

// metric scrapes a value from the default metrics address; empty if it is not
// there.
func (v vm) metric(name string) (value string) {
	v.t.Helper()
	check(v.t, v.host.Do(func() error {
		conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9479}) // on this thread
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: vm\r\nConnection: close\r\n\r\n"); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
				value = rest
			}
		}
		return nil
	}))
	return value
}

// capabilities are the effective ones of a process, as the kernel writes them.
func capabilities(t testing.TB, pid int) string { return status(t, pid, "CapEff") }

func userOf(t testing.TB, pid int) int {
	t.Helper()
	uid, err := strconv.Atoi(strings.Fields(status(t, pid, "Uid"))[1])
	check(t, err)
	return uid
}

func status(t testing.TB, pid int, key string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("process %d has no %s", pid, key)
	return ""
}
