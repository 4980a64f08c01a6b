package collect

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// on makes a fault for one path.
func on(path string, f directordouble.Fault) func(*http.Request) directordouble.Fault {
	return func(r *http.Request) directordouble.Fault {
		if r.URL.Path == path {
			return f
		}
		return directordouble.Fault{}
	}
}

// null makes a list null.
func null(path string) func(*directordouble.Director) {
	return func(d *directordouble.Director) { d.Fault = on(path, directordouble.Fault{Status: 200, Body: "null"}) }
}

// TestErrors makes every kind of trouble. No error tells a secret, or quotes what
// is not known to be harmless.
func TestErrors(t *testing.T) {
	secretPage := "<html>" + password + "</html>"
	for name, c := range map[string]struct {
		change  func(d *directordouble.Director)
		target  func(t *Target)
		message string
		hint    string
	}{
		"wrong password": {nil, func(t *Target) { t.Access.Secret = "wrong" },
			"it refuses client reader", "check the client and its secret"},
		"no right to list": {func(d *directordouble.Director) {
			d.Fault = on("/deployments", directordouble.Fault{Status: 401, Body: `{"code":600000,"description":"Require one of the scopes: bosh.read"}`})
		}, nil, "it refuses client reader, error 600000", ""},
		"UAA does not know the client": {func(d *directordouble.Director) { d.UAA = &directordouble.UAA{} }, nil,
			"its UAA does not know client reader, or the secret is wrong", "log in again"},
		"UAA is broken": {func(d *directordouble.Director) {
			d.UAA = &directordouble.UAA{Fault: func(*http.Request) directordouble.Fault { return directordouble.Fault{Status: 500, Body: secretPage} }}
		}, nil, "its UAA answers with status 500", ""},
		"500 of a manifest": {func(d *directordouble.Director) {
			d.Fault = on("/deployments/web", directordouble.Fault{Status: 500, Body: secretPage})
		}, nil, "it answers with status 500", ""},
		"500 of instances": {func(d *directordouble.Director) {
			d.Fault = on("/deployments/cache/instances", directordouble.Fault{Status: 500, Body: `{"code":100,"description":"Sequel::Error\nmore"}`})
		}, nil, "it answers with status 500, error 100", ""},
		"500 of configs":       {func(d *directordouble.Director) { d.Fault = on("/configs", directordouble.Fault{Status: 500}) }, nil, "it answers with status 500", ""},
		"500 of orphaned VMs":  {func(d *directordouble.Director) { d.Fault = on("/orphaned_vms", directordouble.Fault{Status: 500}) }, nil, "it answers with status 500", ""},
		"500 of an old config": {func(d *directordouble.Director) { d.Fault = on("/configs/1", directordouble.Fault{Status: 500}) }, nil, "it answers with status 500", ""},
		"500 of pinned configs": {func(d *directordouble.Director) {
			d.Fault = on("/deployment_configs", directordouble.Fault{Status: 500})
		}, nil, "it answers with status 500", ""},
		"page of a proxy": {func(d *directordouble.Director) {
			d.Fault = on("/info", directordouble.Fault{Status: 200, Body: secretPage})
		}, nil,
			"it answers with a web page, perhaps of a proxy in front of it", ""},
		"502 of a proxy": {func(d *directordouble.Director) {
			d.Fault = func(*http.Request) directordouble.Fault { return directordouble.Fault{Status: 502, Body: secretPage} }
		}, nil, "it answers with status 502", "something in front of it"},
		"504 of a list": {func(d *directordouble.Director) {
			d.Fault = on("/deployments", directordouble.Fault{Status: 504, Body: secretPage})
		}, nil, "it answers with status 504", "try again later"},
		"a page in place of a manifest": {func(d *directordouble.Director) {
			d.Fault = on("/deployments/web", directordouble.Fault{Status: 200, Body: secretPage})
		}, nil, "it answers with a web page", ""},
		"null deployments": {null("/deployments"), nil, "it answers null in place of a list", ""},
		"null instances":   {null("/deployments/web/instances"), nil, "it answers null in place of a list", ""},
		"null configs":     {null("/configs"), nil, "it answers null in place of a list", ""},
		"null orphans": {func(d *directordouble.Director) {
			null("/orphaned_vms")(d)
		}, nil, "it answers null in place of a list", ""},
		"a deployment that is null": {func(d *directordouble.Director) {
			d.Fault = on("/deployments", directordouble.Fault{Status: 200, Body: "[null]"})
		}, nil, "it tells a deployment without a name", ""},
		"a client of one team": {func(d *directordouble.Director) {
			d.Users = map[string]directordouble.User{"reader": {Password: password, Teams: []string{"dba"}}}
		}, nil, "it shows client reader only what belongs to its teams", "bosh.read is needed"},
		"a client of a UAA of one team": {func(d *directordouble.Director) {
			d.UAA = &directordouble.UAA{Clients: map[string]directordouble.User{"reader": {Password: password, Teams: []string{}}}}
		}, nil, "it shows client reader only what belongs to its teams", "bosh.read is needed"},
		"cut": {func(d *directordouble.Director) { d.Fault = on("/deployments/web", directordouble.Fault{Cut: true}) }, nil,
			"it broke the connection off", ""},
		"no address": {func(d *directordouble.Director) { d.Deployments[0].Instances[0].IPs = []string{password} }, nil,
			"it tells an address of a VM that is none", ""},
		"unknown certificate": {nil, func(t *Target) { t.Access.CACert = "" },
			"x509: certificate signed by unknown authority", "ca_cert"},
		"no certificate": {nil, func(t *Target) { t.Access.CACert = password }, "the CA certificate cannot be read", "PEM"},
		"nobody listens": {nil, func(t *Target) { t.Access.URL = "https://127.0.0.1:1" },
			"dial tcp 127.0.0.1:1: connect: connection refused", "check the environment's URL"},
		"no URL": {nil, func(t *Target) { t.Access.URL = "https://127.0.0.1:x" }, "its URL cannot be read", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := director()
			if c.change != nil {
				c.change(d)
			}
			target := start(t, d)
			if c.target != nil {
				c.target(&target)
			}
			_, err := collectOne(t, target, options(t))
			if err == nil || !strings.Contains(err.Message, c.message) || !strings.Contains(err.Hint, c.hint) {
				t.Errorf("got %+v, want %s (hint: %s)", err, c.message, c.hint)
			}
			if err != nil && strings.Contains(err.Message+err.Hint, password) {
				t.Errorf("the error tells a secret: %s", err)
			}
		})
	}
}

