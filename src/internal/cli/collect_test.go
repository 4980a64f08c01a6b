package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/directordouble"
)

const testSecret = "c1c1-s3cr3t"

// doubles starts directors that log ipguard in with testSecret, and writes their
// certificate to ca.pem. It returns their URLs.
func doubles(t *testing.T, directors ...*directordouble.Director) []string {
	t.Helper()
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "ca.pem", authority.PEM)
	var urls []string
	for _, d := range directors {
		d.Users = map[string]directordouble.User{"ipguard": {Password: testSecret}}
		if d.UAA != nil {
			d.UAA.Clients = d.Users
		}
		server, err := authority.Start(d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	return urls
}

// runMain runs a command as a user would, with the secret in the environment.
func runMain(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(context.Background(), args, Streams{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Environ: []string{"BOSH_CLIENT_SECRET=" + testSecret, "BOSH_CONFIG=bosh-config"},
	})
	return code, out.String(), errs.String()
}

// twoDirectors have one deployment each, with the same address.
func twoDirectors() []*directordouble.Director {
	var list []*directordouble.Director
	for i, name := range []string{"promo", "dr-west"} {
		list = append(list, &directordouble.Director{
			Name: name, UUID: fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i), Version: "283.1.3",
			Configs: []directordouble.Config{{ID: 1, Type: "cloud", Name: "default", Content: "azs: [{name: z1}]\n" +
				"networks: [{name: default, subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, static: [10.8.52.190 - 10.8.52.199], reserved: [10.8.52.2 - 10.8.52.189, 10.8.52.200 - 10.8.52.254]}]}]\n" +
				"compilation: {workers: 1, network: default, az: z1}"}},
			Deployments: []directordouble.Deployment{{
				Name: "db", Manifest: "name: db\ninstance_groups: [{name: pgpool, azs: [z1], instances: 1, jobs: [], networks: [{name: default, static_ips: [10.8.52.191]}]}]",
				Instances: []directordouble.Instance{{Group: "pgpool", ID: "8934794d-aecc-489e-84ad-288219a65ff5", AZ: "z1", IPs: []string{"10.8.52.191"}}},
			}},
		})
	}
	return list
}

func liveFleet(t *testing.T, urls []string, more string) {
	t.Helper()
	text := "directors:\n"
	for i, name := range []string{"promo", "dr-west", "third", "fourth"}[:len(urls)] {
		text += fmt.Sprintf("- {name: %s, snapshot: snapshots/%s.json%s, environment: {target: '%s', ca_cert: ca.pem, client: ipguard}}\n", name, name, more, urls[i])
	}
	writeFile(t, "ipguard.yml", []byte(text))
}

// TestCollect collects from two directors and one that nobody has started.
func TestCollect(t *testing.T) {
	t.Chdir(t.TempDir())
	urls := append(doubles(t, twoDirectors()...), "https://127.0.0.1:1")
	liveFleet(t, urls, "")
	code, stdout, stderr := runMain(t, "collect")
	want := "promo: 1 deployment, 1 VM, written to snapshots/promo.json\n" +
		"promo: not seen: orphaned VMs, which are shown to the scope bosh.admin alone\n" +
		"dr-west: 1 deployment, 1 VM, written to snapshots/dr-west.json\n" +
		"dr-west: not seen: orphaned VMs, which are shown to the scope bosh.admin alone\n"
	if code != ExitIncomplete || stdout != want {
		t.Errorf("exit %d, standard output:\n%s", code, stdout)
	}
	want = "failure: ipguard.yml:4:62: director third: dial tcp 127.0.0.1:1: connect: connection refused; it has no snapshot\n" +
		"  hint: check the environment's URL, and whether the director is reached by a proxy\n"
	if stderr != want {
		t.Errorf("standard error:\n%s", stderr)
	}
	first, err := os.ReadFile("snapshots/promo.json")
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = runMain(t, "collect", "dr-west", "promo")
	if code != ExitOK || stderr != "" || !strings.Contains(stdout, "promo: 1 deployment, 1 VM, unchanged in snapshots/promo.json\n") {
		t.Errorf("again: exit %d\n%s%s", code, stdout, stderr)
	}
	if second, err := os.ReadFile("snapshots/promo.json"); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the snapshot has changed though nothing else has (error %v)", err)
	}
}

