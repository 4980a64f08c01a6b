//go:build !vm

package cli

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/serverclient"
	"github.com/ipguard/ipguard/src/internal/signin"
)

// almost is how long before its end a token is replaced.
const almost = time.Minute

// token is what shows a server who asks; empty if there is none. It comes from
// IPGUARD_TOKEN, else by IPGUARD_CLIENT and IPGUARD_CLIENT_SECRET from the provider, else
// from what ipguard login kept. Where a server or provider does not answer, the run goes
// on with what there is: the server decides, or what it said before counts.
//
// The URL is the fleet file's, which a pull request may have changed: what the environment
// has goes to the server alone that IPGUARD_SERVER names, what is kept to that of its login.
func (s Streams) token(ctx context.Context, url, caCert string) (string, error) {
	if token := s.line("IPGUARD_TOKEN"); token != "" {
		if strings.ContainsFunc(token, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return "", incomplete("", "IPGUARD_TOKEN has a blank or a line break within, and is no token")
		}
		return token, s.isFor("IPGUARD_TOKEN", url)
	}
	if id := s.line("IPGUARD_CLIENT"); id != "" {
		if err := s.isFor("IPGUARD_CLIENT", url); err != nil {
			return "", err
		}
		return s.clientToken(ctx, url, caCert, id)
	}
	tokens, err := s.tokens()
	if err != nil {
		return "", err
	}
	at := serverclient.Canonical(url)
	kept, err := tokens.Of(at)
	if err != nil || kept.Refresh == "" || kept.Ends.IsZero() || s.now().Add(almost).Before(kept.Ends) {
		return kept.Token, err
	}
	next, err := refresh(ctx, caCert, kept)
	if refused := (*signin.RefusedError)(nil); errors.As(err, &refused) {
		// Another run may have got the next one meanwhile.
		if again, err := tokens.Of(at); err == nil && again.Token != kept.Token {
			return again.Token, nil
		}
		return "", incomplete("ipguard login "+at, "the login at %s has ended: %s", at, refused.Message)
	}
	if err != nil {
		return kept.Token, nil
	}
	if _, err := tokens.Set(at, next); err != nil {
		return "", incomplete("", "the token cannot be kept: %s", err)
	}
	return next.Token, nil
}

// line is a variable of the environment without the blanks around it: a secret that comes
// from a file often ends with a line break.
func (s Streams) line(variable string) string {
	value, _ := s.env(variable)
	return strings.TrimSpace(value)
}

// isFor refuses to show what a variable has to another server than IPGUARD_SERVER.
func (s Streams) isFor(variable, url string) error {
	server := s.line("IPGUARD_SERVER")
	switch {
	case server == "":
		return incomplete("set IPGUARD_SERVER to the URL of the server that it is for: a fleet file, which others may change, does not decide who gets it",
			"%s is set, and IPGUARD_SERVER does not say for which server: it is shown to none", variable)
	case serverclient.Origin(server) == "":
		return incomplete("IPGUARD_SERVER=https://ipguard.example.com", "IPGUARD_SERVER is no URL of a server")
	case serverclient.Origin(server) != serverclient.Origin(url):
		return incomplete("see who changed `server` in the fleet file; if that is meant, set IPGUARD_SERVER and "+variable+" for the new one",
			"%s is for %s (IPGUARD_SERVER), and is not shown to %s", variable, serverclient.Origin(server), serverclient.Canonical(url))
	}
	return nil
}

// isKnown refuses a provider that nobody but the server names: it is IPGUARD_ISSUER, or,
// without that, one on the server's own host.
func (s Streams) isKnown(issuer, server string) error {
	known := strings.TrimSuffix(s.line("IPGUARD_ISSUER"), "/")
	switch {
	case known == "" && serverclient.SameHost(issuer, server), known != "" && known == strings.TrimSuffix(issuer, "/"):
		return nil
	case known == "":
		return incomplete("if that is where the client is registered: IPGUARD_ISSUER="+issuer,
			"%s names the login provider %s, which is on another host, and IPGUARD_ISSUER does not say that it may have the client's secret", serverclient.Canonical(server), issuer)
	}
	return incomplete("see who changed it; if that is meant: IPGUARD_ISSUER="+issuer,
		"%s names the login provider %s, which is not IPGUARD_ISSUER: it does not get the client's secret", serverclient.Canonical(server), issuer)
}

func refresh(ctx context.Context, caCert string, kept serverclient.Kept) (serverclient.Kept, error) {
	p, err := discover(ctx, caCert, kept.Login)
	if err != nil {
		return kept, err
	}
	token, err := p.Refresh(ctx, kept.Refresh)
	if err != nil {
		return kept, err
	}
	return keptOf(token, kept.Login), nil
}

func keptOf(t *signin.Token, login protocol.Login) serverclient.Kept {
	return serverclient.Kept{Token: t.Access, Refresh: t.Refresh, Ends: t.Ends, Login: login}
}

func discover(ctx context.Context, caCert string, login protocol.Login) (*signin.Provider, error) {
	client, err := signin.HTTP(caCert)
	if err != nil {
		return nil, err
	}
	return signin.Discover(ctx, client, login)
}

// clientToken is the token of a pipeline's client.
func (s Streams) clientToken(ctx context.Context, url, caCert, id string) (string, error) {
	secret := s.line("IPGUARD_CLIENT_SECRET")
	if secret == "" {
		return "", usage("", "IPGUARD_CLIENT is set, and IPGUARD_CLIENT_SECRET is not")
	}
	p, login, err := s.provider(ctx, url, caCert)
	if gone := (*serverclient.UnreachableError)(nil); errors.As(err, &gone) {
		return "", nil // what the server said before may count
	}
	if err != nil {
		return "", err
	}
	if err := s.isKnown(login.Issuer, url); err != nil {
		return "", err
	}
	token, err := p.Client(ctx, id, secret)
	if err != nil {
		return "", incomplete("", "client %s gets no token: %s", id, err)
	}
	return token.Access, nil
}

// provider is the one at which people and clients of a server log in. Of several,
// IPGUARD_PROVIDER names one.
func (s Streams) provider(ctx context.Context, url, caCert string) (*signin.Provider, protocol.Login, error) {
	var none protocol.Login
	client, err := serverclient.New(url, caCert, "")
	if err != nil {
		return nil, none, err
	}
	list, err := client.Logins(ctx)
	if err != nil {
		return nil, none, err
	}
	wanted, isWanted := s.env("IPGUARD_PROVIDER")
	var names []string
	for _, login := range list {
		if len(list) == 1 || isWanted && login.Name == wanted {
			p, err := discover(ctx, caCert, login)
			if err != nil {
				return nil, none, incomplete("", "%s", err)
			}
			return p, login, nil
		}
		names = append(names, login.Name)
	}
	if len(list) == 0 {
		return nil, none, incomplete("ipguard login "+url+" --token <FILE", "nobody logs in at %s but by tokens that it made", client.URL)
	}
	return nil, none, usage("IPGUARD_PROVIDER="+names[0], "%s has several login providers: %s", client.URL, strings.Join(names, ", "))
}
