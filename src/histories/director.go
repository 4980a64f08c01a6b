package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// recorded is a director that answers what was recorded before one step.
type recorded struct {
	folder string // the step's api-before
	// configs are the cloud-configs of the whole history by id: the answer to
	// GET /configs?latest=true has the latest one alone.
	configs map[string]json.RawMessage
}

// collectAt has ipguard collect ask the director as it was before a step, and
// writes what it makes of the answers to path.
func collectAt(step, path string, configs map[string]json.RawMessage) error {
	server := httptest.NewUnstartedServer(&recorded{filepath.Join(step, "api-before"), configs})
	server.Config.ErrorLog = log.New(&bytes.Buffer{}, "", 0)
	server.StartTLS()
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	target := collect.Target{Name: "director", Access: environment.Access{
		URL: server.URL, CACert: string(certificate), Client: "reader", Secret: "reader",
	}}
	opts := collect.Options{Keep: snapshot.Keep{VIPProperties: bosh.DefaultPatterns().Find}, Timeout: time.Minute, Now: time.Now}
	var err error
	collect.Run(context.Background(), []collect.Target{target}, opts, func(r collect.Result) {
		if r.Err != nil {
			err = r.Err
			return
		}
		_, err = r.Snapshot.Write(path, 0)
	})
	return err
}

func (d *recorded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) == 3 && parts[0] == "deployments" && parts[2] == "instances":
		d.file(w, "instances-"+parts[1])
	case len(parts) == 2 && parts[0] == "deployments":
		d.file(w, "deployment-"+parts[1])
	case len(parts) == 2 && parts[0] == "configs":
		d.config(w, parts[1])
	case parts[0] == "configs":
		d.latest(w, r.URL.Query())
	case parts[0] == "deployment_configs":
		d.file(w, "deployment_configs-"+r.FormValue("deployment[]"))
	default:
		d.file(w, parts[0])
	}
}

// file answers with a recorded body.
func (d *recorded) file(w http.ResponseWriter, name string) {
	body, err := os.ReadFile(filepath.Join(d.folder, filepath.Base(name)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body)
}

func (d *recorded) config(w http.ResponseWriter, id string) {
	body, ok := d.configs[id]
	if !ok {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	_, _ = w.Write(body)
}

// latest answers with the latest configs of the type that is asked for.
func (d *recorded) latest(w http.ResponseWriter, query url.Values) {
	var list, wanted []json.RawMessage
	if err := readJSON(filepath.Join(d.folder, "configs-latest.json"), &list); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, c := range list {
		var config struct{ Type string }
		if err := json.Unmarshal(c, &config); err == nil && (query.Get("type") == "" || config.Type == query.Get("type")) {
			wanted = append(wanted, c)
		}
	}
	if wanted == nil {
		wanted = []json.RawMessage{}
	}
	_ = json.NewEncoder(w).Encode(wanted)
}

// configsOf are all cloud-configs that the answers before some steps tell, by id.
func configsOf(steps []string) (map[string]json.RawMessage, error) {
	byID := map[string]json.RawMessage{}
	for _, step := range steps {
		var list []json.RawMessage
		if err := readJSON(filepath.Join(step, "api-before", "configs-latest.json"), &list); err != nil {
			return nil, err
		}
		for _, c := range list {
			var config struct{ ID string }
			if err := json.Unmarshal(c, &config); err != nil {
				return nil, err
			}
			byID[config.ID] = c
		}
	}
	return byID, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
