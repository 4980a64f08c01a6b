package cli

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

var cluster = netip.MustParsePrefix("10.9.0.200/24")

// node is one of two hosts that hand an address to each other.
type node struct {
	*wirelab.Host
	mac frame.MAC
	own netip.Prefix

	mutex sync.Mutex
	held  []span
}

// span is a time in which a node had the address; until is zero while it has it.
type span struct{ from, until time.Time }

// newNode adds a host and follows, by the kernel's own news, when it has the address.
func newNode(t *testing.T, s scene, name string, m frame.MAC, own netip.Prefix) *node {
	t.Helper()
	n := &node{Host: add(t, s.Lab, name, m, own), mac: m, own: own}
	check(t, n.Gateway(peer.Addr()))
	updates, done := make(chan netlink.AddrUpdate), make(chan struct{})
	check(t, n.Do(func() error { return netlink.AddrSubscribe(updates, done) }))
	t.Cleanup(func() { close(done) })
	go func() {
		for u := range updates {
			if a, _ := netip.AddrFromSlice(u.LinkAddress.IP); a.Unmap() == cluster.Addr() {
				n.note(u.NewAddr, time.Now())
			}
		}
	}()
	return n
}

func (n *node) note(added bool, now time.Time) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	has := len(n.held) > 0 && n.held[len(n.held)-1].until.IsZero()
	switch {
	case added && !has:
		n.held = append(n.held, span{from: now})
	case !added && has:
		n.held[len(n.held)-1].until = now
	}
}

func (n *node) has() bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return len(n.held) > 0 && n.held[len(n.held)-1].until.IsZero()
}

// tardy is how late a frame, or the news of an address, may reach this test.
const tardy = 30 * time.Millisecond

// had reports whether the node had the address at that moment, give or take.
func (n *node) had(at time.Time) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, s := range n.held {
		if at.After(s.from.Add(-tardy)) && (s.until.IsZero() || at.Before(s.until.Add(tardy))) {
			return true
		}
	}
	return false
}

// mover is a program that moves an address: it starts on both nodes, and hands the
// address to one of them.
type mover struct {
	name     string
	programs []string
	turns    int
	start    func(t *testing.T, nodes [2]*node) (move func(to int))
}

// TestHandovers: real programs hand an address from one host to the other and back,
// while both watch and defend it, and a third host guards it. Nobody calls that a
// conflict, whether the address is declared to move or not; and no host sends one
// frame that speaks for the address while it does not have it.
func TestHandovers(t *testing.T) {
	for _, m := range []mover{keepalived, ucarp, ipaddr2, pgpool} {
		for _, declared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/declared %v", m.name, declared), func(t *testing.T) {
				t.Parallel()
				handovers(t, m, declared)
			})
		}
	}
}

func handovers(t *testing.T, m mover, declared bool) {
	s := newScene(t, append([]string{"ip"}, m.programs...)...)
	nodes := [2]*node{
		newNode(t, s, "n1", wirelab.Station(0x51), netip.MustParsePrefix("10.9.0.51/24")),
		newNode(t, s, "n2", wirelab.Station(0x52), netip.MustParsePrefix("10.9.0.52/24")),
	}
	ears := listenFor(t, s, cluster.Addr())
	guarded := filepath.Join(t.TempDir(), "guard.yml")
	check(t, os.WriteFile(guarded, []byte("inventory: {"+cluster.Addr().String()+": }\n"), 0o600))
	args := []string{"--interface", "eth0", "--check-every", "1s", "--check-timeout", "100ms", "--probe-every", "1s"}
	if declared {
		args = append(args, "--vip", cluster.Addr().String())
	}
	watchers := []*watcher{
		startWatch(t, nodes[0].Host, append(args, "--defend", "always")...),
		startWatch(t, nodes[1].Host, append(args, "--defend", "always")...),
		startWatch(t, s.d, append(args, "--config", guarded)...),
	}
	move := m.start(t, nodes)
	for turn := range m.turns {
		to := turn % 2
		move(to)
		await(t, fmt.Sprintf("%s gave the address to node %d, in turn %d", m.name, to+1, turn), func() bool { return nodes[to].has() && !nodes[1-to].has() })
		time.Sleep(500 * time.Millisecond) // the new owner announces itself
	}
	for n, w := range watchers {
		w.stop(os.Interrupt)
		for _, l := range w.seen {
			if l["state"] == "suspect" || l["state"] == "conflict" || l["state"] == "flapping" {
				t.Errorf("watch %d: %v", n+1, l)
			}
		}
	}
	ears.mutex.Lock()
	defer ears.mutex.Unlock()
	announced := 0
	for i, x := range ears.seen {
		claimed, ok := x.Claims()
		if !ok || claimed != cluster.Addr() {
			continue
		}
		for _, n := range nodes {
			if x.Source != n.mac {
				continue
			}
			announced++
			if !n.had(ears.at[i]) {
				t.Errorf("%s speaks for the address, which it does not have: %+v at %s, held %+v", n.Name, x, ears.at[i], n.held)
			}
		}
	}
	if announced < m.turns {
		t.Errorf("%d announcements were heard of %d handovers: this test is deaf", announced, m.turns)
	}
}

