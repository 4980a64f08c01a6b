package collect

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

func TestMain(m *testing.M) {
	sharedtest.ExitAtOnce()
	sharedtest.WaitSideBySide() // for clients that ask again after a while
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write the snapshots in testdata; look at the difference before committing")

var now = time.Date(2027, 1, 31, 12, 0, 0, 500, time.UTC)

const password = "c1c1-s3cr3t"

// authority signs for all doubles of the tests.
var authority = sync.OnceValues(directordouble.NewAuthority)

// director is a double with two deployments, three cloud-configs, of which one is
// an old version, and a runtime config.
func director() *directordouble.Director {
	return &directordouble.Director{
		Name: "promo", UUID: "00000000-0000-4000-8000-00000000beef", Version: "283.1.3 (00000000)", CPI: "vsphere_cpi",
		Users: map[string]directordouble.User{"admin": {Password: password, Admin: true}, "reader": {Password: password}},
		Configs: []directordouble.Config{
			{ID: 1, Type: "cloud", Name: "default", Old: true, Content: "networks: [{name: default, subnets: [{range: 10.244.0.0/23, gateway: 10.244.0.1}]}]"},
			{ID: 2, Type: "cloud", Name: "default", Content: "networks: [{name: default, subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, static: [10.244.0.10 - 10.244.0.63]}]}]"},
			{ID: 3, Type: "cloud", Name: "dmz", Team: "web", Content: "networks: [{name: dmz, subnets: [{range: 192.168.50.0/24, gateway: 192.168.50.1}]}]"},
			{ID: 4, Type: "runtime", Name: "dns", Content: "addons: [{name: dns, jobs: [{name: dns, properties: {key: " + password + "}}]}]"},
			{ID: 5, Type: "runtime", Name: "lb", Content: "addons: [{name: lb, jobs: [{name: keepalived, properties: {keepalived: {vip: 10.244.0.9, pass: " + password + "}}}]}]"},
			{ID: 6, Type: "cpi", Name: "default", Content: "cpis: [{name: a, properties: {password: " + password + "}}]"},
		},
		Deployments: []directordouble.Deployment{
			{
				Name: "web", Teams: []string{"web"}, Configs: []int{2, 3},
				Manifest: "name: web\ninstance_groups: [{name: nginx, instances: 2, jobs: [{name: nginx, properties: {key: " + password + "}}], networks: [{name: default, static_ips: [10.244.0.10, 10.244.0.11]}]}]",
				Instances: []directordouble.Instance{
					{Group: "nginx", Index: 0, ID: "8934794d-aecc-489e-84ad-288219a65ff5", AZ: "z1", IPs: []string{"10.244.0.10"}},
					{Group: "nginx", Index: 1, ID: "f48bf5bd-3d52-4a3a-9913-c1e3d4c4cd23", AZ: "z2", IPs: []string{"10.244.0.11", "192.168.50.7"}},
				},
				Waiting: []directordouble.Instance{{Group: "nginx", Index: 1, ID: "f48bf5bd-3d52-4a3a-9913-c1e3d4c4cd23", AZ: "z2", IPs: []string{"10.244.0.64"}}},
			},
			{
				Name: "cache", CloudConfig: "outdated", Configs: []int{1, 5},
				Manifest:  "name: cache\ninstance_groups: [{name: redis, instances: 1, jobs: [], networks: [{name: default}]}]",
				Instances: []directordouble.Instance{{Group: "redis", ID: "1599d4f4-846a-4660-8545-ce2fa43fbba7", IPs: []string{"10.244.1.2"}}, {Group: "redis", Index: 1, ID: "stopped"}},
			},
			{Name: "failed", CloudConfig: "none"},
		},
		Orphans: []directordouble.Orphan{{CID: "vm-1", Deployment: "cache", Instance: "redis/46ffa520-781d-40fe-9621-1a36f289c439", AZ: "z1", IPs: []string{"10.244.0.70"}}},
	}
}

// start starts a double and returns how to reach it as reader.
func start(t testing.TB, d *directordouble.Director) Target {
	t.Helper()
	a, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Start(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return Target{Name: d.Name, Access: environment.Access{URL: server.URL, CACert: string(a.PEM), Client: "reader", Secret: password}}
}

func options(t testing.TB) Options {
	t.Helper()
	config, err := environment.Load(filepath.Join(t.TempDir(), "config"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Keep: snapshot.Keep{VIPProperties: bosh.DefaultPatterns().Find}, Timeout: time.Minute,
		Config: config, Now: func() time.Time { return now },
	}
}

func collectOne(t testing.TB, target Target, opts Options) (*snapshot.Snapshot, *trouble.Trouble) {
	t.Helper()
	var results []Result
	Run(context.Background(), []Target{target}, opts, func(r Result) { results = append(results, r) })
	if len(results) != 1 || (results[0].Snapshot == nil) == (results[0].Err == nil) {
		t.Fatalf("results: %v", results)
	}
	return results[0].Snapshot, results[0].Err
}

func mustCollect(t testing.TB, target Target, opts Options) *snapshot.Snapshot {
	t.Helper()
	s, err := collectOne(t, target, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// golden holds a snapshot against the one in testdata.
func golden(t *testing.T, name string, s *snapshot.Snapshot) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got := s.Encode()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	if strings.Contains(string(got), password) {
		t.Errorf("a secret is in the snapshot:\n%s", got)
	}
}

func TestEverything(t *testing.T) {
	d := director()
	target := start(t, d)
	target.Access.Client = "admin"
	golden(t, "everything.json", mustCollect(t, target, options(t)))
	if n := d.Asked("GET /configs?latest=true&limit=1&type=cpi"); n > 0 {
		t.Error("cpi configs, which hold credentials, were asked for")
	}
	for _, r := range d.Requests() {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("collecting did %s", r)
		}
	}
}

// TestReader may not see orphaned VMs.
func TestReader(t *testing.T) {
	golden(t, "reader.json", mustCollect(t, start(t, director()), options(t)))
}

// TestFull asks by tasks, which redirect to a place that does not exist.
func TestFull(t *testing.T) {
	opts := options(t)
	opts.Full = true
	golden(t, "full.json", mustCollect(t, start(t, director()), opts))
}

// TestOldDirector has one cloud-config without a name.
func TestOldDirector(t *testing.T) {
	d := director()
	d.Before, d.Version = directordouble.ConfigsAPI, "263.0.0"
	golden(t, "old.json", mustCollect(t, start(t, d), options(t)))
}

// TestExpiringTokens takes a new token whenever the old one is used up.
func TestExpiringTokens(t *testing.T) {
	d := director()
	d.UAA = &directordouble.UAA{Clients: d.Users, Uses: 2}
	golden(t, "reader.json", mustCollect(t, start(t, d), options(t)))
	if n := d.UAA.Issued(); n < 4 {
		t.Errorf("only %d tokens", n)
	}
}

// TestLoggedIn uses the token of a user and keeps the refreshed one.
func TestLoggedIn(t *testing.T) {
	d := director()
	d.UAA = &directordouble.UAA{Clients: map[string]directordouble.User{"bosh_cli": {}}, RefreshTokens: map[string]directordouble.User{"refresh": {Admin: true}}}
	target := start(t, d)
	path := filepath.Join(t.TempDir(), "config")
	text := "environments:\n- {url: " + target.Access.URL + ", alias: promo, access_token_type: bearer, access_token: old, refresh_token: refresh}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	var err error
	if opts.Config, err = environment.Load(path); err != nil {
		t.Fatal(err)
	}
	certificate := target.Access.CACert
	target.Access, err = opts.Config.Access(environment.Wanted{Target: "promo"}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	target.Access.CACert = certificate
	golden(t, "everything.json", mustCollect(t, target, opts))
	written, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(written), "access_token: eyJ") || !strings.Contains(string(written), "alias: promo") {
		t.Errorf("error %v, configuration:\n%s", err, written)
	}
}

// TestSame collects twice what has not changed.
func TestSame(t *testing.T) {
	target, opts := start(t, director()), options(t)
	first, second := mustCollect(t, target, opts).Encode(), mustCollect(t, target, opts).Encode()
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// TestSideBySide lets each of two directors answer only after the other one was
// asked.
func TestSideBySide(t *testing.T) {
	asked := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var targets []Target
	for i := range asked {
		d := director()
		var once sync.Once
		d.Fault = func(r *http.Request) directordouble.Fault {
			if r.URL.Path == "/deployments" {
				once.Do(func() { close(asked[i]) })
				<-asked[1-i]
			}
			return directordouble.Fault{}
		}
		targets = append(targets, start(t, d))
	}
	done := 0
	Run(context.Background(), targets, options(t), func(r Result) {
		if r.Err != nil {
			t.Error(r.Err)
		}
		done++
	})
	if done != 2 {
		t.Errorf("%d results", done)
	}
}

// TestManyDeployments asks a director with 2,000 deployments, a few at a time. Their
// manifests have 31 MiB together; what is kept of them at any time does not depend
// on their size.
func TestManyDeployments(t *testing.T) {
	d := &directordouble.Director{Name: "large", Users: director().Users}
	count := 2000
	if sharedtest.Short() {
		count = 100
	}
	const certificates = 16 << 10
	manifest := "name: x\nproperties: {certificates: " + strings.Repeat("x", certificates) + "}"
	for i := range count {
		d.Deployments = append(d.Deployments, directordouble.Deployment{
			Name: fmt.Sprintf("dep %d/%%", i), Manifest: manifest,
			Instances: []directordouble.Instance{{Group: "g", ID: "i", IPs: []string{fmt.Sprintf("10.%d.%d.1", i/250, i%250)}}},
		})
	}
	// The first deployment waits for a second request: on a busy machine none may come by itself.
	asked, two := atomic.Int32{}, make(chan struct{})
	d.Fault = func(r *http.Request) directordouble.Fault {
		if !strings.HasPrefix(r.URL.Path, "/deployments/") {
			return directordouble.Fault{}
		}
		switch asked.Add(1) {
		case 1:
			select {
			case <-two:
			case <-time.After(time.Minute):
			}
		case 2:
			close(two)
		}
		return directordouble.Fault{}
	}
	target := start(t, d)
	var last Progress
	var peak uint64
	before := liveHeap()
	opts := options(t)
	opts.Timeout = 10 * time.Minute // on a busy machine, with the race detector
	opts.Progress = func(p Progress) {
		last = p
		if p.DeploymentsDone%(count/10) == 0 {
			peak = max(peak, liveHeap())
		}
	}
	s := mustCollect(t, target, opts)
	if len(s.Deployments) != count {
		t.Errorf("%d deployments", len(s.Deployments))
	}
	for _, dep := range s.Deployments {
		if dep.Manifest.Empty() || len(dep.VMs) != 1 {
			t.Fatalf("deployment %s is not complete", dep.Name)
		}
	}
	if last != (Progress{1, 1, count, count}) {
		t.Errorf("the last progress was %v", last)
	}
	if most := d.MostAtOnce(); most > perDirector || most < 2 {
		t.Errorf("%d requests at once", most)
	}
	const mebibyte = 1 << 20
	kept := (float64(peak) - float64(before)) / mebibyte
	t.Logf("%d deployments, %d MiB of manifests: at most %.1f MiB in use beside the %.1f MiB of before",
		count, count*certificates/mebibyte, kept, float64(before)/mebibyte)
	if most := 16.0; kept > most || peak == 0 {
		t.Errorf("%.1f MiB are in use, more than %.0f MiB", kept, most)
	}
}

// liveHeap is how many bytes of the heap are in use, garbage aside.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestDeletedMeanwhile loses a deployment between the list and the question.
func TestDeletedMeanwhile(t *testing.T) {
	d := director()
	d.Fault = func(r *http.Request) directordouble.Fault {
		if r.URL.Path == "/deployments/web/instances" {
			return directordouble.Fault{Status: 404, Body: `{"code":70000,"description":"Deployment 'web' doesn't exist"}`}
		}
		return directordouble.Fault{}
	}
	s := mustCollect(t, start(t, d), options(t))
	var names []string
	for _, dep := range s.Deployments {
		names = append(names, dep.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"cache", "failed"}) {
		t.Errorf("deployments %q", names)
	}
}

// TestDeletedConfig cannot see a cloud-config that a deployment still has.
func TestDeletedConfig(t *testing.T) {
	d := director()
	d.Fault = func(r *http.Request) directordouble.Fault {
		if r.URL.Path == "/configs/1" {
			return directordouble.Fault{Status: 404, Body: `{"code":440012,"description":"Config 1 not found"}`}
		}
		return directordouble.Fault{}
	}
	s := mustCollect(t, start(t, d), options(t))
	if !slices.ContainsFunc(s.Unseen, func(u string) bool { return strings.HasPrefix(u, "cloud-config 1, ") }) {
		t.Errorf("unseen: %q", s.Unseen)
	}
}