// TestSilence does not wait for ever, and not for others.
func TestSilence(t *testing.T) {
	silent := director()
	silent.Fault = on("/deployments/web", directordouble.Fault{Silent: true})
	opts := options(t)
	opts.Timeout = 3 * time.Second
	var results []Result
	Run(context.Background(), []Target{start(t, silent), start(t, director())}, opts, func(r Result) { results = append(results, r) })
	if len(results) != 2 || results[0].Err != nil {
		t.Fatalf("the first result should be a snapshot: %v", results)
	}
	if err := results[1].Err; err == nil || err.Message != "it did not answer everything within 3s" {
		t.Errorf("got %v", err)
	}
}

// TestCancelled stops when the user does.
func TestCancelled(t *testing.T) {
	d := director()
	ctx, cancel := context.WithCancel(context.Background())
	d.Fault = func(r *http.Request) directordouble.Fault {
		cancel()
		return directordouble.Fault{Silent: true}
	}
	var got *trouble.Trouble
	Run(ctx, []Target{start(t, d)}, options(t), func(r Result) { got = r.Err })
	if got == nil || got.Message != "it was not waited for" || got != ErrInterrupted {
		t.Errorf("got %v", got)
	}
}

// TestPassingTrouble repeats a request that failed on the way.
func TestPassingTrouble(t *testing.T) {
	d := director()
	times := make(chan bool, 1)
	times <- true
	d.Fault = func(r *http.Request) directordouble.Fault {
		if r.URL.Path == "/deployments/web/instances" {
			select {
			case <-times:
				return directordouble.Fault{Status: 503, Body: "come back later"}
			default:
			}
		}
		return directordouble.Fault{}
	}
	mustCollect(t, start(t, d), options(t))
	if n := d.Asked("GET /deployments/web/instances"); n != 2 {
		t.Errorf("asked %d times", n)
	}
}