// background starts a program in the host, of which nothing is left after the test.
func background(t *testing.T, h *wirelab.Host, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	check(t, h.Start(c))
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // fails if all have ended
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, out.String())
		}
	})
	return c
}

// ends stops a program as an administrator does, and waits for its end. One that has not ended
// after some seconds is killed with all that it began: pgpool has been seen to wait for ever
// for its heartbeat's sender, after its watchdog had given the address back.
func ends(t *testing.T, c *exec.Cmd, with os.Signal) {
	t.Helper()
	check(t, c.Process.Signal(with))
	patience := time.AfterFunc(10*time.Second, func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // fails if all have ended
	})
	defer patience.Stop()
	_ = c.Wait() // the signal may be its exit status
}

var keepalived = mover{"keepalived", []string{"keepalived", "unshare", "mount"}, 4, func(t *testing.T, nodes [2]*node) func(int) {
	folder := t.TempDir()
	var running [2]*exec.Cmd
	start := func(n int) {
		name := filepath.Join(folder, fmt.Sprintf("keepalived-%d", n))
		check(t, os.WriteFile(name+".conf", fmt.Appendf(nil, `
global_defs {
 router_id r%d
 vrrp_version 3
}
vrrp_instance V {
 state BACKUP
 interface eth0
 virtual_router_id 51
 priority %d
 advert_int 0.1
 virtual_ipaddress {
  %s
 }
}
`, n, 150-50*n, cluster), 0o600))
		// It keeps its state below /run, which the nodes share.
		running[n] = background(t, nodes[n].Host, "unshare", "-m", "sh", "-c",
			"mount -t tmpfs none /run && exec keepalived -P -n -D -l -f "+name+".conf -p /run/k.pid -r /run/v.pid")
	}
	return func(to int) {
		if running[1] == nil {
			start(0)
			start(1)
			return
		}
		if to == 1 {
			ends(t, running[0], syscall.SIGTERM)
		} else {
			start(0) // of the higher priority: it takes the address back
		}
	}
}}

var ucarp = mover{"ucarp", []string{"ucarp", "arping"}, 4, func(t *testing.T, nodes [2]*node) func(int) {
	folder := t.TempDir()
	script := func(name, verb, then string) string {
		path := filepath.Join(folder, name)
		check(t, os.WriteFile(path, []byte("#!/bin/sh\nip addr "+verb+" "+cluster.String()+" dev eth0\n"+then), 0o700))
		return path
	}
	up, down := script("up", "add", "arping -q -U -c 1 -I eth0 "+cluster.Addr().String()+"\n"), script("down", "del", "")
	var running [2]*exec.Cmd
	start := func(n int) {
		running[n] = background(t, nodes[n].Host, "ucarp", "--interface=eth0", "--srcip="+nodes[n].own.Addr().String(), "--vhid=7", "--pass=secret", "--addr="+cluster.Addr().String(),
			"--upscript="+up, "--downscript="+down, "--advbase=1", fmt.Sprintf("--advskew=%d", 50*n), "--preempt", "--shutdown", "--deadratio=1")
	}
	return func(to int) {
		if running[1] == nil {
			start(0)
			start(1)
			return
		}
		if to == 1 {
			ends(t, running[0], syscall.SIGTERM)
		} else {
			start(0)
		}
	}
}}

