package ledgersql_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// victimEnv names the database of the process that is killed.
const victimEnv = "IPGUARD_TEST_VICTIM"

var killPool = &ledger.Pool{
	Name: "kill", Teams: []string{"blue"},
	Delegation: plan.Delegation{Ranges: []netipx.IPRange{netipx.MustParseIPRange("10.1.0.0-10.1.255.255")}},
}

// victims are how many owners book.
const victims = 600

// beVictim books for all owners in random order, by several at the same time, and
// tells each answer when it has it.
func beVictim(name string) {
	d, err := open(context.Background(), name)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	s := ledgersql.New(d)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for {
				owner := fmt.Sprintf("promo/web/api-%d", rand.IntN(victims))
				r, err := takeOf(s, killPool, owner)
				if err != nil {
					time.Sleep(time.Millisecond) // its database was killed
					continue
				}
				fmt.Println("has", owner, r.Addr()) // one write: lines stay whole
			}
		})
	}
	group.Wait()
}

// kills are how often each is killed.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("IPGUARD_KILLS")); err == nil {
		return n
	}
	if sharedtest.Short() {
		return 2
	}
	return 4
}

// TestKill kills the server, and PostgreSQL under it, again and again while they
// work. Whatever was answered must be there, and no address twice.
func TestKill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killing(t, emptyFile(t), nil) })
	t.Run("postgres", func(t *testing.T) {
		c := postgrestest.Start(t)
		killing(t, c.Database(t), c)
	})
}

func killing(t *testing.T, name string, c *postgrestest.Cluster) {
	told := map[string]string{}
	for i := range kills() {
		v := startVictim(t, name)
		v.readAnswers(t, told, 10+rand.IntN(60))
		if c != nil && i%2 == 1 { // PostgreSQL first, and its server goes on for a while
			c.Kill()
			v.readUntil(t, told, time.Now().Add(30*time.Millisecond))
			c.Boot(t)
			v.readAnswers(t, told, 1+rand.IntN(30))
		}
		v.kill(t, told)
	}
	if len(told) < 20 {
		t.Fatalf("only %d answers: too little happened", len(told))
	}
	s := store(t, name)
	owners := map[netip.Prefix]string{}
	for i := range victims {
		owner := fmt.Sprintf("promo/web/api-%d", i)
		r, err := takeOf(s, killPool, owner)
		if err != nil {
			t.Fatal(err)
		}
		if told[owner] != "" && told[owner] != r.Addr().String() {
			t.Errorf("%s was told %s, and has %s now", owner, told[owner], r)
		}
		if owners[r] != "" {
			t.Errorf("%s is of %s and of %s", r, owners[r], owner)
		}
		owners[r] = owner
	}
	t.Logf("%d kills, %d owners were answered before them", kills(), len(told))
}

type victim struct {
	cmd   *exec.Cmd
	lines chan string
}

func startVictim(t *testing.T, name string) *victim {
	v := &victim{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	v.cmd.Env = append(os.Environ(), victimEnv+"="+name)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.cmd.Process.Kill() }) // it goes on for ever where the test ends early
	go func() {
		defer close(v.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			v.lines <- in.Text()
		}
	}()
	note(t, map[string]string{}, <-v.lines) // it has begun
	return v
}

// readAnswers takes down the next n answers, however long a busy machine takes for them.
func (v *victim) readAnswers(t *testing.T, told map[string]string, n int) {
	t.Helper()
	patience := time.After(2 * time.Minute)
	for ; n > 0; n-- {
		select {
		case line, more := <-v.lines:
			if !more {
				t.Fatal("the server ended by itself")
			}
			note(t, told, line)
		case <-patience:
			t.Fatalf("%d answers are missing after two minutes", n)
		}
	}
}

// readUntil takes down what the victim says until a moment.
func (v *victim) readUntil(t *testing.T, told map[string]string, end time.Time) {
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	for {
		select {
		case line, more := <-v.lines:
			if !more {
				t.Fatal("the server ended by itself")
			}
			note(t, told, line)
		case <-timer.C:
			return
		}
	}
}

// kill ends it, and takes down what it had said.
func (v *victim) kill(t *testing.T, told map[string]string) {
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for line := range v.lines {
		note(t, told, line)
	}
	_ = v.cmd.Wait() // its exit code is the kill's
}

// note takes one line down; the last one may be cut off.
func note(t *testing.T, told map[string]string, line string) {
	t.Helper()
	words := strings.Fields(line)
	if len(words) > 0 && words[0] == "error" {
		t.Fatal(line)
	}
	if len(words) != 3 {
		return
	}
	if _, err := netip.ParseAddr(words[2]); err != nil {
		return
	}
	owner, address := words[1], words[2]
	if told[owner] != "" && told[owner] != address {
		t.Errorf("%s was told %s, and then %s", owner, told[owner], address)
	}
	told[owner] = address
}
