package servecli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/servecli"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// programEnv makes this program ipguard-server itself.
const programEnv = "IPGUARD_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		os.Exit(servecli.Run(context.Background(), servecli.Streams{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}))
	}
	sharedtest.ExitAtOnce()
	sharedtest.WaitSideBySide()
	os.Exit(m.Run())
}

// The pool that is fought for: more owners than addresses. Nothing that clients see of it
// comes from the pool beside it.
const (
	fightAddresses = 24
	fightOwners    = 28
	fightClients   = 7
)

const fightPlan = `
directors: [{name: one, cloud_configs: [cloud.yml]}]
segments: [{name: fight, subnets: [{range: 10.9.0.0/24}]}]
pools:
- {name: fight, team: blue, segment: fight, addresses: [10.9.0.1 - 10.9.0.24], quarantine: 30d}
- {name: beside, team: blue, segment: fight, addresses: [10.9.0.100 - 10.9.0.199]}
`

const fightCloud = `azs: [{name: z1}]
vm_types: [{name: small}]
disk_types: [{name: small, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.254, az: z1, static: [10.9.0.1 - 10.9.0.24, 10.9.0.100 - 10.9.0.199]}]
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`

// fight is servers on one database, and clients who book by HTTP.
type fight struct {
	t       *testing.T
	folder  string
	token   string
	servers []*process
	start   time.Time

	mu      sync.Mutex
	history []porcupine.Operation
	lost    int // answers
}

// process is one server, which is started again on the same port after a kill.
type process struct {
	address, database string
	// link logs in once.
	link string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// newFight starts a server for each name, which are all of one database.
func newFight(t *testing.T, names ...string) *fight {
	t.Helper()
	f := &fight{t: t, folder: t.TempDir(), start: time.Now()}
	for name, text := range map[string]string{"ipguard.yml": fightPlan, "cloud.yml": fightCloud} {
		if err := os.WriteFile(filepath.Join(f.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, secret, stderr := run(t, "token", "fight", "--scope", "ipguard.teams.blue.book", "--scope", "ipguard.admin", "--database", names[0])
	if code != 0 {
		t.Fatal(stderr)
	}
	f.token = strings.TrimSpace(secret)
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := &process{address: l.Addr().String(), database: name}
		_ = l.Close()
		f.servers = append(f.servers, p)
		f.boot(p)
		t.Cleanup(p.kill)
	}
	return f
}

// boot starts a server and waits until it listens.
func (f *fight) boot(p *process) {
	f.t.Helper()
	p.cmd = exec.Command(os.Args[0], "--database", p.database, "--fleet", filepath.Join(f.folder, "ipguard.yml"), "--listen", p.address)
	p.cmd.Env = append(os.Environ(), programEnv+"=1")
	p.log.Reset()
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err == nil {
		p.link, err = lines.ReadString('\n')
	}
	if err != nil {
		_ = p.cmd.Wait()
		f.t.Fatalf("the server does not start: %q %q %v\n%s", line, p.link, err, p.log.String())
	}
	_, p.link, _ = strings.Cut(strings.TrimSpace(p.link), ": ")
}

// kill ends it at once.
func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // its exit code is the kill's
		p.cmd = nil
	}
}

// errLost says that nobody knows whether a question had an effect.
var errLost = errors.New("no answer")

// ask asks one server; the error is errLost if nobody knows what became of it.
func (f *fight) ask(client *http.Client, server int, method, path string, body, into any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(method, "http://"+f.servers[server].address+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, errLost
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil, response.StatusCode == http.StatusServiceUnavailable:
		return 0, errLost
	case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusCreated:
		return response.StatusCode, json.Unmarshal(answer, into)
	}
	return response.StatusCode, nil
}

// booked is what the API answers of bookings.
type booked struct {
	Bookings []struct {
		Address, Owner, State string
		Until                 *time.Time
	}
}

// said is the answer to a call, as the model has it. again says that it was made before,
// without an answer.
func (f *fight) said(client *http.Client, server int, c ledgertest.Call, again bool) (string, error) {
	var got booked
	until := time.Unix(c.Until, 0).UTC()
	switch c.What {
	case "book":
		status, err := f.ask(client, server, http.MethodPost, "/pools/fight/bookings", map[string]any{"for": c.Owner, "until": until}, &got)
		switch {
		case err == nil && status == http.StatusConflict:
			return ledgertest.Exhausted, nil
		case err == nil && len(got.Bookings) == 1:
			return ledgertest.Said(got.Bookings[0].Address, got.Bookings[0].Until.Unix()), nil
		}
		return f.odd(c, status, err)
	case "renew", "release":
		body := map[string]any{"for": c.Owner}
		if c.What == "renew" {
			body["until"] = until
		}
		status, err := f.ask(client, server, http.MethodPost, "/pools/fight/"+c.What, body, &got)
		switch {
		case err == nil && status == http.StatusNotFound && c.What == "release" && again:
			return ledgertest.Gone, nil
		case err == nil && status == http.StatusNotFound:
			return ledgertest.Nothing, nil
		case err == nil && len(got.Bookings) == 1 && c.What == "release":
			return ledgertest.Said(got.Bookings[0].Address, 0), nil
		case err == nil && len(got.Bookings) == 1:
			return ledgertest.Said(got.Bookings[0].Address, got.Bookings[0].Until.Unix()), nil
		}
		return f.odd(c, status, err)
	}
	status, err := f.ask(client, server, http.MethodGet, "/bookings?pool=fight&limit=1000", nil, &got)
	if err != nil || status != http.StatusOK {
		return f.odd(c, status, err)
	}
	var list []string
	for _, b := range got.Bookings {
		if b.State == "booked" {
			list = append(list, ledgertest.Held(b.Address, b.Owner, b.Until.Unix()))
		}
	}
	return ledgertest.List(list), nil
}

func (f *fight) odd(c ledgertest.Call, status int, err error) (string, error) {
	if err == nil {
		err = fmt.Errorf("%v is answered with status %d", c, status)
	}
	return "", err
}

// clients ask until done is closed, each for owners of its own, and write down what they
// saw. A call is made until it is answered, by any server; after the end, for at most as
// long as patience.
func (f *fight) clients(done <-chan struct{}, patience time.Duration) {
	var group sync.WaitGroup
	for id := range fightClients {
		group.Go(func() {
			client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
			rng := rand.New(rand.NewPCG(uint64(id), 1))
			for n := int64(1); ; n++ {
				select {
				case <-done:
					return
				default:
				}
				f.call(client, rng, id, ledgertest.Call{
					What:  []string{"book", "book", "book", "renew", "release", "read"}[rng.IntN(6)],
					Owner: fmt.Sprintf("one/web/of%dn%d", id, rng.IntN(fightOwners/fightClients)),
					Until: 4_000_000_000 + 10*n,
				}, done, patience)
			}
		})
	}
	group.Wait()
}

func (f *fight) call(client *http.Client, rng *rand.Rand, id int, c ledgertest.Call, done <-chan struct{}, patience time.Duration) {
	from := time.Since(f.start)
	var ended time.Time
	for try := 0; ; try++ {
		said, err := f.said(client, rng.IntN(len(f.servers)), c, try > 0)
		if err == nil {
			f.mu.Lock()
			f.history = append(f.history, porcupine.Operation{ClientId: id, Input: c, Call: int64(from), Output: said, Return: int64(time.Since(f.start))})
			f.mu.Unlock()
			return
		}
		if !errors.Is(err, errLost) {
			f.t.Error(err)
			return
		}
		f.mu.Lock()
		f.lost++
		f.mu.Unlock()
		select {
		case <-done:
			if ended.IsZero() {
				ended = time.Now()
			}
			if time.Since(ended) > patience {
				return // as if it had not been asked: only where the history is known to be wrong
			}
		default:
		}
		time.Sleep(time.Duration(5+rng.IntN(30)) * time.Millisecond)
	}
}

// kills are how often something is killed.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("IPGUARD_KILLS")); err == nil {
		return n
	}
	if sharedtest.Short() {
		return 2
	}
	return 6
}

