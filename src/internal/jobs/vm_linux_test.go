//go:build !race

package jobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

func TestMain(m *testing.M) { os.Exit(wirelab.Main(m, nil)) }

// The cast: A is the VM, B its twin, D the director and gateway, O a third
// machine.
var (
	macA = wirelab.Station(0xa)
	macB = wirelab.Station(0xb)
	macD = wirelab.Station(0xd)
	macO = wirelab.Station(0xf)

	victim  = netip.MustParsePrefix("10.9.0.191/24")
	victim6 = netip.MustParsePrefix("2001:db8:9::bf/64")
	peer    = netip.MustParsePrefix("10.9.0.1/24")
	third   = netip.MustParsePrefix("10.9.0.7/24")
)

// oneNetwork is what the director knows of A.
var oneNetwork = map[string]any{
	"default": map[string]any{"type": "manual", "ip": "10.9.0.191", "netmask": "255.255.255.0", "gateway": "10.9.0.1"},
}

// compiledBinary is the program to put on the VM: the one that was compiled as a
// VM does, where IPGUARD_COMPILED names it. CI must name it; elsewhere it is
// built here.
var compiledBinary = sync.OnceValues(func() ([]byte, error) {
	path := os.Getenv("IPGUARD_COMPILED")
	if path == "" && os.Getenv("CI") == "true" {
		return nil, errors.New("IPGUARD_COMPILED is not set: CI must test the program as a VM compiles it")
	}
	if path == "" {
		dir, err := os.MkdirTemp("", "ipguard")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "ipguard")
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./src/cmd/ipguard")
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, errors.Join(err, errors.New(string(out)))
		}
	}
	return os.ReadFile(path)
})

// vm is a host with a folder that is its /var/vcap.
type vm struct {
	t    testing.TB
	host *wirelab.Host
	vcap string
}

// scene is a segment with the VM and its director.
type scene struct {
	*wirelab.Lab
	vm
	d *wirelab.Host
}

func newScene(t testing.TB, programs ...string) scene {
	t.Helper()
	sharedtest.Programs(t, "unshare", "mount")
	l := wirelab.ForTest(t, programs...)
	a, err := l.Host("a", macA, victim)
	check(t, err)
	d, err := l.Host("d", macD, peer)
	check(t, err)
	check(t, a.Gateway(peer.Addr()))
	s := scene{l, vm{t, a, t.TempDir()}, d}
	check(t, os.Chmod(s.vcap, 0o755))
	for _, folder := range []string{"jobs", "sys/log", "sys/run", "data", "packages/ipguard/bin"} {
		check(t, os.MkdirAll(filepath.Join(s.vcap, folder), 0o755))
	}
	binary, err := compiledBinary()
	check(t, err)
	s.program(binary)
	return s
}

// add adds a host to the segment.
func (s scene) add(name string, mac frame.MAC, addresses ...netip.Prefix) *wirelab.Host {
	s.t.Helper()
	h, err := s.Host(name, mac, addresses...)
	check(s.t, err)
	return h
}

// program puts a program in the place of the package's.
func (v vm) program(text []byte) {
	v.t.Helper()
	path := filepath.Join(v.vcap, "packages/ipguard/bin/ipguard")
	check(v.t, os.RemoveAll(path))
	check(v.t, os.WriteFile(path, text, 0o755))
}

// install puts a rendered job on the VM, as the agent does.
func (v vm) install(job string, i instance) {
	v.t.Helper()
	dir := mustRender(v.t, job, i)
	to := filepath.Join(v.vcap, "jobs", job)
	check(v.t, os.RemoveAll(to))
	check(v.t, os.CopyFS(to, os.DirFS(dir)))
	check(v.t, filepath.WalkDir(to, v.asAgentWrites))
	for _, folder := range []string{"sys/log", "sys/run", "data"} { // the agent makes these
		check(v.t, os.MkdirAll(filepath.Join(v.vcap, folder, job), 0o755))
	}
}

// vcap is the user of BOSH's processes, and its group.
const vcap = 1000

// asAgentWrites gives a file of a job the owner and mode that only root and the
// group vcap can do anything with.
func (v vm) asAgentWrites(path string, entry os.DirEntry, err error) error {
	if err != nil {
		return err
	}
	mode := os.FileMode(0o640)
	if entry.IsDir() || filepath.Base(filepath.Dir(path)) == "bin" {
		mode = 0o750
	}
	err = os.Chmod(path, mode)
	if isRoot() && err == nil {
		err = os.Chown(path, 0, vcap)
	}
	return err
}

// inVM is a shell script that puts the folder in the place of /var/vcap, with all
// else below /var gone, and runs a command with the environment that the agent
// gives to scripts.
const inVM = `set -e
mount --bind "$1" /mnt
mount -t tmpfs none /var
mkdir /var/vcap
mount --bind /mnt /var/vcap
umount /mnt
shift
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"`

// command is a command as it runs on the VM. It is ended with the test.
func (v vm) command(arguments ...string) *exec.Cmd {
	all := append([]string{"--mount", "--propagation", "private", "sh", "-c", inVM, "sh", v.vcap}, arguments...)
	c := exec.CommandContext(v.t.Context(), "unshare", all...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Minute
	return c
}

// run runs a command on the VM to its end.
func (v vm) run(arguments ...string) (stdout, stderr string, code int) {
	v.t.Helper()
	return v.await(v.command(arguments...))
}

func (v vm) await(c *exec.Cmd) (stdout, stderr string, code int) {
	v.t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, io.MultiWriter(&errs)
	check(v.t, v.host.Start(c))
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		v.t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// lastLine is what an operator sees first of a log.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// needRoot skips the test where this process is not the machine's root, who alone
// can become another user.
func needRoot(t testing.TB) {
	t.Helper()
	if !isRoot() {
		sharedtest.Unavailable(t, "only the machine's root can do that")
	}
}

// isRoot tells the machine's root from that of a user namespace.
func isRoot() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && os.Geteuid() == 0 && strings.Contains(string(ids), "4294967295")
}

// patience is far longer than anything here takes.
const patience = time.Minute

// eventually waits until done says so.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen", what)
		case <-tick.C:
		}
	}
}
