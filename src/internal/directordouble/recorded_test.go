package directordouble

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// recorded is one exchange with a real director.
type recorded struct {
	file, method, target, user string
	answer                     *http.Response
	body                       []byte
}

var requestLine = regexp.MustCompile(`^> (\S+) (\S+) \((?:basic auth: (\S+)|no credentials)\)$`)

func exchanges(t *testing.T) []recorded {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(sharedtest.Dir(t, "director-api"), "*.http"))
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d exchanges: %v", len(paths), err)
	}
	var list []recorded
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := bytes.Cut(data, []byte("\n\n"))
		m := requestLine.FindStringSubmatch(string(first))
		if m == nil {
			t.Fatalf("%s begins with %q", path, first)
		}
		head, body, _ := bytes.Cut(rest, []byte("\n\n"))
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(string(head), "\n", "\r\n")+"\r\n\r\n")), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, recorded{filepath.Base(path), m[1], m[2], m[3], answer, body})
	}
	return list
}

// find returns the body of the recorded answer to a request of admin.
func find(t *testing.T, list []recorded, target string, into any) {
	t.Helper()
	for _, r := range list {
		if r.target == target && r.user == "admin" && r.answer.StatusCode == http.StatusOK {
			if err := json.Unmarshal(r.body, into); err != nil {
				t.Fatalf("%s: %v", r.file, err)
			}
			return
		}
	}
	t.Fatalf("no answer to %s was recorded", target)
}

// recordedDirector is the double of the director that was recorded.
func recordedDirector(t *testing.T, list []recorded) *Director {
	t.Helper()
	d := &Director{
		Name: "oracle-director", UUID: "00000000-0000-4000-8000-00000000beef", Version: "283.1.3 (00000000)", CPI: "oracle",
		Users: map[string]User{"admin": {Password: "admin", Admin: true}, "reader": {Password: "reader"}},
		tasks: make([]task, 3), // which had gone before
	}
	var configs []struct{ Content, ID, Type, Name, Team string }
	find(t, list, "/configs?latest=true", &configs)
	for _, c := range configs {
		d.Configs = append(d.Configs, Config{ID: atoi(c.ID), Type: c.Type, Name: c.Name, Team: c.Team, Content: c.Content})
	}
	for _, name := range []string{"cache", "web"} {
		var manifest struct{ Manifest string }
		find(t, list, "/deployments/"+name, &manifest)
		var instances []struct {
			Job, ID, AZ string
			Index       int
			IPs         []string
		}
		find(t, list, "/deployments/"+name+"/instances", &instances)
		dep := Deployment{Name: name, Manifest: manifest.Manifest, Configs: []int{1, 2}}
		for _, i := range instances {
			dep.Instances = append(dep.Instances, Instance{Group: i.Job, ID: i.ID, AZ: i.AZ, Index: i.Index, IPs: i.IPs})
		}
		d.Deployments = append(d.Deployments, dep)
	}
	return d
}

// TestRecordedAnswers sends every recorded request to the double and holds its
// answer against the director's.
func TestRecordedAnswers(t *testing.T) {
	list := exchanges(t)
	d := recordedDirector(t, list)
	for _, r := range list {
		t.Run(r.file, func(t *testing.T) {
			got := ask(t, d, r)
			if r.target == "/tasks/4" || r.target == "/tasks/5" {
				got = ask(t, d, r) // at first it was not done
			}
			if got.StatusCode != r.answer.StatusCode {
				t.Errorf("status %d, want %d", got.StatusCode, r.answer.StatusCode)
			}
			for _, header := range []string{"Content-Type", "WWW-Authenticate", "X-Content-Type-Options", "Location"} {
				if diff := cmp.Diff(r.answer.Header.Get(header), got.Header.Get(header)); diff != "" {
					t.Errorf("%s (-director +double):\n%s", header, diff)
				}
			}
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(documents(t, r.body), documents(t, body)); diff != "" {
				t.Errorf("body (-director +double):\n%s", diff)
			}
		})
	}
}

func ask(t *testing.T, d *Director, r recorded) *http.Response {
	t.Helper()
	target, err := url.Parse(r.target)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(r.method, target.String(), nil)
	if r.user != "" {
		password := r.user
		if strings.Contains(r.file, "wrong-password") {
			password = "wrong"
		}
		request.SetBasicAuth(r.user, password)
	}
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, request)
	return answer.Result()
}

// documents are the JSON documents of a body, sorted where their order is left to
// chance, without values that a director makes up; or its text.
func documents(t *testing.T, body []byte) any {
	t.Helper()
	var list []any
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var document any
		err := decoder.Decode(&document)
		if err == io.EOF {
			break
		}
		if err != nil {
			return string(body)
		}
		list = append(list, withoutMadeUp(document))
	}
	byIndex := map[string]any{}
	for i, document := range list {
		key := fmt.Sprint(i)
		if m, ok := document.(map[string]any); ok && m["index"] != nil {
			key = fmt.Sprint("index ", m["index"])
		}
		byIndex[key] = document
	}
	return byIndex
}

var madeUp = []string{"agent_id", "cid", "vm_cid", "vitals", "stemcell", "timestamp", "started_at", "vm_created_at", "stemcells", "releases"}

func withoutMadeUp(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = withoutMadeUp(v[i])
		}
	case map[string]any:
		for _, key := range madeUp {
			delete(v, key)
		}
		if v["config"] != nil {
			delete(v, "id") // of the deployment, in the order in which it came
		}
		for key := range v {
			v[key] = withoutMadeUp(v[key])
		}
	}
	return value
}
