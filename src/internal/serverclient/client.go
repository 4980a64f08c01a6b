// Package serverclient speaks to an ipguard-server: what all teams have, and a
// ledger.Store for the pools that are kept there.
//
//	fleet file (server:) ─▶ Client ─▶ /plan, with what is in the cache if the server
//	                          │       does not answer and that is young enough
//	                          └─▶ /pools/NAME/records, entries: a compare-and-swap
//
// Errors never quote what a server sent but for the detail of a problem, as one line.
package serverclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Client asks one server.
type Client struct {
	// URL is the server's, without a path.
	URL   string
	token string
	http  *http.Client
	// seen is the file of Remember; empty: nothing is remembered.
	seen string
}

// How long one answer may take, and how large it may be.
const (
	answerTime    = 30 * time.Second
	connectTime   = 5 * time.Second
	largestAnswer = 256 << 20
)

// New makes a client. caCert is the path of a certificate, or empty. The token goes to
// this server alone, and only by https, or to this machine.
func New(server, caCert, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		// What it has too much may be a secret: ?token=…
		return nil, errors.New("this is no URL of a server, such as https://ipguard.example.com: scheme, host and port, and nothing else")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is asked without TLS, and everybody on the way could read the token: use https", u.Host)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if caCert != "" {
		text, err := regularfile.Read(caCert)
		if err != nil {
			return nil, fmt.Errorf("the server's ca_cert cannot be read: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate (PEM)", caCert)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, TLSHandshakeTimeout: connectTime,
		DialContext: (&net.Dialer{Timeout: connectTime}).DialContext, MaxIdleConnsPerHost: 4,
	}
	c := &Client{URL: u.Scheme + "://" + u.Host, token: token, http: &http.Client{Transport: transport, Timeout: answerTime}}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Canonical is a server's URL as its token is kept by: without a path.
func Canonical(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	return u.Scheme + "://" + u.Host
}

// Origin is scheme, host and port of a URL, one writing for each (RFC 6454, section 4);
// empty if it is no URL of a server.
func Origin(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// SameHost reports whether two URLs name one host, at whatever port.
func SameHost(a, b string) bool {
	u, err := url.Parse(a)
	v, errB := url.Parse(b)
	return err == nil && errB == nil && u.Hostname() != "" && strings.EqualFold(u.Hostname(), v.Hostname())
}

// UnreachableError is a server that does not answer, or cannot.
type UnreachableError struct {
	URL string
	Err error
	// Silent says that there was no answer; else there was one that says why it is none.
	Silent bool
}

func (e *UnreachableError) Error() string {
	if e.Silent {
		return e.URL + " does not answer: " + e.Err.Error()
	}
	return e.URL + ": " + e.Err.Error()
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// FencedError is a server that answers that bookings may be lost: its own, and those of
// what it said before.
type FencedError struct {
	URL    string
	Detail string
}

func (e *FencedError) Error() string { return e.URL + ": " + e.Detail }

// RefusedError is a server that says no.
type RefusedError struct {
	URL    string
	Status int
	Detail string
	// NotFree is the address that the server gives to nobody; the zero value: that is not
	// why.
	NotFree netip.Prefix
}

func (e *RefusedError) Error() string { return e.URL + ": " + e.Detail }

// answer is what the server said.
type answer struct {
	status int
	etag   string
	// seen is what of protocol.SeenHeader the server took notice of.
	seen string
	body []byte
}

// ask sends a request to the API; header are pairs.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, header ...string) (answer, error) {
	return c.send(ctx, method, protocol.Base+path, body, header...)
}

func (c *Client) send(ctx context.Context, method, path string, body []byte, header ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "" {
			request.Header.Set(header[i], header[i+1])
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, &UnreachableError{URL: c.URL, Err: withoutURL(err), Silent: true}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer+1))
	if err == nil && len(text) > largestAnswer {
		err = errors.New("its answer is too long")
	}
	if err != nil {
		return answer{}, &UnreachableError{URL: c.URL, Err: withoutURL(err), Silent: true}
	}
	a := answer{response.StatusCode, response.Header.Get("ETag"), response.Header.Get(protocol.SeenHeader), text}
	switch {
	case a.status < 300 || a.status == http.StatusNotModified:
		return a, nil
	case a.status < 400:
		return a, &RefusedError{URL: c.URL, Status: a.status, Detail: "it leads somewhere else, and is not followed there"}
	case a.status == http.StatusServiceUnavailable && problemType(a) == protocol.TypeFenced:
		return a, &FencedError{c.URL, c.detail(a)}
	case a.status >= 500:
		return a, &UnreachableError{URL: c.URL, Err: errors.New(c.detail(a))}
	}
	return a, &RefusedError{URL: c.URL, Status: a.status, Detail: c.detail(a), NotFree: notFree(a)}
}

func problemType(a answer) string {
	var p protocol.Problem
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Type
}

// notFree is the address that the server says it gives to nobody.
func notFree(a answer) netip.Prefix {
	var p protocol.Problem
	if json.Unmarshal(a.body, &p) != nil || p.Reason != string(ledger.NotFree) {
		return netip.Prefix{}
	}
	r, _ := protocol.ParseRange(p.Address) // one that is none is no address
	return r
}

// detail is the problem in one line that can be shown.
func (c *Client) detail(a answer) string {
	var p protocol.Problem
	if json.Unmarshal(a.body, &p) != nil || p.Detail == "" {
		return fmt.Sprintf("it answers with status %d", a.status)
	}
	if repeats(p.Detail, c.token) {
		return fmt.Sprintf("it answers with status %d, and repeats the token", a.status)
	}
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, p.Detail)
	if len(line) > 1000 {
		line = line[:1000] + "…"
	}
	if a.status == http.StatusUnauthorized {
		line += " (ipguard login, or IPGUARD_TOKEN and IPGUARD_SERVER)"
	}
	return line
}

