package serve_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

const directorSecret = "c1c1-s3cr3t"

// live is a director that answers, and has one deployment with one address.
func live(n int, name, ip string) *directordouble.Director {
	return &directordouble.Director{
		Name: name, UUID: fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n), Version: "283.1.3",
		Users: map[string]directordouble.User{"ipguard": {Password: directorSecret}},
		Configs: []directordouble.Config{{ID: 1, Type: "cloud", Name: "default", Content: "azs: [{name: z1}]\n" +
			"networks: [{name: default, subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, static: [10.8.52.190 - 10.8.52.199], reserved: [10.8.52.2 - 10.8.52.189, 10.8.52.200 - 10.8.52.254]}]}]\n" +
			"compilation: {workers: 1, network: default, az: z1}"}},
		Deployments: []directordouble.Deployment{{
			Name: "db", Manifest: "name: db\ninstance_groups: [{name: pgpool, azs: [z1], instances: 1, jobs: [], networks: [{name: default, static_ips: [" + ip + "]}]}]",
			Instances: []directordouble.Instance{{Group: "pgpool", ID: "8934794d-aecc-489e-84ad-288219a65ff5", AZ: "z1", IPs: []string{ip}}},
		}},
	}
}

// asking is a company whose server asks directors every 15 minutes.
type asking struct {
	*team
	servers map[string]*directordouble.Server
	config  serve.Config
}

func startAsking(t *testing.T, directors ...*directordouble.Director) *asking {
	t.Helper()
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	a := &asking{servers: map[string]*directordouble.Server{}}
	plan := "directors:\n"
	for _, d := range directors {
		server, err := authority.Start(d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		a.servers[d.Name] = server
		plan += fmt.Sprintf("- {name: %s, environment: {target: '%s', ca_cert: ca.pem, client: ipguard, client_secret_env: DIRECTORS}}\n", d.Name, server.URL)
	}
	c := newCompanyOf(t, plan+"segments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}]\n", func(o *serve.Options) {
		o.Environ = []string{"DIRECTORS=" + directorSecret}
		o.Config.Collect = serve.Collect{Every: fleet.Duration{Length: 15 * time.Minute}, Timeout: fleet.Duration{Length: 20 * time.Second}}
		a.config = o.Config
	})
	c.write("server/ca.pem", string(authority.PEM))
	a.team = c.team("admin", accounts.Admin)
	return a
}

func (a *asking) round(t *testing.T) {
	t.Helper()
	if err := a.program.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// told is a director as the API has it.
type told struct {
	Name, By  string
	Version   int64
	Collected *time.Time
	Asked     *struct {
		OK    bool
		Error string
	}
}

func (a *asking) directors(t *testing.T) map[string]told {
	t.Helper()
	var got struct{ Directors []told }
	a.get(t, "/api/v1/directors", &got)
	all := map[string]told{}
	for _, d := range got.Directors {
		all[d.Name] = d
	}
	return all
}

// TestServerCollects: what directors say is pushed by the server, in history and among
// conflicts; they are asked when they are due and not before; one that does not answer
// keeps what it said, and that is told.
func TestServerCollects(t *testing.T) {
	t.Parallel()
	promo, west := live(0, "promo", "10.8.52.191"), live(1, "dr-west", "10.8.52.191")
	a := startAsking(t, promo, west)
	began := a.clock.Now()
	a.round(t)
	got := a.directors(t)
	for _, name := range []string{"promo", "dr-west"} {
		if d := got[name]; d.Version != 1 || d.By != "ipguard-server" || d.Asked == nil || !d.Asked.OK || !d.Collected.Equal(began) {
			t.Fatalf("%s: %+v", name, d)
		}
	}
	var list conflictList
	a.get(t, "/api/v1/conflicts", &list)
	list.only("address-claimed-twice")
	if len(list.Conflicts) != 1 {
		t.Errorf("conflicts: %+v", list)
	}
	if got := strings.Join(a.held(t, "10.8.52.191"), "; "); !strings.Contains(got, "granted by promo/db/pgpool/0") || !strings.Contains(got, "declared by dr-west/db/pgpool") {
		t.Errorf("history: %s", got)
	}
	// Not due yet.
	a.servers["promo"].Close()
	a.clock.pass(5 * time.Minute)
	a.round(t)
	if d := a.directors(t)["promo"]; !d.Asked.OK {
		t.Errorf("it was asked before it was due: %+v", d)
	}
	// Due: one does not answer, the other says the same.
	a.clock.pass(15 * time.Minute)
	a.round(t)
	got = a.directors(t)
	if d := got["promo"]; d.Version != 1 || d.Asked.OK || d.Asked.Error == "" || strings.Contains(d.Asked.Error, directorSecret) || !d.Collected.Equal(began) {
		t.Errorf("promo, which does not answer: %+v", d)
	}
	if d := got["dr-west"]; d.Version != 1 || !d.Asked.OK || !d.Collected.Equal(a.clock.Now()) {
		t.Errorf("dr-west, which says the same: %+v", d)
	}
	var metrics string
	a.get(t, "/metrics", &metrics)
	for _, line := range []string{`ipguard_server_collect_answered{director="promo"} 0`, `ipguard_server_collect_answered{director="dr-west"} 1`,
		`ipguard_server_collects_total{director="promo",result="failed"} 1`, `ipguard_server_collects_total{director="dr-west",result="answered"} 2`} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics do not say %s", line)
		}
	}
	var page string
	a.get(t, "/network", &page)
	if !strings.Contains(page, "did not answer at") || !strings.Contains(page, "as of ") {
		t.Errorf("the page does not say that promo did not answer:\n%s", page)
	}
	reader := a.company.team("reader", accounts.Read)
	var text string
	reader.get(t, "/api/v1/directors", &text)
	if strings.Contains(text, `"error"`) {
		t.Errorf("who may read alone sees why: %s", text)
	}
}

