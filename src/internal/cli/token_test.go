//go:build !vm

package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestCredentialsAreForOneServer: what the environment has is shown to no server but
// IPGUARD_SERVER, whatever the fleet file of a checkout names.
func TestCredentialsAreForOneServer(t *testing.T) {
	var shown atomic.Pointer[string]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		shown.Store(&header)
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	t.Chdir(t.TempDir())
	writeFile(t, "ipguard.yml", []byte("server: "+server.URL+"\ndirectors: []\n"))
	const secret = "ipguard_s3cr3t"
	for _, test := range []struct {
		environ []string
		shown   string // "-": the server is not asked
		told    string
	}{
		{[]string{"IPGUARD_TOKEN=" + secret}, "-", "IPGUARD_SERVER does not say"},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER="}, "-", "IPGUARD_SERVER does not say"},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER=" + secret}, "-", "no URL"},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER=https://ipguard.example.com"}, "-", "is not shown to " + server.URL},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER=" + strings.Replace(server.URL, "http:", "https:", 1)}, "-", "is not shown to"},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER=http://127.0.0.1"}, "-", "is not shown to"},
		{[]string{"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=" + secret}, "-", "IPGUARD_SERVER does not say"},
		{[]string{"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=" + secret, "IPGUARD_SERVER=https://ipguard.example.com"}, "-", "is not shown to"},
		{[]string{"IPGUARD_TOKEN=ab " + secret, "IPGUARD_SERVER=" + server.URL}, "-", "line break"},
		{[]string{"IPGUARD_TOKEN=" + secret, "IPGUARD_SERVER=" + server.URL}, "Bearer " + secret, "404"},
		{[]string{"IPGUARD_TOKEN= " + secret + "\r\n", "IPGUARD_SERVER=" + server.URL + "/\n"}, "Bearer " + secret, "404"},
		{nil, "", "404"},
	} {
		asked := "-"
		shown.Store(&asked)
		var out bytes.Buffer
		code := Main(context.Background(), []string{"lint"}, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Environ: append(test.environ, "HOME="+t.TempDir())})
		if got := *shown.Load(); got != test.shown || code != 3 || !strings.Contains(out.String(), test.told) || strings.Contains(out.String(), secret) {
			t.Errorf("%q: exit code %d, shown %q, want %q and %q\n%s", test.environ, code, got, test.shown, test.told, out.String())
		}
	}
}

// TestProviderIsKnown: a client's secret goes to no provider that the server alone names.
func TestProviderIsKnown(t *testing.T) {
	const server = "https://ipguard.example.com:8443"
	for _, test := range []struct {
		issuer, variable string
		known            bool
	}{
		{"https://ipguard.example.com/oauth/token", "", true},
		{"https://IPGUARD.example.com:9443", "", true},
		{"https://uaa.example.com/oauth/token", "", false},
		{"https://ipguard.example.com.evil.example", "", false},
		{"https://ipguard.example.com@evil.example", "", false},
		{"", "", false},
		{"https://uaa.example.com/oauth/token", "https://uaa.example.com/oauth/token/\n", true},
		{"https://uaa.example.com/oauth", "https://uaa.example.com/oauth/token", false},
		{"https://ipguard.example.com/oauth/token", "https://uaa.example.com/oauth/token", false},
	} {
		s := Streams{Environ: []string{"IPGUARD_ISSUER=" + test.variable}}
		if err := s.isKnown(test.issuer, server); (err == nil) != test.known {
			t.Errorf("%s with IPGUARD_ISSUER=%q: %v", test.issuer, test.variable, err)
		}
	}
}