// repeats reports whether a text has a part of a secret, in whatever case and also
// escaped as in a URL.
func repeats(text, secret string) bool {
	const part = 8
	if unescaped, err := url.QueryUnescape(text); err == nil {
		text += "\n" + unescaped
	}
	text, secret = strings.ToLower(text), strings.ToLower(secret)
	for i := 0; i+part <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+part]) {
			return true
		}
	}
	return secret != "" && strings.Contains(text, secret)
}

// withoutURL is the error without the request's URL, which is said already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Logins are the providers at which people and clients of the server log in.
func (c *Client) Logins(ctx context.Context) ([]protocol.Login, error) {
	a, err := c.send(ctx, http.MethodGet, protocol.LoginPath, nil)
	if err != nil {
		return nil, err
	}
	var list protocol.Logins
	err = c.read(a, &list)
	return list.Providers, err
}

// Me is who asks, by the token.
func (c *Client) Me(ctx context.Context) (name string, scopes []string, err error) {
	a, err := c.ask(ctx, http.MethodGet, "/me", nil)
	if err != nil {
		return "", nil, err
	}
	var me struct {
		Name   string
		Scopes []string
	}
	if err = c.read(a, &me); err == nil && me.Name == "" {
		err = c.foreign()
	}
	return me.Name, me.Scopes, err
}

// read reads an answer.
func (c *Client) read(a answer, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return c.foreign()
	}
	return nil
}

// foreign is the answer of something else: JSON that lacks what a server always says.
func (c *Client) foreign() error {
	return &UnreachableError{URL: c.URL, Err: errors.New("its answer is none of an ipguard-server")}
}

// Pushed is what became of a push.
type Pushed struct {
	Version int64
	New     bool
	// Gone are the deployments, and machines of create-env, that it had before.
	Gone      []string
	Conflicts []PushedConflict
}

// PushedConflict is one that the director has a part in.
type PushedConflict struct {
	Message string
	// Unsure is since when it cannot be seen whether it goes on; nil: it does.
	Unsure *time.Time
}

// Push tells what a director has. replaces says that this is all, whatever it lacks.
func (c *Client) Push(ctx context.Context, director string, snapshot []byte, replaces bool) (p Pushed, err error) {
	path := "/directors/" + url.PathEscape(director) + "/snapshot"
	if replaces {
		path += "?replaces=true"
	}
	a, err := c.ask(ctx, http.MethodPut, path, snapshot)
	if err != nil {
		return p, err
	}
	if err = c.read(a, &p); err == nil && p.Version < 1 {
		err = c.foreign()
	}
	return p, err
}

// mostLines is how many lines of an address's history are asked for.
const mostLines = 2000

// Claims are who declared an address or was granted it, the latest beginning first. All
// is false if there are more than are wanted.
func (c *Client) Claims(ctx context.Context, address string) (list []protocol.AddressClaim, all bool, err error) {
	for after := ""; len(list) < mostLines; {
		query := url.Values{"limit": {"500"}, "after": {after}}
		a, err := c.ask(ctx, http.MethodGet, "/addresses/"+url.PathEscape(address)+"/history?"+query.Encode(), nil)
		if err != nil {
			return nil, false, err
		}
		var page protocol.AddressClaims
		if err := c.read(a, &page); err != nil {
			return nil, false, err
		}
		if list = append(list, page.Claims...); page.Next == "" {
			return list, true, nil
		}
		after = page.Next
	}
	return list, false, nil
}
