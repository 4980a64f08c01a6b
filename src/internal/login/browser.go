package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// LongestAttempt is how long a person may take to log in at the provider.
const LongestAttempt = 10 * time.Minute

// Attempt is what a browser's session keeps while its person is at the provider. It is
// good for one Finish: who calls it removes the attempt first.
type Attempt struct {
	Provider string `json:"provider"`
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	// Verifier is of PKCE (RFC 7636).
	Verifier string `json:"verifier"`
	// Return is the path to go to afterwards.
	Return string    `json:"return"`
	Begun  time.Time `json:"begun"`
}

// Begin returns the URL to which the browser goes to log in. back is where it wants to
// go afterwards; a path of another server becomes "/".
func (p *Provider) Begin(ctx context.Context, back string) (string, *Attempt, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", nil, err
	}
	a := &Attempt{
		Provider: p.config.Name, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Return: LocalPath(back), Begun: p.env.Now(),
	}
	return p.oauth(found).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), a, nil
}

func (p *Provider) oauth(found *discovered) *oauth2.Config {
	c := &oauth2.Config{ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: found.endpoint, RedirectURL: p.config.Redirect}
	if len(p.config.Request) > 0 || !p.config.UAA {
		c.Scopes = slices.Concat([]string{oidc.ScopeOpenID}, p.config.Request)
	}
	return c
}

// Finish finds out who came back from the provider with this query. a is what the same
// browser's session had kept; nil if it had nothing.
func (p *Provider) Finish(ctx context.Context, a *Attempt, query url.Values) (*Identity, error) {
	if err := p.belongs(a, query); err != nil {
		return nil, err
	}
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	token, err := p.oauth(found).Exchange(context.WithValue(ctx, oauth2.HTTPClient, p.client(p.transport)), query.Get("code"), oauth2.VerifierOption(a.Verifier))
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response.StatusCode < 500 {
		return nil, refuse("the provider does not take the code (%s): log in again", code(refused.ErrorCode))
	}
	if err != nil {
		return nil, &UnreachableError{errors.New("it gave no token for the code")} // the error's text may hold the answer
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.idToken(ctx, raw, a, token)
	if err != nil {
		return nil, err
	}
	if p.config.InIDToken {
		return p.identity(id, id)
	}
	access, err := p.access(ctx, token.AccessToken)
	if err != nil {
		return nil, err
	}
	if access.Subject != id.Subject || id.Subject == "" {
		return nil, refuse("the access token is of somebody else than the ID token")
	}
	return p.identity(access, access)
}

// belongs refuses an answer that no attempt of this browser led to.
func (p *Provider) belongs(a *Attempt, query url.Values) error {
	switch {
	case a == nil || a.State == "" || a.Provider != p.config.Name || len(query["state"]) != 1 ||
		subtle.ConstantTimeCompare([]byte(a.State), []byte(query.Get("state"))) != 1:
		return refuse("this browser did not begin this login, or has finished it: log in again")
	case !within(p.env.Now(), a.Begun, LongestAttempt):
		return refuse("the login took longer than %d minutes: log in again", int(LongestAttempt.Minutes()))
	case query.Has("iss") && query.Get("iss") != p.config.Issuer: // RFC 9207
		return refuse("the answer is by another provider")
	case query.Has("error"):
		return refuse("the provider did not let you in (%s)", code(query.Get("error")))
	case len(query["code"]) != 1 || query.Get("code") == "":
		return refuse("the provider's answer has no code")
	}
	return nil
}

// idToken reads the ID token that came for an attempt (OpenID Connect Core 1.0, section 3.1.3.7).
func (p *Provider) idToken(ctx context.Context, raw string, a *Attempt, token *oauth2.Token) (*claims, error) {
	if raw == "" {
		return nil, refuse("the provider gave no ID token")
	}
	c, err := p.verify(ctx, raw, p.config.ClientID, false)
	if err != nil {
		return nil, err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(a.Nonce), []byte(c.Nonce)) != 1:
		return nil, refuse("the ID token is of another login")
	case c.Party != "" && c.Party != p.config.ClientID, c.Party == "" && len(c.Audience) > 1:
		return nil, refuse("the ID token is for another client")
	}
	if c.AtHash != "" && c.token.VerifyAccessToken(token.AccessToken) != nil {
		return nil, refuse("the access token is not the one of the ID token")
	}
	return c, nil
}

// code is one of OAuth's words for what went wrong, and "error" for any other text.
func code(text string) string {
	if text == "" || len(text) > 40 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "error"
	}
	return text
}