// TestCollectCertificateInFile takes the certificate from the fleet file itself.
func TestCollectCertificateInFile(t *testing.T) {
	t.Chdir(t.TempDir())
	urls := doubles(t, twoDirectors()[0])
	certificate, err := os.ReadFile("ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "ipguard.yml", fmt.Appendf(nil, "directors: [{name: promo, snapshot: promo.json, environment: {target: '%s', ca_cert: %q, client: ipguard}}]\n", urls[0], certificate))
	if code, stdout, stderr := runMain(t, "collect"); code != ExitOK || !strings.Contains(stdout, "written to promo.json\n") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// TestCollectKeepsOld leaves the old snapshot where a director fails.
func TestCollectKeepsOld(t *testing.T) {
	t.Chdir(t.TempDir())
	liveFleet(t, doubles(t, twoDirectors()...), "")
	if code, _, stderr := runMain(t, "collect"); code != ExitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	before, _ := os.ReadFile("snapshots/promo.json")
	liveFleet(t, []string{"https://127.0.0.1:1"}, "")
	code, stdout, stderr := runMain(t, "collect")
	if code != ExitIncomplete || stdout != "" || !strings.Contains(stderr, "; its snapshot of 20") || !strings.Contains(stderr, "Z stays\n") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if after, err := os.ReadFile("snapshots/promo.json"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the old snapshot has changed (error %v)", err)
	}
}

// TestCollectFaults collects from a director that is well and one in some trouble:
// the one is written whatever happens to the other, and the exit code says it.
func TestCollectFaults(t *testing.T) {
	type director = directordouble.Director
	at := func(path string, f directordouble.Fault) func(*director) {
		return func(d *director) {
			d.Fault = func(r *http.Request) directordouble.Fault {
				if r.URL.Path == path {
					return f
				}
				return directordouble.Fault{}
			}
		}
	}
	const written = "dr-west: 1 deployment, 1 VM, written to snapshots/dr-west.json\n"
	for name, c := range map[string]struct {
		trouble func(*director)
		code    int
		want    string
	}{
		"nothing":       {func(*director) {}, ExitOK, written},
		"old director":  {func(d *director) { d.Before = directordouble.ConfigsAPI }, ExitOK, written},
		"passing 503":   {passing503(), ExitOK, written},
		"slow":          {func(d *director) { d.Latency = 20 * time.Millisecond }, ExitOK, written},
		"tokens expire": {func(d *director) { d.UAA = &directordouble.UAA{Uses: 2} }, ExitOK, written},
		"401":           {at("/deployments", directordouble.Fault{Status: 401}), ExitIncomplete, "director dr-west: it refuses client ipguard; it has no snapshot\n"},
		"500":           {at("/deployments/db", directordouble.Fault{Status: 500}), ExitIncomplete, "director dr-west: it answers with status 500; it has no snapshot\n"},
		"cut":           {at("/deployments/db/instances", directordouble.Fault{Cut: true}), ExitIncomplete, "director dr-west: it broke the connection off; it has no snapshot\n"},
		"silent":        {at("/configs", directordouble.Fault{Silent: true}), ExitIncomplete, "director dr-west: it did not answer everything within 4s; it has no snapshot\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			list := twoDirectors()
			c.trouble(list[1])
			liveFleet(t, doubles(t, list...), "")
			timeout := "4s"
			if c.code == ExitOK {
				timeout = "2m" // a busy machine takes its time
			}
			code, stdout, stderr := runMain(t, "collect", "--timeout", timeout)
			if code != c.code || !strings.Contains(stdout, "promo: 1 deployment, 1 VM, written to snapshots/promo.json\n") || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit %d\n%s%s", code, stdout, stderr)
			}
			if _, err := os.Stat("snapshots/dr-west.json"); (err == nil) != (c.code == ExitOK) {
				t.Errorf("snapshot of dr-west: %v", err)
			}
		})
	}
}