// ipaddr2Agent is in Debian's package resource-agents.
const ipaddr2Agent = "/usr/lib/ocf/resource.d/heartbeat/IPaddr2"

// ipaddr2 is the resource agent of Pacemaker; its cluster manager stops it on one
// node before it starts it on the other.
var ipaddr2 = mover{"IPaddr2", []string{ipaddr2Agent}, 4, func(t *testing.T, nodes [2]*node) func(int) {
	folder := t.TempDir()
	run := func(n int, action string) {
		c := exec.Command(ipaddr2Agent, action)
		c.Env = append(os.Environ(), "OCF_ROOT=/usr/lib/ocf", "OCF_RESOURCE_INSTANCE=vip", "OCF_RESKEY_ip="+cluster.Addr().String(), "OCF_RESKEY_cidr_netmask=24",
			"OCF_RESKEY_nic=eth0", "OCF_RESKEY_arp_count=2", "OCF_RESKEY_arp_interval=50", "OCF_RESKEY_arp_bg=false", "HA_RSCTMP="+folder, "HA_LOGFILE=/dev/null")
		check(t, nodes[n].Do(func() error {
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("%s %s: %w: %s", ipaddr2Agent, action, err, out)
			}
			return nil
		}))
	}
	began := false
	return func(to int) {
		if began {
			run(1-to, "stop")
		}
		began = true
		run(to, "start")
	}
}}

