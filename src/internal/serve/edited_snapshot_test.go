//go:build !race

package serve_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// edited is a snapshot that somebody wrote by hand, and left passwords in.
const edited = `{"ipguard_snapshot": 1, "collected": "TIME", "director": {"name": "promo", "password": "hunter2"}, "deployed": 1,
"kept": {"vip_properties": ["vip"], "router_ids": true}, "admin_password": "hunter2", "cloud_configs": [],
"deployments": [{"name": "web", "manifest": {"name": "web", "instance_groups": [{"name": "api", "instances": 1,
"jobs": [{"name": "j", "properties": {"password": "hunter2", "vip": "10.8.52.110"}}]}], "properties": {"password": "hunter2"}}}]}`

// tell pushes the text of a snapshot of the team's director.
func (m *team) tell(t *testing.T, text string) answered {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, m.server.URL+"/api/v1/directors/"+m.name+"/snapshot", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	return read(t, http.DefaultClient, request)
}

// TestEditedSnapshot: what collect never keeps is neither sent nor stored, whoever wrote it
// into a snapshot; what it keeps is.
func TestEditedSnapshot(t *testing.T) {
	promo, _ := twoTeams(t)
	text := strings.Replace(edited, "TIME", promo.clock.Now().Add(-time.Minute).Format(time.RFC3339), 1)
	if a := promo.tell(t, text); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	shown := func(what string) {
		var body string
		promo.get(t, "/api/v1/directors/promo/snapshot", &body)
		if strings.Contains(body, "hunter2") || !strings.Contains(body, "10.8.52.110") {
			t.Errorf("%s: what is shown to all:\n%s", what, body)
		}
	}
	shown("sent by another program")
	promo.write("promo/promo.json", text)
	promo.write("promo/ipguard.yml", "server: "+promo.server.URL+"\ndirectors:\n- {name: promo, snapshot: promo.json}\n")
	if out := promo.expect(0, []string{"version 2"}, "push"); strings.Contains(out, "hunter2") {
		t.Errorf("push says a secret: %s", out)
	}
	shown("pushed from a file")
}