// TestServerCollectsWhatChanged: a director that says something new is a new version.
// One that turned into another is refused, and what is known stays.
func TestServerCollectsWhatChanged(t *testing.T) {
	t.Parallel()
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	a.round(t)
	promo.Deployments[0].Manifest = strings.ReplaceAll(promo.Deployments[0].Manifest, "10.8.52.191", "10.8.52.192")
	promo.Deployments[0].Instances[0].IPs = []string{"10.8.52.192"}
	a.clock.pass(20 * time.Minute)
	a.round(t)
	if d := a.directors(t)["promo"]; d.Version != 2 {
		t.Errorf("something new: %+v", d)
	}
	if got := strings.Join(a.held(t, "10.8.52.191"), "; "); got != "declared by promo/db/pgpool, over; granted by promo/db/pgpool/0, unsure" && got != "granted by promo/db/pgpool/0, unsure; declared by promo/db/pgpool, over" {
		t.Errorf("history: %s", got)
	}
	promo.UUID = "00000000-0000-4000-8000-000000000009"
	a.clock.pass(20 * time.Minute)
	a.round(t)
	if d := a.directors(t)["promo"]; d.Version != 2 || d.Asked.OK || !strings.Contains(d.Asked.Error, "00000000-0000-4000-8000-000000000009") {
		t.Errorf("another director answers: %+v", d)
	}
}

