package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// patience is how long a provider may take to answer.
	patience = 10 * time.Second
	// largest is the largest answer that is read of one, in bytes.
	largest = 1 << 20
	// again is how long nobody is asked again who did not answer, or whose keys were
	// just read: tokens with keys that nobody knows cost no request each.
	again = 5 * time.Second
	// fresh is how long keys are used before they are read again, so that one that was
	// withdrawn stops to count.
	fresh = 15 * time.Minute
	// stale is how long they are used while the provider does not answer.
	stale = time.Hour
)

// Provider is one that is trusted. It is safe for concurrent use.
type Provider struct {
	config    Config
	env       Environment
	transport http.RoundTripper

	mu    sync.Mutex
	found *discovered
	// failed is how the last try ended, and tried when.
	failed error
	tried  time.Time
}

// discovered is what a provider says about itself.
type discovered struct {
	endpoint oauth2.Endpoint
	keys     *keys
}

// client sends requests to the provider alone: who redirects one gets no second.
func (p *Provider) client(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}
}

// discover reads the provider's description, once.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	if p.found != nil || p.failed != nil && within(now, p.tried, again) {
		return p.found, p.failed
	}
	p.tried = now
	p.found, p.failed = p.read(context.WithoutCancel(ctx))
	return p.found, p.failed
}

func (p *Provider) read(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client(p.transport)), p.config.Issuer)
	if err != nil {
		return nil, &UnreachableError{err}
	}
	var more struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, &UnreachableError{err}
	}
	endpoint := provider.Endpoint()
	for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL, more.JWKS} {
		if !isHTTPS(u) {
			return nil, &UnreachableError{fmt.Errorf("it names an endpoint that is no https URL: %s", quoted(u))}
		}
	}
	transport := &sparing{next: p.transport, now: p.env.Now}
	return &discovered{
		endpoint: endpoint,
		keys:     &keys{url: more.JWKS, client: p.client(transport), now: p.env.Now},
	}, nil
}

// within reports whether now is at most so long after then. A clock that was set back
// is never within.
func within(now, then time.Time, length time.Duration) bool {
	passed := now.Sub(then)
	return passed >= 0 && passed < length
}

// keys are a provider's keys, read again in time.
type keys struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	set  *oidc.RemoteKeySet
	made time.Time
}

// outage holds what kept keys from being read: go-oidc's errors do not tell it.
type outage struct{ err *UnreachableError }

type outageKey struct{}

// VerifySignature is as oidc.KeySet has it.
func (k *keys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.current(ctx).VerifySignature(ctx, jwt)
	if o, ok := ctx.Value(outageKey{}).(*outage); ok && err != nil {
		errors.As(err, &o.err)
	}
	return payload, err
}

func (k *keys) current(ctx context.Context) *oidc.RemoteKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); k.set == nil || !within(now, k.made, fresh) {
		k.set, k.made = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), k.client), k.url), now
	}
	return k.set
}

// sparing sends a request for keys now and then, and answers the others by what came last.
type sparing struct {
	next http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	tried  time.Time
	body   []byte
	at     time.Time
	failed error
}

// RoundTrip is as http.RoundTripper has it.
func (s *sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.tried.IsZero() || !within(now, s.tried, again) {
		s.tried = now
		body, err := s.fetch(r)
		if s.failed = err; err == nil {
			s.body, s.at = body, now
		}
	}
	if s.failed != nil && (s.body == nil || !within(now, s.at, stale)) {
		return nil, &UnreachableError{s.failed}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(s.body)),
		ContentLength: int64(len(s.body)), Request: r,
	}, nil
}

func (s *sparing) fetch(r *http.Request) ([]byte, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asked for its keys it answers with status %d", answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}

// bounded cuts answers off that are too large.
type bounded struct{ next http.RoundTripper }

// RoundTrip is as http.RoundTripper has it.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{answer.Body, largest}
	}
	return answer, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(text []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the answer is too large")
	}
	n, err := b.ReadCloser.Read(text[:min(len(text), b.left)])
	b.left -= n
	return n, err
}
