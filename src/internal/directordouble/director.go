// Package directordouble answers HTTP as a BOSH director and its UAA do, for
// tests and benchmarks.
//
// Paths, status codes, headers and bodies are those of a real director, version
// 283.1.3, of which a test holds recorded answers against this package. Data is
// what the test puts in. Beside that, a double can be slow, break off, refuse
// and fall silent on request (Fault), and it remembers what it was asked.
package directordouble

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Director is a director's data and manners. It must not be changed once it is
// started, but through its methods.
type Director struct {
	Name, UUID, Version, CPI string
	// Users are those of a director without UAA, by name.
	Users map[string]User
	// UAA takes the place of Users if it is given.
	UAA *UAA
	// Configs are all versions of all configs, older ones first.
	Configs     []Config
	Deployments []Deployment
	// Orphans are orphaned VMs.
	Orphans []Orphan
	// Before says which parts of the API do not exist yet.
	Before Before
	// Latency passes before each answer.
	Latency time.Duration
	// Fault decides how a request goes wrong; nil: none does. It is asked by many
	// requests at once.
	Fault func(r *http.Request) Fault

	mu       sync.Mutex
	requests []string
	posts    []Post
	tasks    []task
	open     int
	most     int
}

// User is a user of the director's own, or a client of its UAA.
type User struct {
	Password string
	// Admin tells bosh.admin from bosh.read.
	Admin bool
	// Teams are those of a client that has bosh.teams.TEAM.admin for each, and
	// nothing else.
	Teams []string
}

// Before names a change of the API; directors of earlier versions answer 404.
type Before string

// ConfigsAPI came with v264.1: cloud-configs with names, and teams of configs.
const ConfigsAPI Before = "configs"

// sees reports whether the user may see what belongs to some teams.
func (u User) sees(teams ...string) bool {
	return u.Teams == nil || slices.ContainsFunc(teams, func(team string) bool { return slices.Contains(u.Teams, team) })
}

// Config is one version of a config.
type Config struct {
	ID               int
	Type, Name, Team string
	Content          string
	// Old versions are not current.
	Old bool
}

// Deployment is one deployment.
type Deployment struct {
	Name  string
	Teams []string
	// Locked says that a task works on it.
	Locked bool
	// CloudConfig is latest, outdated or none; latest if empty.
	CloudConfig string
	// Manifest is empty if no deploy ever succeeded.
	Manifest  string
	Configs   []int // ids of the configs of the last successful deploy
	Instances []Instance
	// Waiting are VMs that no instance uses yet, which only tasks tell of.
	Waiting []Instance
}

// Instance is one instance and its VM.
type Instance struct {
	Group, ID, AZ string
	Index         int
	IPs           []string
}

// Orphan is an orphaned VM.
type Orphan struct {
	CID, Deployment, Instance, AZ string
	IPs                           []string
}

// Fault is what goes wrong with one request.
type Fault struct {
	// Status is answered in place of what was asked for, with Body.
	Status int
	Body   string
	// Delay passes before the answer.
	Delay time.Duration
	// Cut breaks the connection off in the middle of the answer.
	Cut bool
	// Silent never answers.
	Silent bool
}

// Requests are the requests that came, as "GET /info", in their order.
func (d *Director) Requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.requests...)
}

// Post is a request that changes something, or asks what it would change.
type Post struct {
	// Request is as Requests has it, such as "POST /deployments".
	Request string
	Body    string
}

// Posts are the requests with a body, in their order.
func (d *Director) Posts() []Post {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.posts)
}

// keep reads and remembers the body of a request; false if it breaks off.
func (d *Director) keep(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.posts = append(d.posts, Post{r.Method + " " + r.URL.RequestURI(), string(body)})
	return true
}

// Asked counts the requests that begin with prefix, such as "POST /deployments".
func (d *Director) Asked(prefix string) int {
	n := 0
	for _, r := range d.Requests() {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// MostAtOnce is how many requests the director ever worked on at one time.
func (d *Director) MostAtOnce() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most
}

// ServeHTTP answers one request.
func (d *Director) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.begin(r)
	defer d.end()
	var fault Fault
	if d.Fault != nil {
		fault = d.Fault(r)
	}
	wait(r, d.Latency+fault.Delay)
	switch {
	case fault.Silent:
		<-r.Context().Done()
		return
	case fault.Cut:
		breakOff(w)
		return
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
		fmt.Fprint(w, fault.Body)
		return
	}
	d.answer(w, r)
}

func (d *Director) begin(r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.RequestURI())
	d.open++
	d.most = max(d.most, d.open)
}

func (d *Director) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
}

func wait(r *http.Request, long time.Duration) {
	if long > 0 {
		select {
		case <-time.After(long):
		case <-r.Context().Done():
		}
	}
}

// breakOff promises an answer and ends it early.
func breakOff(w http.ResponseWriter) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err) // HTTP/2, which a double does not speak
	}
	fmt.Fprint(buffered, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{\"name\":")
	buffered.Flush()
	if tcp, ok := conn.(interface{ NetConn() net.Conn }); ok {
		tcp.NetConn().Close() // without TLS's farewell
	}
	conn.Close()
}
