package watch

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// TestMetricsAreRight: Prometheus' own parser and linter find nothing, with and
// without anything to tell, and with names that need to be escaped.
func TestMetricsAreRight(t *testing.T) {
	d := idle(t, Options{Latch: time.Hour})
	for n, name := range []string{"eth0", `a"b\c`, "zwölf\nzeilen"} {
		a := netip.AddrFrom4([4]byte{10, 8, 52, byte(n)})
		detector := acd.NewDetector(acd.DetectorConfig{Subject: acd.Subject{Address: a}, MAC: frame.MAC{1}}, acd.Memory{}, time.Now().Add(-time.Hour))
		for i := range 12 {
			detector.Observe(acd.Evidence{Verdict: acd.Claim, How: "arp-reply", MAC: frame.MAC{2, byte(i)}}, time.Now())
		}
		d.segments[n] = &segment{at: link.Interface{Index: n, Name: name}, wire: sockets{}, own: map[netip.Addr]*address{a: {detector: detector}}}
	}
	for _, state := range []string{"busy", "empty"} {
		if state == "empty" {
			clear(d.segments)
		}
		var text bytes.Buffer
		d.writeMetrics(&text, time.Now())
		problems, err := promlint.New(bytes.NewReader(text.Bytes())).Lint()
		if err != nil {
			t.Errorf("%s: %v\n%s", state, err, text.String())
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", state, p.Metric, p.Text)
		}
		if state == "busy" && strings.Count(text.String(), `ipguard_claimant_info{address="10.8.52.1"`) != 9 {
			t.Errorf("stations are not bounded:\n%s", text.String())
		}
	}
}

// TestMetricsPort: another's port is no reason not to watch; when it is free again
// the metrics tell that they were missing.
func TestMetricsPort(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := idle(t, Options{Listen: other.Addr().String(), Log: textLog(&log)})
	if at := d.serve(); at != nil {
		t.Fatalf("served at %v", at)
	}
	for range 5 {
		d.serveLate()
	}
	if n := strings.Count(log.String(), "metrics are not served; watching without them"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	d.serveLate()
	go func() { (<-d.work)(time.Now()) }()
	response, err := http.Get("http://" + d.options.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil || !strings.Contains(body.String(), "ipguard_listen_failures_total 6\n") {
		t.Errorf("%v\n%s", err, body.String())
	}
	for _, wrong := range []string{"127.0.0.1", "127.0.0.1:http7", ":70000"} {
		if checkListen(wrong) == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// TestHealthTellsDeafness: while the kernel tells nothing, and for a minute after
// something was missed.
func TestHealthTellsDeafness(t *testing.T) {
	d := idle(t, Options{})
	d.segments[1] = &segment{at: link.Interface{Index: 1, Name: "eth0", Carrier: true}}
	health := func() string {
		r := httptest.NewRecorder()
		go func() { (<-d.work)(time.Now()) }()
		d.handler().ServeHTTP(r, httptest.NewRequest("GET", "/healthz", nil))
		return fmt.Sprint(r.Code, " ", r.Body.String())
	}
	if got := health(); got != "200 ok\n" {
		t.Error(got)
	}
	d.deaf(net.ErrClosed, time.Now())
	if got := health(); got != "503 degraded: the kernel does not tell what changes on this host\n" {
		t.Error(got)
	}
	d.deaf(nil, time.Now())
	d.news.lastLost = time.Now()
	if got := health(); got != "503 degraded: changes of this host were missed within the last minute\n" {
		t.Error(got)
	}
	d.news.lastLost = time.Now().Add(-2 * time.Minute)
	d.news.stale = net.ErrClosed
	if got := health(); got != "503 degraded: the interfaces of this host cannot be read\n" {
		t.Error(got)
	}
}