// TestVanishedVM: the address of a VM that is not told any more is given to nobody for as
// long as an orphan may have it that is not shown: 5 days, or until orphans are shown.
func TestVanishedVM(t *testing.T) {
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	text, err := os.ReadFile(filepath.Join(a.folder, "server", "ipguard.yml"))
	if err != nil {
		t.Fatal(err)
	}
	a.write("server/ipguard.yml", string(text)+"pools: [{name: p, team: x, addresses: [10.8.52.191 - 10.8.52.193]}]\n")
	book := func(owner string) answered {
		t.Helper()
		return a.post(t, "/api/v1/pools/p/bookings", `{"for": "`+owner+`", "addresses": ["10.8.52.191"], "endless": true}`)
	}
	replaced := func(ip string) {
		t.Helper()
		promo.Deployments[0].Manifest = strings.ReplaceAll(promo.Deployments[0].Manifest, promo.Deployments[0].Instances[0].IPs[0], ip)
		promo.Deployments[0].Instances[0].IPs = []string{ip}
		a.clock.pass(20 * time.Minute)
		a.round(t)
	}
	a.round(t)
	replaced("10.8.52.192")
	if got := book("promo/new/x"); got.status != http.StatusConflict || !strings.Contains(got.body, "does not show orphaned VMs") {
		t.Errorf("an orphan that is not shown may have it: %d %s", got.status, got.body)
	}
	client := a.company.team("client", accounts.BookFor("x"), accounts.PushFor("promo"))
	client.write("client/ipguard.yml", "server: "+client.server.URL+"\n")
	free := []string{"free", "promo/default", "--static", "-n", "2"}
	client.expect(0, []string{"10.8.52.190 ", "10.8.52.193 "}, free...)
	client.expect(3, []string{"does not show orphaned VMs", "10.8.52.191"}, "who", "10.8.52.191")
	if out := client.expect(0, nil, "lint"); strings.Contains(out, "orphaned VMs, and one") {
		t.Errorf("nobody can mend it:\n%s", out)
	}
	a.clock.pass(5 * 24 * time.Hour)
	client.expect(0, []string{"10.8.52.190 ", "10.8.52.191 "}, free...)
	if got := book("promo/new/x"); got.status != http.StatusCreated {
		t.Errorf("after 5 days: %d %s", got.status, got.body)
	}
	replaced("10.8.52.193")
	promo.Users["ipguard"] = directordouble.User{Password: directorSecret, Admin: true}
	a.clock.pass(20 * time.Minute)
	a.round(t)
	if got := a.held(t, "10.8.52.192"); !strings.HasSuffix(got[0], "over") || !strings.HasSuffix(got[len(got)-1], "over") {
		t.Errorf("orphans are shown, and there are none: %q", got)
	}
	// One that was an orphan when they were shown is one still when they are not.
	promo.Orphans = []directordouble.Orphan{{Deployment: "db", Instance: "pgpool/" + promo.Deployments[0].Instances[0].ID, AZ: "z1", IPs: []string{"10.8.52.192"}}}
	a.clock.pass(20 * time.Minute)
	a.round(t)
	client.expect(0, []string{"in use by 1"}, "who", "10.8.52.192")
	promo.Users["ipguard"] = directordouble.User{Password: directorSecret}
	a.clock.pass(20 * time.Minute)
	a.round(t)
	client.expect(3, []string{"does not show orphaned VMs, and one of db/pgpool,", "10.8.52.192"}, "who", "10.8.52.192")
	second := func() answered {
		return a.post(t, "/api/v1/pools/p/bookings", `{"for": "promo/new/y", "addresses": ["10.8.52.192"], "endless": true}`)
	}
	if got := second(); got.status != http.StatusConflict {
		t.Errorf("an orphan has it: %d %s", got.status, got.body)
	}
	a.clock.pass(5 * 24 * time.Hour)
	if got := second(); got.status != http.StatusCreated {
		t.Errorf("after 5 days: %d %s", got.status, got.body)
	}
}

