package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// company is a server with a plan of its own, and teams that see their own files alone.
type company struct {
	t        testing.TB
	server   *httptest.Server
	program  *serve.Server
	accounts *accounts.Store
	clock    *clock
	folder   string
}

const companyPlan = `
directors: [{name: promo}, {name: dr-west}]
segments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}]
pools:
- {name: promo, team: promo, segment: vlan-52, addresses: [10.8.52.180 - 10.8.52.189]}
- {name: small, team: dr, segment: vlan-52, addresses: [10.8.52.50 - 10.8.52.59], quota: 2}
- {name: dr, team: dr, segment: vlan-52, addresses: [10.8.52.190 - 10.8.52.199]}
`

func newCompany(t testing.TB, changes ...func(*serve.Options)) *company {
	return newCompanyOf(t, companyPlan, changes...)
}

// newCompanyOf is a server whose fleet file has this text.
func newCompanyOf(t testing.TB, plan string, changes ...func(*serve.Options)) *company {
	t.Helper()
	c := &company{t: t, folder: t.TempDir(), clock: &clock{now: time.Now().UTC().Truncate(time.Second)}}
	c.write("server/ipguard.yml", plan)
	config := serve.Config{
		Database: fleet.Text{Value: filepath.Join(c.folder, "server", "x.db")}, Fleet: fleet.Text{Value: filepath.Join(c.folder, "server", "ipguard.yml")},
	}
	options := serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: c.clock.Now, Version: "test"}
	for _, change := range changes {
		change(&options)
	}
	s, err := serve.New(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	c.program = s
	c.server = httptest.NewServer(s.Handler())
	database, err := serve.Open(context.Background(), config.Database.Value)
	if err != nil {
		t.Fatal(err)
	}
	c.accounts = &accounts.Store{Read: database.SQL(), Write: database.Write(), Now: c.clock.Now}
	t.Cleanup(func() {
		c.server.Close()
		_ = database.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *company) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// team is a folder with a fleet file of one director, and who works there.
type team struct {
	*company
	name, token string
}

func (c *company) team(name string, scopes ...string) *team {
	c.t.Helper()
	secret, err := c.accounts.Make(context.Background(), accounts.Token{Name: name, Scopes: scopes, Ends: c.clock.Now().Add(300 * 24 * time.Hour), By: "test"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(name+"/ipguard.yml", "server: "+c.server.URL+"\ndirectors:\n- name: "+name+"\n  environment: https://"+name+".example.com\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n")
	return &team{c, name, secret}
}

// run runs ipguard in the team's folder.
func (m *team) run(args ...string) (code int, out string) {
	m.t.Helper()
	var text bytes.Buffer
	// A bosh that cannot be run: that it was to be is what a gate that opens ends with.
	m.write(m.name+"/bin/bosh", "none")
	bosh := filepath.Join(m.folder, m.name, "bin", "bosh")
	if err := os.Chmod(bosh, 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.t.(*testing.T).Chdir(filepath.Join(m.folder, m.name))
	code = cli.Main(context.Background(), args, cli.Streams{
		Stdin: strings.NewReader(""), Stdout: &text, Stderr: &text, Now: m.clock.Now,
		Environ: []string{"HOME=" + filepath.Join(m.folder, m.name, "home"), "IPGUARD_TOKEN=" + m.token, "IPGUARD_SERVER=" + m.server.URL, "PATH=" + os.Getenv("PATH"), "IPGUARD_BOSH=" + bosh},
	})
	return code, text.String()
}

// expect runs it and wants a code and words.
func (m *team) expect(code int, words []string, args ...string) string {
	m.t.Helper()
	got, out := m.run(args...)
	if got != code {
		m.t.Errorf("%s: ipguard %s: exit code %d, want %d\n%s", m.name, strings.Join(args, " "), got, code, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			m.t.Errorf("%s: ipguard %s does not say %q\n%s", m.name, strings.Join(args, " "), w, out)
		}
	}
	return out
}

const cloudConfig = `azs: [{name: z1}]
vm_types: [{name: small}]
disk_types: [{name: small, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, static: [STATIC], reserved: [RESERVED]}
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`

func manifestOf(name, ips string) string {
	return `name: ` + name + `
releases: [{name: x, version: 1.0.0}]
stemcells: [{alias: default, os: ubuntu-noble, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000}
instance_groups:
- name: ` + name + `
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  jobs: [{name: x, release: x, properties: {password: hunter2hunter2}}]
  networks: [{name: default, static_ips: [` + ips + `]}]
`
}

// environmentOf is a manifest of bosh create-env.
func environmentOf(name, ip string) string {
	return `name: ` + name + `
releases: [{name: bosh, version: 282.0.0, url: "https://example.com/bosh.tgz", sha1: abc}]
resource_pools: [{name: vms, network: default, stemcell: {url: "https://example.com/s.tgz", sha1: abc}}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, static: [` + ip + `], dns: [10.0.0.2]}]
instance_groups:
- name: bosh
  instances: 1
  resource_pool: vms
  jobs: [{name: director, release: bosh, properties: {password: hunter2hunter2}}]
  networks: [{name: default, static_ips: [` + ip + `]}]
cloud_provider: {template: {name: cpi, release: bosh}, mbus: "https://mbus:hunter2hunter2@` + ip + `:6868", properties: {}}
`
}

// twoTeams are promo and dr-west, who do not see each other's files. Both believe that
// 10.8.52.191 is theirs.
func twoTeams(t *testing.T, changes ...func(*serve.Options)) (promo, west *team) {
	c := newCompany(t, changes...)
	promo = c.team("promo", accounts.BookFor("promo"), accounts.PushFor("promo"))
	c.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189, 10.8.52.191", "RESERVED", "10.8.52.2 - 10.8.52.99, 10.8.52.190, 10.8.52.192 - 10.8.52.254").Replace(cloudConfig))
	c.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.191"))
	c.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.98"))
	west = c.team("dr-west", accounts.BookFor("dr"), accounts.PushFor("dr-west"))
	c.write("dr-west/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.200 - 10.8.52.209", "RESERVED", "10.8.52.2 - 10.8.52.199").Replace(cloudConfig))
	c.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.200"))
	c.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.191"))
	return promo, west
}

// opens is what the gate ends with that lets something pass to a bosh that cannot be run.
const opens = 126

// TestIncident: promo pushes; dr-west's lint refuses the address, names who has it,
// books another, and deploys.
func TestIncident(t *testing.T) {
	promo, west := twoTeams(t)
	west.expect(3, []string{"promo"}, "lint") // promo has told nothing yet
	promo.expect(0, []string{"promo: version 1", "new"}, "push")
	promo.expect(0, []string{"unchanged"}, "push")
	west.expect(1, []string{"10.8.52.191", "promo", "pgpool"}, "lint", "director-env.yml")
	createEnv := []string{"bosh", "create-env", "director-env.yml"}
	west.expect(1, []string{"10.8.52.191", "promo", "pgpool"}, createEnv...)
	west.expect(1, []string{"10.8.52.191", "pgpool"}, "book", "dr", "--for", "dr-west/director/bosh", "--address", "10.8.52.191")
	west.expect(0, []string{"10.8.52.190", "written on " + west.server.URL}, "book", "dr", "--for", "dr-west/director/bosh", "--address", "10.8.52.190")
	west.expect(0, []string{"10.8.52.190", "already booked"}, "book", "dr", "--for", "dr-west/director/bosh")
	west.expect(1, []string{"dr-west: 1 conflict", "10.8.52.191", "pgpool"}, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.190"))
	west.expect(0, nil, "lint")
	west.expect(opens, []string{"cannot run"}, createEnv...)
	west.expect(opens, []string{"cannot run"}, "bosh", "-e", "https://dr-west.example.com", "-d", "web", "deploy", "web-manifest.yml")
	west.expect(0, []string{"new"}, "push")
	promo.expect(0, nil, "lint")
	promo.expect(0, []string{"10.8.52.190", "dr-west/director/bosh"}, "bookings")
	promo.expect(0, []string{"10.8.52.190", "booked", "token dr-west"}, "history", "10.8.52.190")
	promo.expect(0, []string{"dr-west"}, "who", "10.8.52.190")
	// An address of create-env is known to others, too.
	west.expect(0, []string{"jump"}, "who", "10.8.52.98")
	// Who may take for dr may not take for promo.
	west.expect(3, []string{"has no scope ipguard.teams.promo.book"}, "book", "promo", "--for", "promo/x/y")
	west.expect(1, []string{"in use"}, "release", "10.8.52.190")
}

// TestNoSecretIsPushed: what a manifest has besides addresses stays at home.
func TestNoSecretIsPushed(t *testing.T) {
	promo, _ := twoTeams(t)
	promo.expect(0, nil, "push")
	database, err := serve.Open(t.Context(), filepath.Join(promo.folder, "server", "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var packed []byte
	if err := database.SQL().QueryRow("select snapshot from push").Scan(&packed); err != nil {
		t.Fatal(err)
	}
	out, err := unpack(packed)
	if err != nil || strings.Contains(out, "hunter2") || !strings.Contains(out, "10.8.52.191") || !strings.Contains(out, "10.8.52.98") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSilentServer: what it said last counts for a while, is told, and no longer.
func TestSilentServer(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	west.expect(1, []string{"10.8.52.191"}, "lint")
	now := west.clock.Now().UTC().Format(time.RFC3339)
	west.expect(0, []string{"as of: what " + west.server.URL + " says at " + now}, "free", "vlan-52")
	if out := west.expect(0, []string{`"url": "` + west.server.URL + `"`, `"as_of": "` + now + `"`}, "free", "vlan-52", "--format", "json"); strings.Contains(out, "stale") {
		t.Errorf("a server that answers is silent:\n%s", out)
	}
	west.server.Close()
	west.clock.pass(3 * time.Hour)
	west.expect(1, []string{"does not answer", "3h", "10.8.52.191"}, "lint")
	since := west.clock.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339)
	west.expect(1, []string{`"stale": {`, `"as_of": "` + since + `"`, `"server": "` + west.server.URL + `"`}, "lint", "--format", "json")
	west.expect(0, []string{`"stale": {`, `"as_of": "` + since + `"`}, "free", "vlan-52", "--format", "json")
	west.expect(0, []string{"as of: what " + west.server.URL + " said at " + since}, "free", "vlan-52")
	for _, args := range [][]string{{"who", "10.8.52.191"}, {"map"}, {"bookings"}, {"history", "10.8.52.191"}, {"fence"}, {"audit"}} {
		_, out := west.run(append(args, "--format", "json")...)
		var told struct {
			Stale struct{ Server, AsOf, Why string }
		}
		if at := strings.Index(out, "{"); at < 0 || json.NewDecoder(strings.NewReader(strings.ReplaceAll(out[at:], "as_of", "asof"))).Decode(&told) != nil || told.Stale.Server != west.server.URL || told.Stale.AsOf != since || told.Stale.Why == "" {
			t.Errorf("%v in JSON: %+v\n%s", args, told, out)
		}
	}
	west.expect(3, []string{"does not answer"}, "book", "dr", "--for", "dr-west/web/web")
	west.clock.pass(22 * time.Hour)
	west.expect(3, []string{"does not answer", "too old"}, "lint")
	promo.expect(3, []string{"nothing that it said before is kept here"}, "lint")
}

// TestAnotherServer: what answers in the place of the server is no empty plan.
func TestAnotherServer(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	west.expect(1, []string{"10.8.52.191"}, "lint")
	for _, body := range []string{"{}", "null", "[]", `"ok"`, `{"fleet": "", "directors": [], "pools": []}`, "<html>log in</html>", ""} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}))
		west.write("dr-west/ipguard.yml", strings.ReplaceAll(readFile(t, filepath.Join(west.folder, "dr-west", "ipguard.yml")), west.server.URL, other.URL))
		west.expect(3, []string{other.URL}, "lint")
		west.expect(3, []string{other.URL}, "book", "dr", "--for", "lb/x")
		west.write("dr-west/ipguard.yml", strings.ReplaceAll(readFile(t, filepath.Join(west.folder, "dr-west", "ipguard.yml")), other.URL, west.server.URL))
		other.Close()
	}
	west.expect(1, []string{"10.8.52.191"}, "lint")
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRetiredDirector: an administrator takes a director out of the plan, and what it had
// is in nobody's way; its name and its UUID may come back.
func TestRetiredDirector(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	west.expect(1, []string{"10.8.52.191"}, "lint")
	ask := func(token, method, path string) int {
		request, err := http.NewRequest(method, west.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		return read(t, http.DefaultClient, request).status
	}
	admin := west.team("admin", accounts.Admin).token
	if got := ask(west.team("pusher", accounts.PushFor("promo")).token, "DELETE", "/api/v1/directors/promo"); got != 403 {
		t.Errorf("who may push it takes it away: %d", got)
	}
	west.expect(0, []string{"to now  declared by pgpool/pgpool of director promo"}, "history", "10.8.52.191")
	for _, want := range []int{204, 404} {
		if got := ask(admin, "DELETE", "/api/v1/directors/promo"); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if out := west.expect(3, []string{"nobody has pushed director promo"}, "lint"); strings.Contains(out, "claimed twice") { // the server's fleet file names it still
		t.Errorf("what it had is in the way:\n%s", out)
	}
	if out := west.expect(3, []string{"  declared by pgpool/pgpool of director promo"}, "history", "10.8.52.191"); strings.Contains(out, "to now  declared by pgpool/pgpool") {
		t.Errorf("its history does not end:\n%s", out)
	}
	for _, name := range []string{"%2e%2e", ".hidden", "a%20b", "a%2fb", "%e2%80%ae"} {
		request, err := http.NewRequest("PUT", west.server.URL+"/api/v1/directors/"+name+"/snapshot", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+admin)
		request.Header.Set("Content-Type", "application/json")
		if a := read(t, http.DefaultClient, request); a.status < 400 || a.status >= 500 {
			t.Errorf("a director named %s: %d %s", name, a.status, a.body)
		}
	}
	promo.expect(1, nil, "push")
	west.expect(1, []string{"10.8.52.191"}, "lint")
}

// TestForeignToken: a token that the server does not take is no reason to use the cache.
func TestForeignToken(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	west.expect(1, nil, "lint")
	if _, err := west.accounts.Revoke(t.Context(), "dr-west", "test"); err != nil {
		t.Fatal(err)
	}
	west.expect(3, []string{"the token is none of this server's"}, "lint")
	// Another team's director.
	other := promo.team("other", accounts.PushFor("other"))
	other.write("other/ipguard.yml", "server: "+other.server.URL+"\ndirectors:\n- name: promo\n  cloud_configs: [../promo/cloud.yml]\n")
	other.expect(3, []string{"ipguard.directors.promo.push"}, "push")
}

func unpack(packed []byte) (string, error) {
	cmd := exec.Command("gzip", "-dc")
	cmd.Stdin = bytes.NewReader(packed)
	out, err := cmd.Output()
	return string(out), err
}

// read is a file's text.
func (m *team) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.folder, filepath.FromSlash(name)))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// owner is somebody who decides for a pool, in the team's folder.
func (m *team) owner(pool string) *team {
	m.t.Helper()
	secret, err := m.accounts.Make(m.t.Context(), accounts.Token{Name: "network", Scopes: []string{accounts.ApproveFor(pool)}, Ends: m.clock.Now().Add(time.Hour), By: "test"})
	if err != nil {
		m.t.Fatal(err)
	}
	return &team{m.company, m.name, secret}
}

// send asks as the team. The body is JSON, or becomes it.
func (m *team) send(method, path string, body any) answered {
	m.t.Helper()
	text, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		if err != nil {
			m.t.Fatal(err)
		}
		text = string(encoded)
	}
	request, err := http.NewRequest(method, m.server.URL+path, strings.NewReader(text))
	if err != nil {
		m.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	request.Header.Set("Content-Type", "application/json")
	return read(m.t, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, request)
}

// asJSON runs a command whose answer is JSON in a folder.
func (m *team) asJSON(folder string, into any, args ...string) (code int, complaints string) {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	m.t.(*testing.T).Chdir(filepath.Join(m.folder, folder))
	code = cli.Main(context.Background(), append(args, "--format", "json"), cli.Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: m.clock.Now,
		Environ: []string{"HOME=" + filepath.Join(m.folder, m.name, "home"), "IPGUARD_TOKEN=" + m.token, "IPGUARD_SERVER=" + m.server.URL, "PATH=" + os.Getenv("PATH")},
	})
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		m.t.Fatalf("%s: ipguard %s: exit code %d: %v: %s%s", folder, strings.Join(args, " "), code, err, stdout.String(), stderr.String())
	}
	return code, stderr.String()
}
