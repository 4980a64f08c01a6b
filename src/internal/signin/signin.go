// Package signin gets tokens for an ipguard-server from the provider that it trusts, for
// the command line: by a browser on this machine, by a passcode of UAA where there is
// none, by client credentials in pipelines, and by a refresh token after that.
//
// It does not look into tokens: the server does. The provider is one that the server
// named over TLS; what comes of it goes to that server alone.
package signin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Token is what a provider gave.
type Token struct {
	Access  string
	Refresh string
	// Ends is when Access does; zero: nobody knows.
	Ends time.Time
}

// RefusedError is a provider that says no.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return e.Message }

// Provider is a provider of OpenID Connect to ask.
type Provider struct {
	login    protocol.Login
	http     *http.Client
	endpoint oauth2.Endpoint
	ports    []int
}

const (
	// patience is how long one answer may take.
	patience = 20 * time.Second
	// largest is the largest answer that is read, in bytes.
	largest = 1 << 20
)

// HTTP makes a client. caCert is the path of a certificate that is trusted beside the
// system's; empty: there is none.
func HTTP(caCert string) (*http.Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if caCert != "" {
		text, err := regularfile.Read(caCert)
		if err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		if settings.RootCAs, err = x509.SystemCertPool(); err != nil {
			settings.RootCAs = x509.NewCertPool()
		}
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate (PEM)", caCert)
		}
	}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}, nil
}

// Discover reads the provider's description (OpenID Connect Discovery 1.0, section 4).
func Discover(ctx context.Context, client *http.Client, login protocol.Login) (*Provider, error) {
	var told struct {
		Issuer string `json:"issuer"`
		Auth   string `json:"authorization_endpoint"`
		Token  string `json:"token_endpoint"`
	}
	if !isHTTPS(login.Issuer) {
		return nil, errors.New("the server names a provider that is no https URL")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(login.Issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the login provider cannot be reached: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largest))
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(text, &told) != nil {
		return nil, fmt.Errorf("%s does not describe itself: status %d", login.Issuer, answer.StatusCode)
	}
	if told.Issuer != login.Issuer || !isHTTPS(told.Auth) || !isHTTPS(told.Token) {
		return nil, fmt.Errorf("the description of %s is of another provider, or names endpoints without TLS", login.Issuer)
	}
	return &Provider{login: login, http: client, ports: ports(), endpoint: oauth2.Endpoint{AuthURL: told.Auth, TokenURL: told.Token}}, nil
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// oauth is the client without a secret that people's tokens are for. Of UAA nothing is
// asked for that nobody names, which gets all that the client is registered with.
func (p *Provider) oauth(redirect string) *oauth2.Config {
	c := &oauth2.Config{ClientID: p.login.Client, Endpoint: p.endpoint, RedirectURL: redirect, Scopes: p.login.Scopes}
	if !p.login.UAA {
		c.Scopes = append([]string{"openid", "offline_access"}, c.Scopes...)
	}
	return c
}

func (p *Provider) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, p.http)
}

// PasscodeURL is where a person gets a passcode of UAA.
func (p *Provider) PasscodeURL() string {
	return strings.TrimSuffix(strings.TrimSuffix(p.login.Issuer, "/"), "/oauth/token") + "/passcode"
}

// Passcode gets a token for a passcode of UAA, which is good for one.
func (p *Provider) Passcode(ctx context.Context, code string) (*Token, error) {
	return p.told(p.oauth("").Exchange(p.with(ctx), "", oauth2.SetAuthURLParam("grant_type", "password"), oauth2.SetAuthURLParam("passcode", code)))
}

// Client gets a token for a client of its own, such as a pipeline's.
func (p *Provider) Client(ctx context.Context, id, secret string) (*Token, error) {
	c := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: p.endpoint.TokenURL, Scopes: p.login.Scopes}
	return p.told(c.Token(p.with(ctx)))
}

// Refresh gets a token in place of one that ends. The refresh token stays the same, if
// the provider gives no other.
func (p *Provider) Refresh(ctx context.Context, refresh string) (*Token, error) {
	return p.told(p.oauth("").TokenSource(p.with(ctx), &oauth2.Token{RefreshToken: refresh}).Token())
}

// told is the token, or what was said in place of one. Answers are not quoted: they may
// hold secrets.
func (p *Provider) told(t *oauth2.Token, err error) (*Token, error) {
	refused := (*oauth2.RetrieveError)(nil)
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		return nil, &RefusedError{fmt.Sprintf("%s says no (%s)", p.login.Issuer, word(refused.ErrorCode))}
	case errors.As(err, &refused):
		return nil, fmt.Errorf("%s answers with status %d", p.login.Issuer, refused.Response.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("%s gave no token: it does not answer, or not as OAuth has it", p.login.Issuer)
	}
	return &Token{Access: t.AccessToken, Refresh: t.RefreshToken, Ends: t.Expiry}, nil
}

// word is one of OAuth's words for what went wrong.
func word(text string) string {
	if text == "" || len(text) > 40 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "no reason given"
	}
	return text
}