// TestStoppedInstance: bosh stop --hard keeps the addresses of an instance, and the director does
// not show them. They are given to nobody, whatever the cloud-config says of them meanwhile.
func TestStoppedInstance(t *testing.T) {
	promo := live(0, "promo", "10.8.52.191")
	promo.Users["ipguard"] = directordouble.User{Password: directorSecret, Admin: true} // no orphan is hidden
	a := startAsking(t, promo)
	a.write("server/ipguard.yml", a.read("server/ipguard.yml")+"pools: [{name: p, team: x, addresses: [10.8.52.191 - 10.8.52.193]}]\n")
	client := a.company.team("client", accounts.BookFor("x"), accounts.PushFor("dr-west"))
	client.write("client/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.200 - 10.8.52.209", "RESERVED", "10.8.52.2 - 10.8.52.190, 10.8.52.194 - 10.8.52.199, 10.8.52.210 - 10.8.52.254").Replace(cloudConfig))
	client.write("client/director-env.yml", environmentOf("director", "10.8.52.191"))
	client.write("client/ipguard.yml", "server: "+client.server.URL+"\ndirectors: [{name: dr-west, cloud_configs: [cloud.yml], create_env: [director-env.yml]}]\n")
	round := func(ips ...string) {
		t.Helper()
		promo.Deployments[0].Instances[0].IPs = ips
		a.clock.pass(20 * time.Minute)
		a.round(t)
	}
	book := func() answered {
		return a.post(t, "/api/v1/pools/p/bookings", `{"for": "new/x", "addresses": ["10.8.52.191"]}`)
	}
	round("10.8.52.191")
	promo.Deployments[0].Manifest = strings.ReplaceAll(promo.Deployments[0].Manifest, "10.8.52.191", "10.8.52.192") // not deployed yet
	promo.Configs[0].Content = strings.NewReplacer("10.8.52.190 - 10.8.52.199", "10.8.52.192 - 10.8.52.199", "- 10.8.52.189", "- 10.8.52.191").Replace(promo.Configs[0].Content)
	round()
	for _, pass := range []time.Duration{0, 30 * 24 * time.Hour} {
		a.clock.pass(pass)
		client.expect(3, []string{"has no VM now and had 10.8.52.191"}, "who", "10.8.52.191")
		client.expect(3, []string{"has no VM now and had 10.8.52.191"}, "lint", "director-env.yml")
		if got := book(); got.status != http.StatusConflict || !strings.Contains(got.body, "has no VM now") {
			t.Errorf("a stopped instance has it: %d %s", got.status, got.body)
		}
		round()
	}
	round("10.8.52.192")
	client.expect(0, nil, "lint", "director-env.yml")
	if got := book(); got.status != http.StatusCreated {
		t.Errorf("the instance has another: %d %s", got.status, got.body)
	}
}

// TestTeamsWordStays: a director of which a team pushes what it says is not asked. What its
// files promise stays beside what the server asked, whoever comes first.
func TestTeamsWordStays(t *testing.T) {
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	m := a.company.team("promo", accounts.PushFor("promo"))
	m.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189", "RESERVED", "10.8.52.2 - 10.8.52.99").Replace(cloudConfig))
	m.write("promo/next-manifest.yml", manifestOf("next", "10.8.52.181"))
	m.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.98"))
	m.write("promo/ipguard.yml", "server: "+m.server.URL+"\ndirectors:\n- {name: promo, cloud_configs: [cloud.yml], deployments: [next-manifest.yml], create_env: [jump-env.yml], director_ips: [10.8.52.97]}\n")
	m.expect(0, []string{"new"}, "push")
	both := func(version int64, by string, promised ...string) {
		t.Helper()
		if d := a.directors(t)["promo"]; d.Version != version || d.By != by {
			t.Errorf("want version %d by %s: %+v", version, by, d)
		}
		m.expect(0, []string{"in use by", "pgpool"}, "who", "10.8.52.191")
		for _, address := range promised {
			m.expect(0, []string{"in use by"}, "who", address)
		}
	}
	a.round(t)
	m.write("promo/ipguard.yml", "server: "+a.server.URL+"\n")
	both(2, "ipguard-server", "10.8.52.181", "10.8.52.98", "10.8.52.97")

	// Files go on where the director is asked by the server alone, and are no new version twice.
	fleet := func(own string) {
		m.write("promo/ipguard.yml", "server: "+a.server.URL+"\n"+own+"directors:\n- {name: promo, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml'], create_env: ['*-env.yml'], director_ips: [10.8.52.97]}\n")
	}
	fleet("")
	m.expect(0, []string{"unchanged"}, "push")
	m.write("promo/db-manifest.yml", manifestOf("db", "10.8.52.182"))
	fleet("external: [{owner: lb, addresses: [10.8.52.77]}]\nvip_properties: {add: [x/gate_address]}\n")
	m.expect(0, []string{"version 3", "new"}, "push")
	m.expect(0, []string{"unchanged"}, "push")
	m.write("promo/ipguard.yml", "server: "+a.server.URL+"\n")
	both(3, "token promo", "10.8.52.181", "10.8.52.98", "10.8.52.182", "10.8.52.77")
	a.clock.pass(20 * time.Minute)
	promo.Deployments[0].Instances = append(promo.Deployments[0].Instances, directordouble.Instance{Group: "pgpool", ID: "1934794d-aecc-489e-84ad-288219a65ff5", AZ: "z1", IPs: []string{"10.8.52.195"}})
	promo.Deployments = append(promo.Deployments, directordouble.Deployment{Name: "other", Manifest: "name: other\ninstance_groups: [{name: x, azs: [z1], instances: 0, jobs: [{name: x, properties: {gate_address: 10.8.52.78}}], networks: [{name: default}]}]"})
	a.round(t)
	both(4, "ipguard-server", "10.8.52.181", "10.8.52.98", "10.8.52.182", "10.8.52.77", "10.8.52.195", "10.8.52.78")

	// What the team takes out of its files is gone; what the director has is not.
	fleet("")
	if err := os.Remove(filepath.Join(m.folder, "promo", "next-manifest.yml")); err != nil {
		t.Fatal(err)
	}
	m.expect(0, []string{"deployment next is not in it any more", "of external lb is not in it any more"}, "push")
	m.write("promo/ipguard.yml", "server: "+a.server.URL+"\n")
	m.expect(0, []string{"10.8.52.181: in 1 pool"}, "who", "10.8.52.181")
	both(5, "token promo", "10.8.52.98", "10.8.52.97", "10.8.52.182", "10.8.52.195")
}

