package directordouble

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// answer finds out who asks, and answers.
func (d *Director) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	user, name, known := d.user(r)
	if r.URL.Path == "/info" {
		d.info(w, name, known)
		return
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="BOSH Director"`)
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "Not authorized: '%s'\n", r.URL.Path)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i]) // the server has read it already
	}
	handle, ok := d.routes(user)[r.Method+" "+parts[0]]
	if !ok || (d.Before == ConfigsAPI && slices.Contains([]string{"configs", "deployment_configs"}, parts[0])) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "Endpoint '"+r.URL.Path+"' not found")
		return
	}
	handle(w, r, parts[1:])
}

type handler func(w http.ResponseWriter, r *http.Request, rest []string)

func (d *Director) routes(user User) map[string]handler {
	return map[string]handler{
		"GET deployments":        func(w http.ResponseWriter, r *http.Request, rest []string) { d.getDeployments(w, r, user, rest) },
		"POST deployments":       d.postDeployments,
		"GET configs":            func(w http.ResponseWriter, r *http.Request, rest []string) { d.getConfigs(w, r, user, rest) },
		"POST configs":           d.postConfigs,
		"GET cloud_configs":      d.getCloudConfigs,
		"POST cloud_configs":     d.postConfigs,
		"POST runtime_configs":   d.postConfigs,
		"GET deployment_configs": d.getDeploymentConfigs,
		"GET tasks":              d.getTasks,
		"GET orphaned_vms":       d.adminOnly(user, d.getOrphans),
		"GET networks":           d.adminOnly(user, getNetworks),
	}
}

func (d *Director) info(w http.ResponseWriter, name string, known bool) {
	var user any
	if known {
		user = name
	}
	authentication := map[string]any{"type": "basic", "options": map[string]any{}}
	if d.UAA != nil {
		authentication = map[string]any{"type": "uaa", "options": map[string]any{"url": d.UAA.url, "urls": []string{d.UAA.url}}}
	}
	feature := func(extras map[string]any) map[string]any { return map[string]any{"status": false, "extras": extras} }
	writeJSON(w, map[string]any{
		"name": d.Name, "uuid": d.UUID, "version": d.Version, "user": user, "cpi": d.CPI,
		"stemcell_os": "-", "stemcell_version": "-", "user_authentication": authentication,
		"features": map[string]any{
			"local_dns": feature(map[string]any{"domain_name": "bosh"}), "snapshots": map[string]any{"status": false},
			"config_server": feature(map[string]any{"urls": []string{}}),
		},
	})
}

// writeJSON answers with the content type that the director's JSON helpers set.
func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, value)
}

// writeBody answers with JSON and whatever content type is set.
func writeBody(w http.ResponseWriter, value any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
}

// fail answers as a director does to an error with a number (errors.rb).
func fail(w http.ResponseWriter, status, code int, format string, args ...any) {
	w.WriteHeader(status)
	writeBody(w, map[string]any{"code": code, "description": fmt.Sprintf(format, args...)})
}

func (d *Director) adminOnly(user User, handle handler) handler {
	if user.Admin {
		return handle
	}
	return func(w http.ResponseWriter, _ *http.Request, _ []string) {
		fail(w, http.StatusUnauthorized, 600000, "Require one of the scopes: bosh.admin, bosh.%s.admin", d.UUID)
	}
}

func (d *Director) getDeployments(w http.ResponseWriter, r *http.Request, user User, rest []string) {
	if len(rest) == 0 {
		d.listDeployments(w, r, user)
		return
	}
	i := slices.IndexFunc(d.Deployments, func(dep Deployment) bool { return dep.Name == rest[0] })
	if i < 0 {
		fail(w, http.StatusNotFound, 70000, "Deployment '%s' doesn't exist", rest[0])
		return
	}
	dep := &d.Deployments[i]
	switch {
	case len(rest) == 1 && dep.Manifest == "":
		writeBody(w, map[string]any{"manifest": nil})
	case len(rest) == 1:
		writeBody(w, map[string]any{"manifest": dep.Manifest})
	case r.FormValue("format") == "full":
		d.redirect(w, task{description: "retrieve vm-stats", deployment: dep.Name, result: dep.fullVMs(rest[1] == "vms")})
	default:
		writeBody(w, dep.instances())
	}
}

func (d *Director) listDeployments(w http.ResponseWriter, r *http.Request, user User) {
	list := []map[string]any{}
	for _, dep := range d.Deployments {
		if !user.sees(dep.Teams...) {
			continue
		}
		entry := map[string]any{"name": dep.Name, "teams": orEmpty(dep.Teams), "locked": dep.Locked}
		if r.FormValue("exclude_configs") != "true" {
			entry["cloud_config"] = cmpOr(dep.CloudConfig, "latest")
		}
		if r.FormValue("exclude_stemcells") != "true" {
			entry["stemcells"] = []map[string]any{{"name": "bosh-warden-boshlite-ubuntu-jammy-go_agent", "version": "1.785"}}
		}
		if r.FormValue("exclude_releases") != "true" {
			entry["releases"] = []map[string]any{{"name": "nginx", "version": "1.21.6"}}
		}
		list = append(list, entry)
	}
	writeBody(w, list)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (i Instance) common() map[string]any {
	return map[string]any{
		"agent_id": "agent-" + i.ID, "index": i.Index, "id": i.ID, "az": orNull(i.AZ),
		"ips": orEmpty(i.IPs), "vm_created_at": "2026-11-20T23:24:22Z",
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (dep *Deployment) instances() []map[string]any {
	list := []map[string]any{}
	for _, i := range dep.Instances {
		entry := i.common()
		entry["job"], entry["cid"], entry["expects_vm"] = i.Group, "vm-"+i.ID, true
		if len(i.IPs) == 0 { // stopped hard, or never made
			entry["cid"], entry["agent_id"], entry["expects_vm"] = nil, nil, false
		}
		list = append(list, entry)
	}
	return list
}

// fullVMs is the result of a task: one document on each line.
func (dep *Deployment) fullVMs(waiting bool) string {
	var b strings.Builder
	write := func(list []Instance, active bool) {
		for _, i := range list {
			entry := i.common()
			entry["job_name"], entry["vm_cid"], entry["active"] = i.Group, "vm-"+i.ID, active
			entry["job_state"], entry["state"], entry["vm_type"] = "running", "started", "small"
			entry["cloud_properties"], entry["disk_cid"], entry["disk_cids"] = map[string]any{}, nil, []string{}
			entry["vitals"], entry["processes"] = map[string]any{}, []string{}
			entry["bootstrap"], entry["ignore"] = i.Index == 0, false
			line, err := json.Marshal(entry)
			if err != nil {
				panic(err)
			}
			b.Write(append(line, '\n'))
		}
	}
	write(dep.Instances, true)
	if waiting {
		write(dep.Waiting, false)
	}
	return b.String()
}

// postDeployments takes a deploy, and the question what it would change.
func (d *Director) postDeployments(w http.ResponseWriter, r *http.Request, rest []string) {
	if !d.keep(r) {
		return
	}
	if len(rest) == 2 && rest[1] == "diff" {
		writeBody(w, map[string]any{"context": map[string]any{}, "diff": [][]any{{"instance_groups:", nil}}})
		return
	}
	d.redirect(w, task{description: "create deployment"})
}

func (d *Director) getOrphans(w http.ResponseWriter, _ *http.Request, _ []string) {
	list := []map[string]any{}
	for _, o := range d.Orphans {
		list = append(list, map[string]any{
			"az": o.AZ, "cid": o.CID, "deployment_name": o.Deployment, "instance_name": o.Instance,
			"ip_addresses": o.IPs, "orphaned_at": "2026-11-20 23:24:22 UTC",
		})
	}
	writeJSON(w, list)
}

func getNetworks(w http.ResponseWriter, r *http.Request, _ []string) {
	if r.FormValue("orphaned") == "true" {
		writeJSON(w, []string{})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprint(w, "listing active networks is not implemented")
}

func (d *Director) getDeploymentConfigs(w http.ResponseWriter, r *http.Request, _ []string) {
	list := []map[string]any{}
	for number, dep := range d.Deployments {
		if !slices.Contains(r.URL.Query()["deployment[]"], dep.Name) {
			continue
		}
		for _, id := range dep.Configs {
			for _, c := range d.Configs {
				if c.ID == id {
					list = append(list, map[string]any{"id": number + 1, "deployment": dep.Name,
						"config": map[string]any{"id": c.ID, "type": c.Type, "name": c.Name}})
				}
			}
		}
	}
	writeBody(w, list)
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
