package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/environment"
)

const hostileVariable = "IPGUARD_TEST_HOSTILE_DIRECTOR"

// TestHostileAnswers asks directors that send without end or measure. A process of its
// own asks, so that its memory can be told; whatever comes, it is done before the
// timeout has passed twice, and says which way the director is at fault.
func TestHostileAnswers(t *testing.T) {
	if url := os.Getenv(hostileVariable); url != "" {
		askHostile(t, url)
		return
	}
	forever := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for piece := []byte(strings.Repeat(text, 1<<16)); r.Context().Err() == nil; {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}
	}
	manifest := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/deployments" {
				fmt.Fprint(w, `[{"name":"d1"},{"name":"d2"},{"name":"d3"},{"name":"d4"}]`)
				return
			}
			fmt.Fprintf(w, `{"manifest":%q}`, text)
		}
	}
	elements := func(start, element string, n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/deployments" && start == "[{\"ips\":[" {
				fmt.Fprint(w, `[{"name":"d"}]`)
				return
			}
			if r.URL.Path == "/deployments/d" {
				fmt.Fprint(w, `{}`)
				return
			}
			fmt.Fprint(w, start+strings.Repeat(element+",", n)+element+"]}]")
		}
	}
	const tooMuch, late = "it sends too much: the answer has more than ", "it did not answer everything within "
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		path   string // that the answer is for; others get an empty list
		says   string
		side   int // how many such directors are asked side by side, besides
	}{
		"blanks without end":      {forever(" "), "/deployments", tooMuch + "16 MiB", 0},
		"packed blanks":           {packed(t), "/deployments", tooMuch + "16 MiB", 0},
		"elements without number": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "["+strings.Repeat("{},", 5<<20)+"{}]") }, "/deployments", tooMuch + "100000 elements", 0},
		"a list of lists":         {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("[", 15<<20)) }, "/deployments", "its answer cannot be understood", 0},
		"configs without number":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "["+strings.Repeat("{},", 5<<20)+"{}]") }, "/configs", tooMuch + "100000 elements", 0},
		"an error without end":    {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); forever("x")(w, r) }, "/deployments", "it answers with status 500", 0},
		"a byte now and then": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
		}, "/deployments", late, 0},
		"manifests of brackets": {manifest(strings.Repeat("[", 8<<20)), "/deployments", "", 0},
		"manifests of commas":   {manifest("a: [" + strings.Repeat("1,", 4<<20) + "1]"), "/deployments", "", 0},
		"manifests of maps":     {manifest(strings.Repeat("{a: ", 9000)), "/deployments", "", 0},
		"manifests of aliases": {manifest("a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"), "/deployments", "", 0},
		"addresses without number": {manifest("name: d\ninstance_groups: [{name: g, networks: [{name: n, static_ips: [" + strings.Repeat("10.0.0.1,", 290_000) + "10.0.0.2]}]}]"), "/deployments",
			"what it tells of networks and addresses takes more than 48 MiB", 0},
		"addresses of a VM":       {elements(`[{"ips":[`, `"1.2.3.4"`, 1_300_000), "/deployments", tooMuch + "4096 elements in one of its elements", 0},
		"addresses of an orphan":  {elements(`[{"ip_addresses":[`, `"1.2.3.4"`, 1_300_000), "/orphaned_vms", tooMuch + "4096 elements in one of its elements", 0},
		"teams of a deployment":   {elements(`[{"name":"d","teams":[`, `""`, 4_000_000), "/deployments", tooMuch + "4096 elements in one of its elements", 0},
		"teams of deployments":    {elements(`[{"name":"d","teams":["",""]},{"teams":[`, `""]},{"teams":["","","","","","","","",""`, 90_000), "/deployments", tooMuch + "300000 elements in its elements", 0},
		"long manifests":          {manifest(strings.Repeat("- a\n", 12<<18)), "/deployments", "", 2},
		"addresses of many sides": {manifest("name: d\ninstance_groups: [{name: g, networks: [{name: n, static_ips: [" + strings.Repeat("10.0.0.1,", 40_000) + "10.0.0.2]}]}]"), "/deployments", "", 3},
	} {
		if raceDetector && c.says != tooMuch+"16 MiB" && c.says != late {
			continue // scripts/test has all of them tried without the race detector
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/info":
					fmt.Fprint(w, `{"name":"hostile","uuid":"1","version":"283.1.3","user_authentication":{"type":"basic","options":{}}}`)
				case strings.HasPrefix(r.URL.Path, c.path) && (!strings.HasSuffix(r.URL.Path, "/instances") || strings.HasPrefix(name, "addresses of a VM")):
					c.answer(w, r)
				default:
					fmt.Fprint(w, "[]")
				}
			}))
			server.Config.ErrorLog = nil
			server.StartTLS()
			t.Cleanup(func() {
				server.CloseClientConnections()
				server.Close()
			})
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			url := server.URL
			if c.says == late {
				url += "/late" // the rest has time
			}
			asker := exec.Command(os.Args[0], "-test.run=^TestHostileAnswers$")
			asker.Env = append(os.Environ(), hostileVariable+"="+url, hostileVariable+"_CA="+string(ca), hostileVariable+"_SIDE="+strconv.Itoa(c.side))
			out, err := asker.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
			if !strings.Contains(string(out), "says: "+c.says) || c.says == "" && !strings.Contains(string(out), "says: \n") {
				t.Errorf("want %q in\n%s", c.says, out)
			}
			if m := regexp.MustCompile(`memory: (\d+) kB`).FindSubmatch(out); m == nil {
				t.Errorf("no memory is told in\n%s", out)
			} else if kB, _ := strconv.Atoi(string(m[1])); kB > 200<<10 && !raceDetector {
				t.Errorf("%d MiB of memory; below 200 is promised", kB>>10)
			}
		})
	}
}

// askHostile collects once and tells what came of it, and the most memory it took.
func askHostile(t *testing.T, url string) {
	opts := options(t)
	opts.Timeout = 2 * time.Minute
	if strings.HasSuffix(url, "/late") {
		opts.Timeout = time.Second
	}
	var said string
	target := Target{Name: "hostile", Access: environment.Access{URL: strings.TrimSuffix(url, "/late"), CACert: os.Getenv(hostileVariable + "_CA"), Client: "c", Secret: "s"}}
	targets := []Target{target}
	side, err := strconv.Atoi(os.Getenv(hostileVariable + "_SIDE"))
	if err != nil {
		t.Fatal(err)
	}
	for range side {
		targets = append(targets, target)
	}
	Run(context.Background(), targets, opts, func(r Result) {
		if r.Err != nil {
			said = r.Err.Message
		}
	})
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("says: %s\nmemory: %s kB\n", said, regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1])
}

// packed answers with two GiB of blanks in some 2 MB: one member of gzip, again and again
// (RFC 1952, section 2.2).
func packed(t *testing.T) http.HandlerFunc {
	t.Helper()
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	if _, err := z.Write([]byte(strings.Repeat(" ", 16<<20))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat(member.Bytes(), 128)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.Copy(w, bytes.NewReader(text)) // the other side may be gone
	}
}
