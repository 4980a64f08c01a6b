//go:build !race && !vm

package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"
)

// listening is a server that keeps all that it is sent, and answers as it is told.
type listening struct {
	mu     sync.Mutex
	sent   []string
	answer func(w http.ResponseWriter, r *http.Request)
}

func (l *listening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Header.Del("Authorization") // the token is for the server
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "cut off", http.StatusBadRequest)
		return
	}
	l.sent = append(l.sent, fmt.Sprintf("%s %s\n%v\n%s", r.Method, r.URL, r.Header, body))
	l.answer(w, r)
}

// taking answers a push as a server does that takes it.
func taking(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"version": 1, "new": true, "conflicts": []}`)
}

// pushedWorld is the planted world with a server that its fleet file names.
func pushedWorld(t *testing.T) (*plantedWorld, *listening) {
	t.Helper()
	w, l := newPlantedWorld(t), &listening{answer: taking}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	w.environ = append(w.environ, "IPGUARD_TOKEN="+token+"a", "IPGUARD_SERVER="+server.URL)
	w.prefix = "server: " + server.URL + "\n"
	w.write(0, "x")
	return w, l
}

// push pushes, and looks at what is printed and at what is sent. It returns whether
// director a, which has the planted files, was pushed.
func (w *plantedWorld) push(what string, environ []string, l *listening) bool {
	w.t.Helper()
	l.sent = nil
	w.check(what, environ, []string{"push"})
	for _, request := range l.sent {
		w.look(what, "what is pushed", request, "")
	}
	return slices.ContainsFunc(l.sent, func(r string) bool { return strings.HasPrefix(r, http.MethodPut+" /api/v1/directors/a/") })
}

// TestPlantedPush looks for tokens in what push sends: as the world is, with a variable
// in the place of each value of each file, and with a token at each value that is of no
// address.
func TestPlantedPush(t *testing.T) {
	w, l := pushedWorld(t)
	if !w.push("the world as it is", w.environ, l) {
		t.Fatalf("nothing was pushed: %q", l.sent)
	}
	forms := [][2]string{
		{"((v))", "'" + token + "60'"}, {"((v))", "['" + token + "62']"}, {"((v))", "{'" + token + "63': '" + token + "64'}"},
		{"%s((v))", "'" + token + "B'"}, {"((v))-((unset))", "'" + token + "D'"}, {token + "E", "x"},
	}
	turn, tried, taken := 0, 0, 0
	for _, file := range []string{"cc.yml", "m.yml", "ops.yml", "rc.yml", "e.yml"} {
		_, values := keyedValues(t, plantedFiles[file])
		for i, value := range values {
			for range 2 {
				if turn++; w.leftOut() {
					continue
				}
				tried++
				form := forms[turn%len(forms)]
				if form[1] == "x" && (value.node.Kind != yaml.ScalarNode || value.isName() || slices.Contains([]string{"vm_type", "jobs", "type", "os"}, value.key)) { // as it was written
					form = forms[0]
				}
				environ := w.write(turn, form[1])
				writeFile(t, file, []byte(plantedText(t, plantedFiles[file], i, form[0])))
				if w.push(fmt.Sprintf("%s: value %d (%q below %s) is %s, which is %s", file, i, value.node.Value, value.key, form[0], form[1]), environ, l) {
					taken++
				}
			}
		}
		writeFile(t, file, []byte(commented(file, plantedFiles[file])))
	}
	t.Logf("%d places, %d pushes, of which %d sent director a", turn, tried, taken)
	if turn < 400 || tried < turn/12 || taken < tried/4 {
		t.Errorf("%d places, %d pushes, of which %d sent director a: too few", turn, tried, taken)
	}
}

// TestPlantedServer has a server, or a proxy before it, answer with the token that it was
// asked with, as it is and in other writings.
func TestPlantedServer(t *testing.T) {
	w, l := pushedWorld(t)
	asked := token + "a"
	for _, body := range []string{
		`{"detail": "` + asked + `"}`, `{"detail": "no ` + strings.ToUpper(asked) + `"}`, `{"detail": "tok%21S3cr3ta"}`, `{"detail": "Bearer ` + asked[:8] + `"}`,
		`{"title": "` + asked + `"}`, asked, `<html>` + asked, `{"version": "` + asked + `"}`, `{"version": 1, "new": true, "` + asked + `": 1}`,
	} {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503} {
			if w.leftOut() {
				continue
			}
			l.answer = func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Location", "/"+asked)
				rw.WriteHeader(status)
				fmt.Fprint(rw, body)
			}
			w.check(fmt.Sprintf("the server answers %d and %s", status, body), w.environ, []string{"push"}, []string{"who", "10.8.52.30"}, []string{"bookings"})
		}
	}
}