// TestFilesOfAnother: files that have nothing of the director that the server asked are
// refused, and the message says what cures.
func TestFilesOfAnother(t *testing.T) {
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	a.round(t)
	m := a.company.team("promo", accounts.PushFor("promo"))
	m.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189", "RESERVED", "10.8.52.2 - 10.8.52.99").Replace(cloudConfig))
	m.write("promo/next-manifest.yml", manifestOf("next", "10.8.52.181"))
	m.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.98"))
	m.expect(3, []string{"has db, and none of these files' deployments", "ipguard push --replaces"}, "push")
	m.expect(0, []string{"version 2"}, "push", "--replaces")
	m.write("promo/ipguard.yml", "server: "+a.server.URL+"\n")
	m.expect(0, []string{"next"}, "who", "10.8.52.181")
	m.expect(0, []string{"pgpool"}, "who", "10.8.52.191")

	// Whoever has another part of it is told, too.
	o := a.company.team("promo2", accounts.PushFor("promo"))
	o.write("promo2/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189", "RESERVED", "10.8.52.2 - 10.8.52.99").Replace(cloudConfig))
	o.write("promo2/db-manifest.yml", manifestOf("db", "10.8.52.182"))
	o.write("promo2/ipguard.yml", "server: "+a.server.URL+"\ndirectors: [{name: promo, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml']}]\n")
	o.expect(3, []string{"these files lack create-env jump, deployment next, which token promo pushed", "--replaces"}, "push")
	o.expect(0, []string{"deployment next is not in it any more"}, "push", "--replaces")
	m.expect(0, []string{"10.8.52.181: in 1 pool"}, "who", "10.8.52.181")

	// The server goes on asking.
	a.clock.pass(time.Hour)
	a.round(t)
	if d := a.directors(t)["promo"]; d.Version != 3 || d.Collected.Before(a.clock.Now().Add(-time.Minute)) {
		t.Errorf("%+v", d)
	}
}

