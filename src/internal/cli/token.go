//go:build !vm

package cli

import (
	"context"
	"errors"
	"strings"
	"time"

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
func (s Streams) token(ctx context.Context, url, caCert string) (string, error) {
	if token, ok := s.env("IPGUARD_TOKEN"); ok && token != "" {
		return token, nil
	}
	if id, ok := s.env("IPGUARD_CLIENT"); ok && id != "" {
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
	secret, _ := s.env("IPGUARD_CLIENT_SECRET")
	if secret == "" {
		return "", usage("", "IPGUARD_CLIENT is set, and IPGUARD_CLIENT_SECRET is not")
	}
	p, _, err := s.provider(ctx, url, caCert)
	if gone := (*serverclient.UnreachableError)(nil); errors.As(err, &gone) {
		return "", nil // what the server said before may count
	}
	if err != nil {
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
