package serve

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/login"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/web"
)

// Provider is a provider of OpenID Connect, such as a UAA.
type Provider struct {
	At place.Place `yaml:"-"`

	// Tells providers apart where there are several, and stands before the names of its
	// people: a-z, 0-9 and hyphens.
	Name fleet.Text `yaml:"name,omitempty"`
	// The issuer as tokens name it. UAA's ends in /oauth/token.
	Issuer fleet.Text `yaml:"issuer"`
	// Whether it is a UAA, whose tokens have quirks.
	UAA bool `yaml:"uaa,omitempty"`
	// The server's own client, for browsers. Without it, only tokens let in.
	Client fleet.Text `yaml:"client,omitempty"`
	// Environment variable with that client's secret.
	ClientSecretEnv fleet.VariableName `yaml:"client_secret_env,omitempty"`
	// Client without a secret for ipguard login: ipguard_cli if it is not given.
	CLIClient fleet.Text `yaml:"cli_client,omitempty"`
	// For whom access tokens have to be: ipguard if it is not given.
	Audience fleet.Text `yaml:"audience,omitempty"`
	// Scopes that people ask for, beside openid.
	Scopes []fleet.Text `yaml:"scopes,omitempty"`
	// Names that lead to the claim with somebody's rights: scope if it is not given.
	Claim []fleet.Text `yaml:"claim,omitempty"`
	// Whether browsers' rights stand in the ID token, not in the access token.
	RightsInIDToken bool `yaml:"rights_in_id_token,omitempty"`
	// What values of the claim stand for: ipguard.read, ipguard.admin,
	// ipguard.teams.NAME.book, ipguard.directors.NAME.push or ipguard.pools.NAME.approve.
	// Without it, they are that.
	Map map[string][]fleet.Text `yaml:"map,omitempty"`
	// The claim with a person's name, one that they cannot change themselves: user_name,
	// preferred_username or sub if it is not given.
	NameClaim fleet.Text `yaml:"name_claim,omitempty"`
	// Path of the certificate that signed the provider's (PEM); without it, those that the
	// machine trusts.
	CACert fleet.Text `yaml:"ca_cert,omitempty"`
	// How far the clocks may be apart: 1m if it is not given, at most 5m.
	Leeway fleet.Duration `yaml:"leeway,omitempty"`
}

const (
	loginPath    = "/login"
	callbackPath = "/login/callback"
	attemptKey   = "attempt"
)

// newProviders makes the providers of the configuration.
func newProviders(c *Config, environ []string, now func() time.Time) (login.Providers, error) {
	isScope := func(text string) bool { return accounts.CheckScope(text) == nil }
	var configs []login.Config
	for i := range c.Login.Providers {
		p := &c.Login.Providers[i]
		config, err := p.config(c.URL.Value, environ)
		if err != nil {
			return nil, err
		}
		for _, scopes := range config.Map {
			for _, scope := range scopes {
				if err := accounts.CheckScope(scope); err != nil {
					return nil, wrong(p.Issuer, "", "login provider %s: %s", p.Issuer.Value, err)
				}
			}
		}
		configs = append(configs, config)
	}
	list, err := login.New(configs, login.Environment{Now: now, IsScope: isScope})
	if err != nil {
		return nil, wrong(c.Login.Providers[0].Issuer, "", "%s", err)
	}
	return list, nil
}

