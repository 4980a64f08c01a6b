package login

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// longestToken is the longest token that is looked at, in bytes.
const longestToken = 16 << 10

// algorithms are those with a key that the provider alone has. None is not among them,
// nor is HMAC, whose key could be a public one (RFC 8725, section 3.1).
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// claims are those that decide whether a token counts. Names are matched to the letter,
// and a name that stands twice is refused.
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	Issued    *float64 `json:"iat"`
	ID        string   `json:"jti"`
	Nonce     string   `json:"nonce"`
	Party     string   `json:"azp"`
	AtHash    string   `json:"at_hash"`
	CHash     string   `json:"c_hash"`
	ClientID  string   `json:"client_id"`
	CID       string   `json:"cid"`
	Grant     string   `json:"grant_type"`
	// Type is a claim of Keycloak's: Bearer, Refresh, Offline, ID.
	Type string `json:"typ"`
	// All are all claims, and token what go-oidc made of them.
	All   jsontext.Value `json:"-"`
	token *oidc.IDToken
}

// audience is one text or a list of texts.
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// unverifiedIssuer reads by whom a token says that it is, to find whose keys have to
// prove it.
func unverifiedIssuer(raw string) (string, error) {
	part := strings.Split(raw, ".")
	if len(raw) > longestToken || len(part) != 3 {
		return "", refuse("what was sent as a token is none")
	}
	text, err := base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		return "", refuse("what was sent as a token is none")
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(text, &c) != nil {
		return "", refuse("what was sent as a token is none")
	}
	return c.Issuer, nil
}

// verify reads the claims of a token that is by this provider, for that audience or a
// part of it, and counts now.
func (p *Provider) verify(ctx context.Context, raw, audience string, parts bool) (*claims, error) {
	if len(raw) > longestToken {
		return nil, refuse("the token is too long")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	var lost outage
	verifier := oidc.NewVerifier(p.config.Issuer, found.keys, &oidc.Config{
		ClientID: audience, SkipClientIDCheck: parts, // looked at below in any case
		SupportedSigningAlgs: algorithms, SkipExpiryCheck: true, // looked at with leeway
	})
	token, err := verifier.Verify(context.WithValue(ctx, outageKey{}, &lost), raw)
	if lost.err != nil {
		return nil, lost.err
	}
	if err != nil {
		return nil, refuse("the token is not by %s, not for %s, or not signed by one of its keys", p.config.Issuer, audience)
	}
	var text jsontext.Value
	if err := token.Claims(&text); err != nil {
		return nil, refuse("the token's claims cannot be read")
	}
	c, err := parseClaims(text)
	if err != nil {
		return nil, err
	}
	c.token = token
	isFor := func(a string) bool { return a == audience || parts && strings.HasPrefix(a, audience+".") }
	if c.Issuer != p.config.Issuer || !slices.ContainsFunc(c.Audience, isFor) {
		return nil, refuse("the token is not by %s, or not for %s", p.config.Issuer, audience)
	}
	return c, p.inTime(c)
}

func parseClaims(text []byte) (*claims, error) {
	c := &claims{All: text}
	if json.Unmarshal(text, c) != nil {
		return nil, refuse("the token's claims cannot be read")
	}
	return c, nil
}

// inTime refuses tokens that have ended, do not yet count, or are of the future. One
// without an end is refused, too.
func (p *Provider) inTime(c *claims) error {
	now, leeway := p.env.Now(), p.config.Leeway
	switch {
	case c.Expires == nil:
		return refuse("the token has no end")
	case !now.Before(moment(*c.Expires).Add(leeway)):
		return refuse("the token has ended: log in again")
	case c.NotBefore != nil && now.Add(leeway).Before(moment(*c.NotBefore)), c.Issued != nil && now.Add(leeway).Before(moment(*c.Issued)):
		return refuse("the token does not count yet: compare the clocks of this server and the provider")
	}
	return nil
}

// moment is a numeric date (RFC 7519, section 2). What no clock shows is far away.
func moment(seconds float64) time.Time {
	const most = 1 << 40
	return time.Unix(int64(min(max(seconds, -most), most)), 0)
}

// bearer finds out who shows an access token.
func (p *Provider) bearer(ctx context.Context, raw string) (*Identity, error) {
	c, err := p.access(ctx, raw)
	if err != nil {
		return nil, err
	}
	return p.identity(c, c)
}

// access reads the claims of an access token.
func (p *Provider) access(ctx context.Context, raw string) (*claims, error) {
	c, err := p.verify(ctx, raw, p.config.Audience, p.config.UAA)
	if err != nil {
		return nil, err
	}
	return c, c.isAccessToken(raw)
}

// isAccessToken refuses other tokens of the same provider, which are signed by the same
// keys: refresh tokens (UAA's jti ends in -r, Keycloak's typ says so), and ID tokens. An ID token of UAA
// has no rights: its scope is openid.
func (c *claims) isAccessToken(raw string) error {
	switch {
	case strings.HasSuffix(c.ID, "-r"):
		return refuse("that is a refresh token: send the access token")
	case c.AtHash != "" || c.CHash != "":
		return refuse("that is an ID token: send the access token")
	case c.Type != "" && !strings.EqualFold(c.Type, "bearer") && !strings.EqualFold(c.Type, "dpop"):
		return refuse("the token is of another kind than an access token: send that")
	}
	head, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return refuse("the token's header cannot be read")
	}
	switch strings.TrimPrefix(strings.ToLower(header.Type), "application/") {
	case "", "jwt", "at+jwt": // RFC 9068, section 2.1
		return nil
	}
	return refuse("the token is of another kind than an access token")
}
