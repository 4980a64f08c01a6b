// Package login finds out who somebody is and what they may do, by what a provider of
// OpenID Connect says of them: Cloud Foundry's UAA, which BOSH shops run, or any other.
//
//	browser: Begin ─▶ provider ─▶ Finish ─┐
//	token of a client or person: Bearer ──┴▶ issuer, key, audience, time ─▶ claims ─▶ Identity
//
// A token counts only if its issuer, the key that signed it and its audience fit one
// and the same provider: UAAs that share a signing key, or tokens that were made for
// something else, open nothing. Discovery and keys are fetched when they are first
// needed, so that a server starts while its provider is down.
//
// Texts of errors hold nothing of a token but its issuer.
package login

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which provider is trusted, and with what.
type Config struct {
	// Name tells providers apart, in names of people and in paths; it may be empty for
	// one of them. Lower-case letters, digits and hyphens.
	Name string
	// Issuer is as tokens name it. UAA's ends in /oauth/token.
	Issuer string
	// ClientID and ClientSecret are the server's own, for browsers. Without a client,
	// tokens alone are accepted.
	ClientID, ClientSecret string
	// Audience is for whom access tokens have to be.
	Audience string
	// UAA says that the provider is one. It makes a token's audiences of its scopes, each
	// without the last part: with it, what begins with Audience and a dot will do, too.
	UAA bool
	// Redirect is the URL to which the provider sends browsers back.
	Redirect string
	// Request are the scopes that browsers ask for, beside openid. Of UAA they ask for
	// nothing if there are none, and get all that the client is registered with, of which
	// openid has to be one.
	Request []string
	// Claim is where the rights of somebody stand, as the path of names from the top; nil
	// is "scope". Its value is a list of texts, or one text with spaces.
	Claim []string
	// InIDToken says that browsers' rights stand in the ID token; else they stand in the
	// access token, which then has to be a JWT.
	InIDToken bool
	// Map gives the scopes for each value of the claim. Without a map, the values are
	// the scopes. What is no scope is passed over.
	Map map[string][]string
	// NameClaim is the claim with a person's name, one that they cannot change
	// themselves; empty: user_name (UAA), preferred_username or sub, the first there is.
	NameClaim string
	// CA are certificates in PEM; empty: those of the system.
	CA string
	// Leeway is how far the clocks may be apart: at most 5 minutes.
	Leeway time.Duration
}

// Environment is what a provider needs besides.
type Environment struct {
	// Now is the clock.
	Now func() time.Time
	// IsScope tells a scope from other texts.
	IsScope func(string) bool
	// Transport is how requests are sent; nil: over TLS with Config.CA.
	Transport http.RoundTripper
}

// LongestLeeway is the most that clocks may be said to differ.
const LongestLeeway = 5 * time.Minute

// Identity is who somebody is.
type Identity struct {
	// Name is what is written beside what they do. No two people or clients have the
	// same: "client NAME" for a client, which no person's name can be.
	Name string
	// Issuer and Subject are the provider's own names of it.
	Issuer, Subject string
	Scopes          []string
	// Ends is when the token ends.
	Ends time.Time
}

// RefusedError says why somebody is not let in.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return e.Message }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// UnreachableError says that the provider cannot be asked, so that nobody knows.
type UnreachableError struct{ Err error }

func (e *UnreachableError) Error() string {
	return "the login provider cannot be reached: " + e.Err.Error()
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Providers are all that are trusted.
type Providers []*Provider

// New checks the configuration. It reaches for nobody.
func New(configs []Config, e Environment) (Providers, error) {
	var list Providers
	for i := range configs {
		p, err := newProvider(configs[i], e)
		if err != nil {
			return nil, fmt.Errorf("login provider %s: %w", shownName(configs[i].Name, i), err)
		}
		for _, other := range list {
			if other.config.Name == p.config.Name || other.config.Issuer == p.config.Issuer {
				return nil, fmt.Errorf("login provider %s: another one has the same name or issuer", shownName(p.config.Name, i))
			}
		}
		list = append(list, p)
	}
	return list, nil
}

func shownName(name string, i int) string {
	if name == "" {
		return fmt.Sprintf("number %d", i+1)
	}
	return name
}

// Bearer finds out who shows an access token. Who is not let in gets a *RefusedError.
func (ps Providers) Bearer(ctx context.Context, raw string) (*Identity, error) {
	issuer, err := unverifiedIssuer(raw)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ps, func(p *Provider) bool { return p.config.Issuer == issuer })
	if i < 0 {
		return nil, refuse("the token is by %s, which is not trusted here", quoted(issuer))
	}
	return ps[i].bearer(ctx, raw)
}

// Named is the provider of that name; nil if there is none, or it has no browsers' client.
func (ps Providers) Named(name string) *Provider {
	for _, p := range ps {
		if p.config.Name == name && p.config.ClientID != "" {
			return p
		}
	}
	return nil
}

// Through names the door through which a session begins: the issuer, the client there, and a
// digest of all that decides who somebody is and what they may. What does not, and the
// secret, is left out.
func (p *Provider) Through() string {
	c := p.config
	c.ClientSecret, c.Redirect, c.CA, c.Leeway = "", "", "", 0
	text, _ := json.Marshal(c) // has no type that fails
	sum := sha256.Sum256(text)
	return p.config.Issuer + " " + p.config.ClientID + " " + hex.EncodeToString(sum[:])
}

func newProvider(c Config, e Environment) (*Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(c.Claim) == 0 {
		c.Claim = []string{"scope"}
	}
	transport := e.Transport
	if transport == nil {
		trusted, err := c.trusted()
		if err != nil {
			return nil, err
		}
		transport = trusted
	}
	return &Provider{config: c, env: e, transport: &bounded{transport}}, nil
}

// check says what is wrong with a configuration.
func (c *Config) check() error {
	wrongName := strings.ContainsFunc(c.Name, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') })
	switch {
	case wrongName:
		return errors.New("its name has other characters than a-z, 0-9 and -")
	case !isHTTPS(c.Issuer):
		return errors.New("the issuer is no https URL without query and fragment")
	case c.Audience == "":
		return errors.New("the audience of access tokens is missing")
	case c.Leeway < 0 || c.Leeway > LongestLeeway:
		return fmt.Errorf("the leeway of clocks is not between 0 and %s", LongestLeeway)
	case c.ClientID != "" && !strings.HasPrefix(c.Redirect, "https://") && !strings.HasPrefix(c.Redirect, "http://127.0.0.1:") && !strings.HasPrefix(c.Redirect, "http://[::1]:"):
		return errors.New("the URL to come back to is neither https nor on this machine")
	case !c.UAA && c.ClientID != "" && c.Audience == c.ClientID:
		// Else an ID token, which many get to see, would do as an access token.
		return errors.New("access tokens have to be for another audience than the client, which ID tokens are for")
	case slices.Contains(c.Claim, ""):
		return errors.New("the claim has a part without a name")
	}
	return nil
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !u.ForceQuery
}

func (c *Config) trusted() (http.RoundTripper, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, errors.New("its CA holds no certificate in PEM")
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, IdleConnTimeout: time.Minute,
	}, nil
}

// quoted is a foreign text as a message may have it: short, and without line ends.
func quoted(text string) string {
	if len(text) > 100 {
		text = text[:100]
	}
	return fmt.Sprintf("%q", text)
}