// TestKill kills servers, and PostgreSQL under them, while clients book, renew and release
// by HTTP. What the clients saw is what one ledger on one thread could have answered: no
// answer is lost, and no address is given twice.
func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		f := newFight(t, filepath.Join(t.TempDir(), "x.db"))
		f.killing(kills()/2, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		c := postgrestest.Start(t)
		name := c.Database(t)
		f := newFight(t, name, name)
		f.killing((kills()+1)/2, c)
	})
}

func (f *fight) killing(times int, c *postgrestest.Cluster) {
	f.t.Helper()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { f.clients(done, time.Hour) })
	for i := range times {
		f.answers(15 + rand.IntN(20))
		if c != nil && i%3 == 2 {
			c.Kill()
			time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
			c.Boot(f.t)
			continue
		}
		p := f.servers[i%len(f.servers)]
		p.kill()
		f.boot(p)
	}
	f.answers(100)
	close(done)
	group.Wait()
	f.judge()
}

func (f *fight) answered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.history)
}

// answers waits until the clients have so many more.
func (f *fight) answers(n int) {
	f.t.Helper()
	for from, end := f.answered(), time.Now().Add(time.Minute); f.answered() < from+n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("%d answers, and no more", f.answered())
		}
	}
}

func (f *fight) judge() {
	f.t.Helper()
	count := map[string]int{}
	for _, o := range f.history {
		count[o.Input.(ledgertest.Call).What]++
	}
	f.t.Logf("%d calls were answered %v, and %d answers were lost", len(f.history), count, f.lost)
	if count["book"] < 20 || count["release"] < 5 || count["renew"] < 5 || count["read"] < 5 || f.lost == 0 {
		f.t.Error("too little happened")
	}
	if result := porcupine.CheckOperationsTimeout(ledgertest.Linear(fightAddresses), f.history, time.Minute); result != porcupine.Ok {
		f.t.Errorf("no order of the calls explains what clients saw: %s", result)
	}
}