// TestPushedSinceItWasSilent: that a director did not answer is told as long as the server
// has to ask it, and by all three: the API, the page and the metrics.
func TestPushedSinceItWasSilent(t *testing.T) {
	t.Parallel()
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	silent := true
	promo.Fault = func(*http.Request) directordouble.Fault {
		if silent {
			return directordouble.Fault{Status: 500}
		}
		return directordouble.Fault{}
	}
	tells := func(when string, want bool) {
		t.Helper()
		var metrics, page string
		a.get(t, "/metrics", &metrics)
		a.get(t, "/network", &page)
		d := a.directors(t)["promo"]
		if (d.Asked != nil) != want || strings.Contains(metrics, `ipguard_server_collect_answered{director="promo"} 0`) != want || strings.Contains(page, "did not answer") != want {
			t.Errorf("%s: want %t: %+v\n%s\n%s", when, want, d, metrics, page)
		}
	}
	a.round(t)
	tells("it does not answer", true)
	m := a.company.team("promo", accounts.PushFor("promo"))
	push := func(fresh bool) {
		t.Helper()
		var pushed struct{ New bool }
		said := m.send("PUT", "/api/v1/directors/promo/snapshot", `{"ipguard_snapshot": 1, "collected": "`+a.clock.Now().Format(time.RFC3339)+`",
"director": {"name": "promo", "uuid": "`+promo.UUID+`"}, "deployed": 0, "kept": {}, "cloud_configs": [], "deployments": []}`)
		if said.into(t, &pushed); said.status != http.StatusOK || pushed.New != fresh {
			t.Fatalf("%+v", said)
		}
	}
	a.clock.pass(time.Minute)
	push(true)
	tells("a team has pushed it since", false)
	for range 5 { // the same every two days
		a.clock.pass(48 * time.Hour)
		push(false)
		a.round(t)
		tells("the team pushes what it has", false)
	}
	a.clock.pass(8 * 24 * time.Hour)
	tells("the team has pushed nothing for a week", false)
	a.round(t)
	tells("it was asked again", true)
	plan := readFile(t, filepath.Join(a.folder, "server", "ipguard.yml"))
	a.write("server/ipguard.yml", regexp.MustCompile(`environment: \{.*?\}\}`).ReplaceAllString(plan, "max_age: 30d}"))
	a.clock.pass(time.Hour)
	a.round(t)
	tells("nobody asks it any more", false)
	a.write("server/ipguard.yml", plan)
	silent = false
	a.clock.pass(time.Hour)
	a.round(t)
	if d := a.directors(t)["promo"]; d.Asked == nil || !d.Asked.OK {
		t.Errorf("it answers: %+v", d)
	}
}

// TestOneServerAsks: of several servers on one database one asks at a time.
func TestOneServerAsks(t *testing.T) {
	t.Parallel()
	a := startAsking(t, live(0, "promo", "10.8.52.191"), live(1, "dr-west", "10.8.52.195"))
	const others = 3
	programs := []*serve.Server{a.program}
	for range others {
		s, err := serve.New(context.Background(), serve.Options{
			Config: a.config, Environ: []string{"DIRECTORS=" + directorSecret}, Log: slog.New(slog.DiscardHandler), Now: a.clock.Now, Version: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		programs = append(programs, s)
	}
	for range 3 {
		var all sync.WaitGroup
		for _, p := range programs {
			all.Go(func() {
				if err := p.Collect(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		a.clock.pass(20 * time.Minute)
	}
	answered := 0
	for _, p := range programs {
		answered += counted(t, p, `ipguard_server_collects_total{director="promo",result="answered"}`)
	}
	if answered != 3 {
		t.Errorf("promo was asked %d times in 3 rounds of %d servers", answered, len(programs))
	}
}

// counted is a counter of one server.
func counted(t *testing.T, p *serve.Server, name string) (n int) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "localhost"
	w := &keptAnswer{header: http.Header{}}
	p.Handler().ServeHTTP(w, request)
	for line := range strings.Lines(w.text.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

type keptAnswer struct {
	header http.Header
	text   strings.Builder
}

func (k *keptAnswer) Header() http.Header               { return k.header }
func (k *keptAnswer) WriteHeader(int)                   {}
func (k *keptAnswer) Write(b []byte) (n int, err error) { return k.text.Write(b) }

// TestCollectOfConfiguration: what cannot be does not start.
func TestCollectOfConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no fleet file": {"collect: {every: 15m}", "there is no fleet file"},
		"too often":     {"fleet: x.yml\ncollect: {every: 1s}", "every"},
		"nothing":       {"fleet: x.yml\ncollect: {}", "must not be empty"},
		"too long":      {"fleet: x.yml\ncollect: {every: 15m, timeout: 2h}", "an hour at most"},
	} {
		folder := t.TempDir()
		company := &company{t: t, folder: folder}
		company.write("server.yml", c.text+"\ndatabase: x.db\n")
		company.write("x.yml", "directors: []\n")
		config, errs := serve.LoadConfig(filepath.Join(folder, "server.yml"))
		text := ""
		for _, e := range errs {
			text += e.Error()
		}
		if len(errs) == 0 {
			s, err := serve.New(t.Context(), serve.Options{Config: config, Log: slog.Default(), Now: time.Now})
			if err == nil {
				_ = s.Close()
			} else {
				text = err.Error()
			}
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}
