//go:build !race

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// gateFolder makes a folder with a fleet of one director without conflicts, its
// deployment pgpool.yml, and a bosh that is the shell script text.
func gateFolder(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	for name, text := range map[string]string{
		"ipguard.yml": `directors:
- {name: promo, environment: 10.1.0.6, cloud_configs: [cloud.yml], deployments: [pgpool.yml], create_env: [{manifest: director.yml, vars_files: [vars.yml]}]}
external:
- {owner: load balancer, addresses: [10.8.52.9]}
`,
		"cloud.yml": `azs: [{name: z1}]
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.8.52.0/24, gateway: 10.8.52.1, azs: [z1], reserved: [10.8.52.2 - 10.8.52.99], static: [10.8.52.180 - 10.8.52.199], cloud_properties: {name: VLAN-52}}
compilation: {workers: 2, az: z1, network: default}
`,
		"pgpool.yml": gateManifest("10.8.52.9", false),
		"taken.yml":  gateManifest("10.8.52.9", true),
		"director.yml": `name: director
networks:
- {name: n, type: manual, subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, cloud_properties: {name: VLAN-52}}]}
resource_pools: [{name: vms, network: n, cloud_properties: {}}]
instance_groups:
- {name: bosh, instances: 1, resource_pool: vms, networks: [{name: n, static_ips: [((address))]}], jobs: [{name: director, release: bosh}]}
cloud_provider: {template: {name: cpi, release: cpi}, mbus: "https://x:y@((address)):6868"}
`,
		"vars.yml": "address: 10.8.52.10\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("bosh", []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// gateManifest is a deployment, with a virtual address if that is wanted.
func gateManifest(vip string, wanted bool) string {
	properties := "{}"
	if wanted {
		properties = "{vip: " + vip + "}"
	}
	return `name: pgpool
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.486"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: pgpool
  instances: 1
  azs: [z1]
  vm_type: default
  stemcell: default
  networks: [{name: default, static_ips: [10.8.52.191]}]
  jobs: [{name: pgpool, release: pgpool, properties: ` + properties + `}]
`
}

// gateCommand is ipguard bosh in that folder.
func gateCommand(folder string, args ...string) *exec.Cmd {
	cmd := exec.Command("ipguard", append([]string{"bosh", "-e", "10.1.0.6", "-d", "pgpool"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "IPGUARD_BOSH="+filepath.Join(folder, "bosh"), "HOME="+folder)
	return cmd
}

func fifo(t *testing.T, name string) {
	t.Helper()
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
}

// running is a started command.
type running struct {
	*exec.Cmd
	ended chan struct{}
}

func start(t *testing.T, cmd *exec.Cmd) running {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := running{cmd, make(chan struct{})}
	go func() {
		cmd.Wait()
		close(r.ended)
	}()
	return r
}

// state waits for the end.
func (r running) state() *os.ProcessState {
	<-r.ended
	return r.ProcessState
}

// meet opens one end of a pipe once the command has opened the other. A command that
// ends before fails the test, which would wait forever.
func (r running) meet(t *testing.T, name string, how int) *os.File {
	t.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		file, _ := os.OpenFile(name, how, 0)
		opened <- file
	}()
	select {
	case file := <-opened:
		return file
	case <-r.ended:
		t.Fatalf("%q never opened %s: %s", r.Args, name, r.ProcessState)
		return nil
	}
}

// heed lets programs that this test starts heed signals, also where somebody made the
// test ignore them, as a shell does with what it runs in the background.
func heed(t *testing.T) {
	t.Helper()
	taken := make(chan os.Signal, 1)
	signal.Notify(taken, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(taken) })
}

// mustRun returns what a command prints, and fails if it fails.
func mustRun(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// TestGateBecomesBosh: the process is bosh's from then on, with the signals that
// somebody ignored still ignored and no other.
func TestGateBecomesBosh(t *testing.T) {
	folder := gateFolder(t, `echo $$ $PPID
while read -r line; do case $line in SigBlk*|SigIgn*|SigCgt*) echo "$line" ;; esac; done < /proc/$$/status
ulimit -n; ulimit -Hn; umask; pwd; env | grep -v ^IPGUARD_GATE= | sort
`)
	direct := exec.Command("/bin/sh", "-c", "trap '' HUP; umask 077; ulimit -Sn 500; exec ./bosh")
	through := exec.Command("/bin/sh", "-c", "trap '' HUP; umask 077; ulimit -Sn 500; exec ipguard bosh -e 10.1.0.6 -d pgpool deploy pgpool.yml")
	var texts []string
	for _, cmd := range []*exec.Cmd{direct, through} {
		cmd.Dir, cmd.Env = folder, []string{"IPGUARD_BOSH=" + filepath.Join(folder, "bosh"), "HOME=" + folder, "PATH=" + os.Getenv("PATH"), "X=a b", "Y="}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := cmd.Process.Pid
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(out.String(), "\n")
		if want := fmt.Sprint(pid, os.Getpid()); first != want {
			t.Errorf("%q: process and parent %s, want %s", cmd.Args, first, want)
		}
		texts = append(texts, rest)
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("(-bosh alone +through ipguard):\n%s", diff)
	}
}

// TestGateInterrupted: whoever interrupts the lint has run nothing.
func TestGateInterrupted(t *testing.T) {
	heed(t)
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		folder := gateFolder(t, "touch was-run\n")
		fifo(t, "slow.yml")
		cmd := gateCommand(folder, "deploy", "slow.yml")
		ipguard := start(t, cmd)
		writer := ipguard.meet(t, "slow.yml", os.O_WRONLY)
		if err := cmd.Process.Signal(sent); err != nil {
			t.Fatal(err)
		}
		status := ipguard.state().Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != sent {
			t.Errorf("%s: %s", sent, cmd.ProcessState)
		}
		writer.Close()
		if _, err := os.Stat("was-run"); err == nil {
			t.Errorf("%s: bosh was run", sent)
		}
	}
}

// TestGateSignalsBosh: while bosh runs, its signals are its own.
func TestGateSignalsBosh(t *testing.T) {
	heed(t)
	folder := gateFolder(t, "trap 'exit 42' INT TERM\n: > ready\nwhile :; do read -r line < never; done\n")
	fifo(t, "ready")
	fifo(t, "never")
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := gateCommand(folder, "deploy", "pgpool.yml")
		ipguard := start(t, cmd)
		ipguard.meet(t, "ready", os.O_RDONLY).Close()
		if err := cmd.Process.Signal(sent); err != nil {
			t.Fatal(err)
		}
		if state := ipguard.state(); state.ExitCode() != 42 {
			t.Errorf("%s: %s", sent, state)
		}
	}
}

// TestGateHandsOverWhatWasLinted: files that change when lint is done change
// nothing any more.
func TestGateHandsOverWhatWasLinted(t *testing.T) {
	folder := gateFolder(t, `cp taken.yml pgpool.yml; echo 'address: 10.8.52.9' > vars.yml
for f in "$@"; do case $f in *dev/fd*) cat "${f##*=}" "${f##*=}" ;; esac; done
`)
	manifest := gateManifest("", false)
	want := strings.Repeat(manifest, 2) + strings.Repeat("address: 10.8.52.10\n", 2)
	if got := mustRun(t, gateCommand(folder, "deploy", "pgpool.yml", "--vars-file=vars.yml")); got != want {
		t.Errorf("bosh got:\n%s\nwant:\n%s", got, want)
	}
	if now, err := os.ReadFile("pgpool.yml"); err != nil || string(now) == manifest {
		t.Fatalf("the file did not change: %v", err)
	}
}

// TestGateChangedDuringLint: what bosh has to read from its own place must be as it
// was linted.
func TestGateChangedDuringLint(t *testing.T) {
	for _, changed := range []string{"director.yml", "store.yml", "new-store.yml"} {
		for _, change := range []bool{false, true} {
			folder := gateFolder(t, "touch was-run\n")
			if err := os.WriteFile("store.yml", []byte("x: 1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			store := "store.yml"
			if changed == "new-store.yml" {
				store = changed
			}
			fifo(t, "last.yml")
			var stderr bytes.Buffer
			// The fleet file is read after all that stands on the command line.
			cmd := gateCommand(folder, "create-env", "director.yml", "-l", "vars.yml", "--vars-store", store,
				"--ipguard-fleet", "last.yml", "--ipguard-director", "promo")
			cmd.Stderr = &stderr
			ipguard := start(t, cmd)
			writer := ipguard.meet(t, "last.yml", os.O_WRONLY)
			if change {
				file, err := os.OpenFile(changed, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(file, "y: 2")
				file.Close()
			}
			text, err := os.ReadFile("ipguard.yml")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := writer.Write(text); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			<-ipguard.ended
			_, missing := os.Stat("was-run")
			wantCode, wantText := 0, ""
			if change {
				wantCode, wantText = 3, changed+": it changed while it was linted; bosh was not run"
			}
			if cmd.ProcessState.ExitCode() != wantCode || !strings.Contains(stderr.String(), wantText) || (missing == nil) == change {
				t.Errorf("%s, changed: %t: %s, bosh was run: %t\n%s", changed, change, cmd.ProcessState, missing == nil, stderr.String())
			}
		}
	}
}

// TestGateProcessSubstitution: pipes that can be read once, and are longer than
// what the system keeps of one.
func TestGateProcessSubstitution(t *testing.T) {
	sharedtest.Programs(t, "bash")
	folder := gateFolder(t, `for f in "$@"; do case $f in *dev/fd*) cat "$f" ;; esac; done`)
	long := "long: " + strings.Repeat("x", 300_000) + "\n"
	if err := os.WriteFile("long.yml", []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(manifest string) (string, error) {
		cmd := exec.Command("bash", "-c", "ipguard bosh -e 10.1.0.6 -d pgpool deploy <(cat "+manifest+") -l <(cat long.yml) -o <(echo '[]')")
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "IPGUARD_BOSH="+filepath.Join(folder, "bosh"))
		out, err := cmd.Output()
		return string(out), err
	}
	if got, err := run("pgpool.yml"); err != nil || got != gateManifest("", false)+long+"[]\n" {
		t.Errorf("bosh got %d bytes: %v", len(got), err)
	}
	if got, err := run("taken.yml"); err == nil || got != "" {
		t.Errorf("a conflict passed: %s", got)
	}
}

// terminal opens a pseudo terminal (pty(7)) and returns both of its ends.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	return master, slave
}

// onTerminal starts a command on a terminal of its own.
func onTerminal(t *testing.T, cmd *exec.Cmd) (r running, keyboard *os.File, screen func() string) {
	t.Helper()
	master, slave := terminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	r = start(t, cmd)
	slave.Close()
	return r, master, func() string {
		var out bytes.Buffer
		io.Copy(&out, master) // ends with EIO when the last program has let go of it
		return out.String()
	}
}

// TestGateOnATerminal: bosh has the terminal, asks and is answered on it, and sees
// its control characters; ipguard writes nothing when all is well.
func TestGateOnATerminal(t *testing.T) {
	heed(t)
	// The kernel empties the terminal's queues for Ctrl-C, behind the signal: what a fast
	// program says of it may go, too, but with noflsh.
	folder := gateFolder(t, `stty noflsh; trap 'echo interrupted; exit 42' INT
[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && printf 'Continue? '; read -r answer; echo "answer $answer"; stty size
read -r line
`)
	cmd := gateCommand(folder, "deploy", "pgpool.yml")
	cmd.Env = append(cmd.Env, "TERM=xterm")
	ipguard, keyboard, screen := onTerminal(t, cmd)
	if err := unix.IoctlSetWinsize(int(keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99}); err != nil {
		t.Fatal(err)
	}
	prompt, one := "", make([]byte, 1)
	for !strings.HasSuffix(prompt, "Continue? ") {
		if _, err := io.ReadFull(keyboard, one); err != nil {
			t.Fatalf("%q, %v", prompt, err)
		}
		prompt += string(one)
	}
	// Where reading takes longer than a second, ipguard says so, and takes that line away.
	if !regexp.MustCompile(`^((\ripguard: \d+ files? read)+\r\x1b\[K)?Continue\? $`).MatchString(prompt) {
		t.Fatalf("%q", prompt)
	}
	fmt.Fprintln(keyboard, "yes")
	seen := ""
	for !strings.Contains(seen, "33 99\r\n") {
		some := make([]byte, 100)
		n, err := keyboard.Read(some)
		if err != nil {
			t.Fatalf("%q, %v", seen, err)
		}
		seen += string(some[:n])
	}
	if _, err := keyboard.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	rest := screen()
	if state := ipguard.state(); state.ExitCode() != 42 || !strings.Contains(rest, "interrupted") {
		t.Errorf("%s\n%q", state, rest)
	}
	if seen != "yes\r\nanswer yes\r\n33 99\r\n" {
		t.Errorf("the terminal showed %q", seen)
	}
}

// TestGateInterruptedAtATerminal: Ctrl-C while ipguard waits for a file.
func TestGateInterruptedAtATerminal(t *testing.T) {
	heed(t)
	folder := gateFolder(t, "touch was-run\n")
	fifo(t, "slow.yml")
	cmd := gateCommand(folder, "deploy", "slow.yml")
	shell := exec.Command("/bin/sh", "-c", `"$@"; echo "exit code $?"`, "sh")
	shell.Args = append(shell.Args, cmd.Args...)
	shell.Dir, shell.Env = cmd.Dir, cmd.Env
	onShell, keyboard, screen := onTerminal(t, shell)
	defer onShell.meet(t, "slow.yml", os.O_WRONLY).Close()
	if _, err := keyboard.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	seen := screen()
	// The shell is interrupted as well, and tells so by its own end.
	status := onShell.state().Sys().(syscall.WaitStatus)
	if !strings.Contains(seen, "exit code 130") && !(status.Signaled() && status.Signal() == syscall.SIGINT) {
		t.Errorf("%s\n%q", shell.ProcessState, seen)
	}
	if _, err := os.Stat("was-run"); err == nil {
		t.Error("bosh was run")
	}
}