func (p *Provider) config(base string, environ []string) (login.Config, error) {
	config := login.Config{
		Name: p.Name.Value, Issuer: p.Issuer.Value, UAA: p.UAA, ClientID: p.Client.Value, Audience: or(p.Audience.Value, "ipguard"),
		Redirect: strings.TrimSuffix(base, "/") + callbackPath, Request: texts(p.Scopes), Claim: texts(p.Claim),
		InIDToken: p.RightsInIDToken, NameClaim: p.NameClaim.Value, Leeway: p.Leeway.Length,
	}
	if p.Leeway.At == (place.Place{}) {
		config.Leeway = time.Minute
	}
	if p.Client.Value != "" && base == "" {
		return config, wrong(p.Client, "add url: https://NAME", "browsers cannot log in: the server does not know its own URL")
	}
	if p.Map != nil {
		config.Map = map[string][]string{}
		for value, scopes := range p.Map {
			config.Map[value] = texts(scopes)
		}
	}
	if name := p.ClientSecretEnv.Value; name != "" {
		if config.ClientSecret = variable(environ, name); config.ClientSecret == "" {
			return config, wrong(p.ClientSecretEnv.Text, "", "the secret of client %s is missing: the variable that `client_secret_env` names is not set", p.Client.Value)
		}
	}
	if p.CACert.Value != "" {
		text, err := readNamed(p.CACert, "the certificate")
		if err != nil {
			return config, err
		}
		config.CA = string(text)
	}
	return config, nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func texts(list []fleet.Text) []string {
	var values []string
	for _, t := range list {
		values = append(values, t.Value)
	}
	return values
}

func variable(environ []string, name string) string {
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// begin sends the browser to the provider.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	p := s.doors().providers.Named(r.URL.Query().Get("provider"))
	if p == nil {
		web.Refuse(w, http.StatusNotFound, "There is no such login provider.")
		return
	}
	to, attempt, err := p.Begin(r.Context(), r.URL.Query().Get("return"))
	if err != nil {
		s.refuseLogin(w, err)
		return
	}
	text, err := json.Marshal(attempt)
	if err != nil {
		s.refuseLogin(w, err)
		return
	}
	s.sessions.Put(r.Context(), attemptKey, string(text))
	if err := s.keepSession(r); err != nil {
		s.log.Error("nobody can log in", "error", err)
		web.Refuse(w, http.StatusServiceUnavailable, notKept(err))
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback is where the provider sends the browser back to. What the session kept of the
// attempt is good for this once.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) {
	attempt := &login.Attempt{}
	if json.Unmarshal([]byte(s.sessions.PopString(r.Context(), attemptKey)), attempt) != nil {
		attempt = &login.Attempt{}
	}
	p := s.doors().providers.Named(attempt.Provider)
	if p == nil {
		web.Refuse(w, http.StatusForbidden, "This browser did not begin this login, or has finished it.")
		return
	}
	who, err := p.Finish(r.Context(), attempt, r.URL.Query())
	if err != nil {
		s.refuseLogin(w, err)
		return
	}
	if len(who.Scopes) == 0 {
		s.log.Info("somebody without rights was not let in", "actor", who.Name)
		web.Refuse(w, http.StatusForbidden, "You are "+who.Name+", and have no rights here. Ask the network team for ipguard.read, or for ipguard.teams.NAME.book of your team.")
		return
	}
	if err := s.logIn(r, accounts.Actor{Name: who.Name, Scopes: who.Scopes}, p.Through()); err != nil {
		s.log.Error("nobody was logged in", "error", err)
		web.Refuse(w, http.StatusServiceUnavailable, notKept(err))
		return
	}
	http.Redirect(w, r, attempt.Return, http.StatusSeeOther)
}

func (s *Server) refuseLogin(w http.ResponseWriter, err error) {
	if refused := (*login.RefusedError)(nil); errors.As(err, &refused) {
		s.log.Info("a login was refused", "reason", err.Error())
		web.Refuse(w, http.StatusForbidden, "Nobody was logged in: "+err.Error()+".")
		return
	}
	s.log.Error("nobody can log in", "error", err)
	web.Refuse(w, http.StatusServiceUnavailable, "The login provider cannot be reached.")
}

// bearer finds out who shows a token of a provider.
func (s *Server) bearer(r *http.Request, token string) (*accounts.Actor, error) {
	who, err := s.doors().providers.Bearer(r.Context(), token)
	if err != nil {
		return nil, err
	}
	return &accounts.Actor{Name: who.Name, Scopes: who.Scopes}, nil
}

// tellLogin tells clients how to log in; it is for everybody.
func (s *Server) tellLogin(w http.ResponseWriter, _ *http.Request) {
	told := protocol.Logins{Providers: []protocol.Login{}}
	list := s.doors().login.Providers
	for i := range list {
		p := &list[i]
		told.Providers = append(told.Providers, protocol.Login{
			Name: p.Name.Value, Issuer: p.Issuer.Value, Client: or(p.CLIClient.Value, "ipguard_cli"), Scopes: texts(p.Scopes), UAA: p.UAA,
		})
	}
	text, _ := json.Marshal(told) // has no type that fails
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(legible.EscapedJSON(text))
}

// entrances are the ways to log in that the page offers.
func (s *Server) entrances() []web.Entrance {
	var list []web.Entrance
	providers := s.doors().login.Providers
	for i := range providers {
		if p := &providers[i]; p.Client.Value != "" {
			list = append(list, web.Entrance{Name: or(p.Name.Value, "Log in"), Provider: p.Name.Value})
		}
	}
	return list
}

// relative makes the paths of providers relative to the configuration's folder.
func (l *Login) relative(path string) {
	for i := range l.Providers {
		relativeTo(filepath.Dir(path), &l.Providers[i].CACert)
	}
}
