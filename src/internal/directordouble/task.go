package directordouble

import (
	"fmt"
	"net/http"
	"strconv"
)

func (c Config) text() string { return strconv.Itoa(c.ID) }

// task is something that a director does in its own time.
type task struct {
	description, deployment, result string
	polled                          int
}

// redirect begins a task and answers where it can be watched. The place is that
// of the director as it knows itself, which clients must not rely on.
func (d *Director) redirect(w http.ResponseWriter, t task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks = append(d.tasks, t)
	w.Header().Set("Location", fmt.Sprintf("https://127.0.0.1:25555/tasks/%d", len(d.tasks)))
	w.WriteHeader(http.StatusFound)
}

// getTasks tells a task's state, and what it gave. A task is done when it was
// asked for the second time.
func (d *Director) getTasks(w http.ResponseWriter, r *http.Request, rest []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(rest) == 0 {
		writeJSON(w, []string{})
		return
	}
	id := atoi(rest[0])
	if id < 1 || id > len(d.tasks) {
		fail(w, http.StatusNotFound, 10000, "Task %s not found", rest[0])
		return
	}
	t := &d.tasks[id-1]
	if len(rest) == 2 {
		if r.FormValue("type") == "result" {
			fmt.Fprint(w, t.result)
		}
		return
	}
	state := "processing"
	if t.polled++; t.polled > 1 {
		state = "done"
	}
	writeJSON(w, map[string]any{
		"id": id, "state": state, "description": t.description, "timestamp": 1795217096, "started_at": 1795217096,
		"result": "", "user": "admin", "deployment": t.deployment, "context_id": "",
	})
}
