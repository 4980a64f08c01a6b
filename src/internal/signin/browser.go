package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// LongestWait is how long a person may take in the browser.
const LongestWait = 5 * time.Minute

// callback is the path at which the browser comes back to this machine.
const callback = "/callback"

// ports are those of 127.0.0.1 to which it may come back. RFC 8252 has any port, but UAA
// compares the port, too, and registers no pattern for it (DefaultRedirectResolver.java,
// UaaUrlUtils.java), so that the client has these by name.
func ports() []int { return []int{8721, 8722, 8723} }

// listen takes the first port that nobody has.
func listen(ports []int) (listener net.Listener, err error) {
	for _, port := range ports {
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("none of the ports %d of this machine is free for the browser to come back: use a passcode", ports)
}

// Browser lets a person log in with a browser on this machine (RFC 8252): show gets the
// URL to open. The browser comes back to a port of 127.0.0.1 that is open until then.
func (p *Provider) Browser(ctx context.Context, show func(url string)) (*Token, error) {
	ctx, cancel := context.WithTimeout(ctx, LongestWait)
	defer cancel()
	listener, err := listen(p.ports)
	if err != nil {
		return nil, err
	}
	w := &waiting{state: rand.Text(), came: make(chan url.Values, 1)}
	server := &http.Server{Handler: w, ReadHeaderTimeout: patience, MaxHeaderBytes: 32 << 10}
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	defer func() {
		// What the browser is told gets there.
		end, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = server.Shutdown(end)
	}()
	oauth := p.oauth("http://" + listener.Addr().String() + callback)
	verifier := oauth2.GenerateVerifier()
	show(oauth.AuthCodeURL(w.state, oauth2.S256ChallengeOption(verifier)))
	select {
	case <-ctx.Done():
		return nil, errors.New("nobody logged in: the browser did not come back")
	case query := <-w.came:
		switch {
		case query.Has("iss") && query.Get("iss") != p.login.Issuer: // RFC 9207
			return nil, &RefusedError{"the answer is by another provider"}
		case query.Has("error"):
			return nil, &RefusedError{fmt.Sprintf("%s says no (%s)", p.login.Issuer, word(query.Get("error")))}
		}
		return p.told(oauth.Exchange(p.with(ctx), query.Get("code"), oauth2.VerifierOption(verifier)))
	}
}

// waiting waits for the browser that has the state. Others learn nothing, and end nothing.
type waiting struct {
	state string
	came  chan url.Values
}

// ServeHTTP is as http.Handler has it.
func (w *waiting) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	h := out.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	query := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != callback || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(w.state)) != 1 {
		http.Error(out, "this is no answer to a login that was begun here", http.StatusBadRequest)
		return
	}
	select {
	case w.came <- query:
		fmt.Fprintln(out, "ipguard has the answer. You may close this window, and look at the terminal.")
	default:
		http.Error(out, "this login has an answer already", http.StatusConflict)
	}
}