// pgpool moves its delegate IP by its watchdog; there is no database behind it.
var pgpool = mover{"pgpool", []string{"pgpool", "arping", "/sbin/ip"}, 2, func(t *testing.T, nodes [2]*node) func(int) {
	var running [2]*exec.Cmd
	start := func(n int) {
		folder := t.TempDir()
		for name, content := range map[string]string{"pgpool_node_id": fmt.Sprintln(n), "pcp.conf": "", "pool_hba.conf": "", "pgpool.conf": pgpoolConf(folder, nodes) + fmt.Sprintf("wd_priority = %d\n", 9-n)} {
			check(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
		}
		// It makes a socket below /run, whatever its configuration says, which the nodes share.
		running[n] = background(t, nodes[n].Host, "unshare", "-m", "sh", "-c",
			"mount -t tmpfs none /run && mkdir /run/postgresql && exec pgpool -n -f "+folder+"/pgpool.conf -F "+folder+"/pcp.conf -a "+folder+"/pool_hba.conf")
	}
	return func(to int) {
		if to == 1 {
			ends(t, running[0], syscall.SIGINT) // it waits for its clients' end otherwise
			return
		}
		start(0)
		start(1)
	}
}}

func pgpoolConf(folder string, nodes [2]*node) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
backend_clustering_mode = 'raw'
listen_addresses = '*'
port = 9999
unix_socket_directories = '%[1]s'
pcp_socket_dir = '%[1]s'
wd_ipc_socket_dir = '%[1]s'
work_dir = '%[1]s'
logdir = '%[1]s'
pid_file_name = '%[1]s/pid'
num_init_children = 1
backend_hostname0 = '127.0.0.1'
backend_port0 = 5432
health_check_period = 0
use_watchdog = on
enable_consensus_with_half_votes = on
wd_lifecheck_method = 'heartbeat'
wd_interval = 1
wd_heartbeat_keepalive = 1
wd_heartbeat_deadtime = 3
delegate_IP = '%[2]s' # until 4.3
delegate_ip = '%[2]s'
if_cmd_path = '/sbin'
if_up_cmd = '/sbin/ip addr add $_IP_$/24 dev eth0 label eth0:0'
if_down_cmd = '/sbin/ip addr del $_IP_$/24 dev eth0'
arping_path = '/usr/bin'
arping_cmd = '/usr/bin/arping -U $_IP_$ -w 1 -I eth0'
ping_path = '/bin'
`, folder, cluster.Addr())
	for n, at := range nodes {
		fmt.Fprintf(&b, "hostname%[1]d = '%[2]s'\nwd_port%[1]d = 9000\npgpool_port%[1]d = 9999\nheartbeat_hostname%[1]d = '%[2]s'\nheartbeat_port%[1]d = 9694\nheartbeat_device%[1]d = ''\n", n, at.own.Addr())
	}
	return b.String()
}

// TestManyHandedOverAtOnce: 300 addresses pass to another host in a burst, which
// announces each, and back. Neither side calls that a conflict, the log stays short,
// and the former owner says nothing for any of them.
func TestManyHandedOverAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	const many = 300
	var all []netip.Prefix
	for n := range many {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(4 + n/250), byte(1 + n%250)}), 24))
	}
	macs := [2]frame.MAC{wirelab.Station(0x51), wirelab.Station(0x52)}
	var nodes [2]*wirelab.Host
	var watchers [2]*watcher
	for n := range nodes {
		nodes[n] = add(t, s.Lab, fmt.Sprint("n", n), macs[n], netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(51 + n)}), 24))
		check(t, nodes[n].Gateway(peer.Addr()))
		watchers[n] = startWatch(t, nodes[n], "--interface", "eth0", "--defend", "always", "--check-every", "1s", "--check-timeout", "100ms", "--listen", "127.0.0.1:9479")
	}
	batch := func(n int, verb string) {
		var b strings.Builder
		for _, a := range all {
			fmt.Fprintf(&b, "addr %s %s dev eth0\n", verb, a)
		}
		check(t, nodes[n].Do(func() error {
			c := exec.Command("ip", "-force", "-batch", "-") // the first address of a subnet takes the others with it
			c.Stdin = strings.NewReader(b.String())
			out, err := c.CombinedOutput()
			if err != nil && verb == "add" {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}))
	}
	count := func(n int) (has int) {
		metrics, _ := watchers[n].get("127.0.0.1:9479", "/metrics")
		return strings.Count(metrics, `ipguard_conflict{address="10.9.4.`) + strings.Count(metrics, `ipguard_conflict{address="10.9.5.`)
	}
	var mutex sync.Mutex
	claims := map[frame.MAC]int{}
	stop, err := add(t, s.Lab, "ears", wirelab.Station(0xee)).Listen(func(x frame.Frame, _ time.Time) {
		if a, ok := x.Claims(); ok && (a.As4()[2] == 4 || a.As4()[2] == 5) {
			mutex.Lock()
			claims[x.Source]++
			mutex.Unlock()
		}
	})
	check(t, err)
	batch(0, "add")
	await(t, "the first has them all", func() bool { return count(0) == many })
	for turn := range 2 {
		from, to := turn%2, 1-turn%2
		batch(from, "del")
		mutex.Lock()
		clear(claims)
		mutex.Unlock()
		batch(to, "add")
		var announcements [][]byte
		for _, a := range all {
			announcements = append(announcements, must(frame.Announcement(macs[to], a.Addr())))
		}
		check(t, nodes[to].Inject(announcements...))
		await(t, "the other has them all", func() bool { return count(to) == many && count(from) == 0 })
		heard := func(m frame.MAC) int {
			mutex.Lock()
			defer mutex.Unlock()
			return claims[m]
		}
		// A burst is more than one socket holds: not all need be heard.
		await(t, "the announcements", func() bool { return heard(macs[to]) > many/2 })
		time.Sleep(300 * time.Millisecond)
		if n := heard(macs[from]); n > 0 {
			t.Errorf("turn %d: %d claims of the former owner", turn, n)
		}
	}
	check(t, stop())
	for n, w := range watchers {
		w.stop(os.Interrupt)
		if len(w.seen) > 2*churnLines {
			t.Errorf("watch %d wrote %d lines", n, len(w.seen))
		}
		for _, l := range w.seen {
			if l["msg"] == "address suspect" || l["msg"] == "address conflict" || l["msg"] == "address flapping" {
				t.Errorf("watch %d: %v", n, l)
			}
		}
	}
}

// churnLines is far more than a watch may say of what comes and goes in a minute.
const churnLines = 90
