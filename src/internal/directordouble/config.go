package directordouble

import (
	"net/http"
	"slices"
)

const created = "2026-11-20 23:24:22 UTC"

func (c Config) body() map[string]any {
	var team any
	if c.Team != "" {
		team = c.Team
	}
	return map[string]any{
		"content": c.Content, "id": c.text(), "type": c.Type, "name": c.Name, "team": team,
		"created_at": created, "current": !c.Old,
	}
}

func (d *Director) getConfigs(w http.ResponseWriter, r *http.Request, user User, rest []string) {
	if len(rest) == 1 {
		if user.Teams != nil { // scope :read, whatever the id
			fail(w, http.StatusUnauthorized, 600000, "Require one of the scopes: bosh.admin, bosh.%s.admin, bosh.read, bosh.%s.read", d.UUID, d.UUID)
			return
		}
		i := slices.IndexFunc(d.Configs, func(c Config) bool { return c.text() == rest[0] })
		if i < 0 {
			fail(w, http.StatusNotFound, 440012, "Config %s not found", rest[0])
			return
		}
		writeBody(w, d.Configs[i].body())
		return
	}
	latest := r.FormValue("latest") == "true" || r.FormValue("limit") == "1"
	list := []map[string]any{}
	for _, c := range d.Configs {
		switch kind, name := r.FormValue("type"), r.FormValue("name"); {
		case !user.sees(c.Team), kind != "" && kind != c.Type, name != "" && name != c.Name, latest && c.Old:
		default:
			list = append(list, c.body())
		}
	}
	writeBody(w, list)
}

// getCloudConfigs is how directors told their cloud-config before it had names.
func (d *Director) getCloudConfigs(w http.ResponseWriter, r *http.Request, _ []string) {
	list := []map[string]any{}
	for _, c := range slices.Backward(d.Configs) {
		if c.Type == "cloud" && c.Name == "default" && len(list) < atoi(r.FormValue("limit")) {
			list = append(list, map[string]any{"properties": c.Content, "created_at": created})
		}
	}
	writeBody(w, list)
}

// postConfigs takes a new config, and the question what it would change.
func (d *Director) postConfigs(w http.ResponseWriter, r *http.Request, rest []string) {
	if !d.keep(r) {
		return
	}
	if len(rest) == 1 && rest[0] == "diff" {
		writeBody(w, map[string]any{"diff": [][]any{{"azs:", nil}}, "from": map[string]any{"id": "1"}})
		return
	}
	w.WriteHeader(http.StatusCreated)
	writeBody(w, Config{ID: len(d.Configs) + 1, Type: "cloud", Name: "default"}.body())
}
