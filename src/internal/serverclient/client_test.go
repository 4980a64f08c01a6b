package serverclient

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A server that answers why it cannot is not called silent; one that is gone is.
func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status": 503, "detail": "what the server's fleet file says cannot be read"}`)
	}))
	defer server.Close()
	client, err := New(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{": what the server's fleet file says cannot be read", " does not answer: "} {
		if _, err := client.ask(t.Context(), http.MethodGet, "/plan", nil); err == nil || !strings.HasPrefix(err.Error(), server.URL+want) {
			t.Errorf("%v, want %q", err, want)
		}
		server.Close()
	}
}