// passing503 makes the question for instances fail once.
func passing503() func(*directordouble.Director) {
	var mu sync.Mutex
	asked := map[string]bool{}
	return func(d *directordouble.Director) {
		d.Fault = func(r *http.Request) directordouble.Fault {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Path != "/deployments/db/instances" || asked[r.URL.Path] {
				return directordouble.Fault{}
			}
			asked[r.URL.Path] = true
			return directordouble.Fault{Status: 503}
		}
	}
}

// TestCollectInterrupted gives up while one of two directors is silent.
func TestCollectInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	list := twoDirectors()
	ctx, cancel := context.WithCancel(context.Background())
	list[1].Fault = func(*http.Request) directordouble.Fault { return directordouble.Fault{Silent: true} }
	liveFleet(t, doubles(t, list...), "")
	long := Streams{ // so long ago that the snapshot is written again
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Now: func() time.Time { return time.Now().Add(-48 * time.Hour) },
		Environ: []string{"BOSH_CLIENT_SECRET=" + testSecret, "BOSH_CONFIG=bosh-config"},
	}
	if code := Main(ctx, []string{"collect", "promo"}, long); code != ExitOK {
		t.Fatalf("exit %d", code)
	}
	before := readFile(t, "snapshots/promo.json")
	go func() { // the other one was written: now nothing will happen any more
		for {
			if now, err := os.ReadFile("snapshots/promo.json"); err == nil && string(now) != before {
				cancel()
				return
			}
			runtime.Gosched()
		}
	}()
	var stdout, stderr bytes.Buffer
	code := Main(ctx, []string{"collect"}, Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Environ: []string{"BOSH_CLIENT_SECRET=" + testSecret, "BOSH_CONFIG=bosh-config"},
	})
	const want = "failure: interrupted before 1 director had told everything; what they had told before stays: dr-west\n"
	if code != ExitIncomplete || stderr.String() != want || !strings.HasPrefix(stdout.String(), "promo: ") {
		t.Errorf("exit %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

// TestCollectTwins finds one director under two names.
func TestCollectTwins(t *testing.T) {
	t.Chdir(t.TempDir())
	url := doubles(t, twoDirectors()[0])[0]
	liveFleet(t, []string{url, url}, "")
	code, _, stderr := runMain(t, "collect")
	if code != ExitIncomplete || !strings.Contains(stderr, "directors promo and dr-west are one: both say that their UUID is 00000000-0000-4000-8000-000000000000") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// TestCollectKnowsItsDirectors compares UUIDs before anything is written.
func TestCollectKnowsItsDirectors(t *testing.T) {
	t.Chdir(t.TempDir())
	list := twoDirectors()
	urls := doubles(t, list...)
	liveFleet(t, urls, "")
	if code, _, stderr := runMain(t, "collect"); code != ExitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	west := readFile(t, "snapshots/dr-west.json")
	refused := func(wanted string, args ...string) {
		t.Helper()
		code, stdout, stderr := runMain(t, append([]string{"collect"}, args...)...)
		if code != ExitIncomplete || !strings.Contains(stderr, wanted) || !strings.Contains(stderr, "Z stays") {
			t.Errorf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
		if readFile(t, "snapshots/dr-west.json") != west {
			t.Errorf("%v: the snapshot of dr-west was overwritten", args)
		}
	}
	// The environment of dr-west leads to promo.
	liveFleet(t, []string{urls[0], urls[0]}, "")
	const one = "director dr-west: directors promo and dr-west are one: it says that its UUID is 00000000-0000-4000-8000-000000000000, which the snapshot of promo has"
	refused(one)
	refused(one, "dr-west")
	refused(one, "--new-director", "dr-west")
	// It leads to a third one, which nothing here knows.
	third := twoDirectors()[1]
	third.UUID = "00000000-0000-4000-8000-000000000009"
	nameless := twoDirectors()[1]
	nameless.UUID = ""
	urls = append(urls, doubles(t, third, nameless)...)
	liveFleet(t, []string{urls[0], urls[2]}, "")
	refused("director dr-west: another director answers: its UUID is 00000000-0000-4000-8000-000000000009, and its snapshot is of 00000000-0000-4000-8000-000000000001", "dr-west")
	liveFleet(t, []string{urls[0], urls[3]}, "")
	refused("another director answers: its UUID is not told")
	liveFleet(t, []string{urls[0], urls[2]}, "")
	if code, stdout, stderr := runMain(t, "collect", "--new-director", "dr-west"); code != ExitOK || readFile(t, "snapshots/dr-west.json") == west {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := runMain(t, "collect", "--new-director"); code != ExitUsage || !strings.Contains(stderr, "--new-director NAME") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestCollectNamesWhatIsNotShown tells of deployments that are not as they look.
func TestCollectNamesWhatIsNotShown(t *testing.T) {
	t.Chdir(t.TempDir())
	list := twoDirectors()
	list[0].Deployments = append(list[0].Deployments, directordouble.Deployment{Name: "bad1"})
	list[1].Deployments[0].Locked = true
	liveFleet(t, doubles(t, list...), "")
	code, stdout, stderr := runMain(t, "collect")
	for _, want := range []string{
		"promo: not seen: what deployment bad1 holds, of which no deploy ever succeeded\n",
		"dr-west: not seen: all of deployment db, on which a task worked while it was asked\n",
	} {
		if code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit %d\n%s%s\nwant %s", code, stdout, stderr, want)
		}
	}
	_, stdout, _ = runMain(t, "lint")
	for _, want := range []string{"did not show what deployment bad1 holds", "did not show all of deployment db", "bosh -d bad1 delete-deployment"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("lint does not say %q:\n%s", want, stdout)
		}
	}
}

// TestCollectUsage gives command lines and fleet files that cannot be meant.
func TestCollectUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		fleet, args string
		code        int
		want        string
	}{
		"unknown director": {"directors: [{name: a, snapshot: a.json, environment: a}, {name: b}]", "collect c", ExitUsage,
			`the fleet file has no director "c"`},
		"no environment":    {"directors: [{name: a, snapshot: a.json, environment: a}, {name: b}]", "collect b", ExitUsage, "director b has no environment in ipguard.yml"},
		"no environments":   {"directors: [{name: a}]", "collect", ExitUsage, "no director has an environment in ipguard.yml"},
		"no snapshot":       {"directors: [{name: a, environment: a}]", "collect", ExitIncomplete, "director a: nothing says where its snapshot goes"},
		"no credentials":    {"directors: [{name: a, snapshot: a.json, environment: a}]", "collect", ExitIncomplete, "director a: no client is given, and nobody has logged in"},
		"no certificate":    {"directors: [{name: a, snapshot: a.json, environment: {target: a, client: c, ca_cert: none.pem}}]", "collect", ExitIncomplete, "director a: the certificate none.pem cannot be read: no such file or directory\n"},
		"no secret":         {"directors: [{name: a, snapshot: a.json, environment: {target: a, client: c, client_secret_env: X}}]", "collect", ExitIncomplete, "director a: the secret of client c is missing: the variable that client_secret_env names is not set"},
		"timeout":           {"directors: [{name: a, snapshot: a.json, environment: a}]", "collect --timeout 0s", ExitUsage, "--timeout must be longer than nothing"},
		"broken fleet file": {"directors: [", "collect", ExitIncomplete, "ipguard.yml:1:1: not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, "ipguard.yml", []byte(c.fleet))
			code, stdout, stderr := runMain(t, strings.Fields(c.args)...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d and %s\n%s%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
}

// TestCollectProgress tells how far a run is, on a line that is wide enough and on
// one that is not.
func TestCollectProgress(t *testing.T) {
	for width, want := range map[int]string{
		0:  "\r\x1b[Kcollecting: 1 of 3 directors, 12 of 40 deployments\r\x1b[K",
		80: "\r\x1b[Kcollecting: 1 of 3 directors, 12 of 40 deployments\r\x1b[K",
		20: "\r\x1b[Kcollecting: 1 of 3 \r\x1b[K",
	} {
		var out bytes.Buffer
		p := &statusLine{out: &out, width: func() int { return width }}
		p.end() // nothing was shown, so that nothing is erased
		p.show(func() string {
			return collectingText(collect.Progress{Directors: 3, DirectorsDone: 1, Deployments: 40, DeploymentsDone: 12})
		})
		p.end()
		if out.String() != want {
			t.Errorf("width %d: got %q, want %q", width, out.String(), want)
		}
	}
}
