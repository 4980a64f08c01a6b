package collect

import (
	"context"
	"errors"
	"net"
	neturl "net/url"
	"os"
	"strconv"
	"sync"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"
	boshuaa "github.com/cloudfoundry/bosh-cli/v7/uaa"
	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// connections makes clients. The library takes its proxy from the environment
// variable of the process, and every client keeps the dialer that was in force
// when it was made: clients of different proxies are made one after the other.
type connections struct {
	mu      sync.Mutex
	initial string
	current string
	untouch bool // the variable was not set at first
	logger  boshlog.Logger
}

func newConnections() *connections {
	proxy, ok := os.LookupEnv(proxyVariable)
	return &connections{initial: proxy, current: proxy, untouch: !ok, logger: boshlog.NewLogger(boshlog.LevelNone)}
}

// restore leaves the process as it was.
func (c *connections) restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == c.initial {
		return
	}
	if c.untouch {
		os.Unsetenv(proxyVariable)
	} else {
		os.Setenv(proxyVariable, c.initial)
	}
	httpclient.ResetDialerContext()
}

// through runs build while proxy is in force. Clients made one after the other
// with the same proxy share what it needs, such as a tunnel.
func (c *connections) through(proxy string, build func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if proxy != c.current {
		if err := setProxy(proxy); err != nil {
			return err
		}
		httpclient.ResetDialerContext()
		c.current = proxy
	}
	return build()
}

// connection is a director that answers, and what it said about itself.
type connection struct {
	requests requestsIn
	info     boshdirector.InfoResp
}

// open makes a client that is logged in; the director is asked who it is on the
// way, since it tells how to log in. Its requests end with the context.
func (c *connections) open(ctx context.Context, t Target, config *environment.Config) (*connection, error) {
	factory, info, err := c.ask(ctx, t.Access)
	if err != nil {
		return nil, err
	}
	conn := &connection{info: info}
	err = c.through(t.Access.Proxy, func() error {
		if info.Auth.Type == "uaa" {
			factory.TokenFunc, err = c.tokens(ctx, t, info, config)
			if err != nil {
				return err
			}
		} else {
			factory.Client, factory.ClientSecret = t.Access.Client, t.Access.Secret
		}
		conn.requests, err = newRequests(ctx, factory, c.logger)
		return err
	})
	return conn, err
}

// ask asks a director who it is, without logging in.
func (c *connections) ask(ctx context.Context, access environment.Access) (factory boshdirector.FactoryConfig, info boshdirector.InfoResp, err error) {
	factory, err = boshdirector.NewConfigFromURL(access.URL)
	if err != nil {
		return factory, info, &trouble.Trouble{Message: "its URL cannot be read", Hint: "write HOST, HOST:PORT or https://HOST:PORT"}
	}
	factory.CACert = access.CACert
	var anonymous requestsIn
	err = c.through(access.Proxy, func() (err error) {
		anonymous, err = newRequests(ctx, factory, c.logger)
		return err
	})
	if err == nil {
		err = anonymous(nil).Get("/info", &info)
		info.UUID = place.Name(info.UUID).String() // a text of somebody's: messages show it
	}
	return factory, info, err
}

// tokens returns what gives each request its token.
func (c *connections) tokens(ctx context.Context, t Target, info boshdirector.InfoResp, config *environment.Config) (func(bool) (string, error), error) {
	url, ok := info.Auth.Options["url"].(string)
	if !ok {
		return nil, &trouble.Trouble{Message: "the director has a UAA and does not tell its URL"}
	}
	factory, err := boshuaa.NewConfigFromURL(url)
	if err != nil {
		return nil, &trouble.Trouble{Message: "the director tells a URL of its UAA that cannot be read"}
	}
	factory.CACert = t.Access.CACert
	factory.Client, factory.ClientSecret = t.Access.Client, t.Access.Secret
	if factory.Client == "" {
		factory.Client = "bosh_cli" // as which people log in
	}
	pool, err := factory.CACertPool()
	if err != nil {
		return nil, err
	}
	endpoint := neturl.URL{Scheme: "https", Host: net.JoinHostPort(factory.Host, strconv.Itoa(factory.Port)), Path: factory.Path}
	client := newClient(ctx, pool, endpoint.Host, nil, c.logger)(nil)
	uaa := tokenServer{boshuaa.NewClient(endpoint.String(), factory.Client, factory.ClientSecret, client, c.logger)}
	session := boshuaa.NewClientTokenSession(uaa).TokenFunc
	if t.Access.Client == "" {
		token := boshuaa.NewRefreshableAccessToken(t.Access.TokenType, t.Access.Token, t.Access.RefreshToken)
		session = boshuaa.NewAccessTokenSession(uaa, token, config, t.Access.URL).TokenFunc
	}
	var mu sync.Mutex // the library's sessions are for one request at a time
	return func(retried bool) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return session(retried)
	}, nil
}

// tokenServer is a UAA as sessions of the library want it.
type tokenServer struct{ boshuaa.Client }

func (u tokenServer) ClientCredentialsGrant() (boshuaa.AccessToken, error) {
	return asToken(u.Client.ClientCredentialsGrant())
}

func (u tokenServer) OwnerPasswordCredentialsGrant(answers []boshuaa.PromptAnswer) (boshuaa.AccessToken, error) {
	return asToken(u.Client.OwnerPasswordCredentialsGrant(answers))
}

func (u tokenServer) RefreshTokenGrant(refresh string) (boshuaa.AccessToken, error) {
	return asToken(u.Client.RefreshTokenGrant(refresh))
}

// Prompts are for people who log in, which nobody does here.
func (u tokenServer) Prompts() ([]boshuaa.Prompt, error) {
	return nil, errors.New("nobody is asked")
}

func asToken(told boshuaa.TokenResp, err error) (boshuaa.AccessToken, error) {
	if err != nil {
		return nil, err
	}
	if told.RefreshToken == "" {
		return boshuaa.NewAccessToken(told.Type, told.AccessToken), nil // of a client
	}
	return boshuaa.NewRefreshableAccessToken(told.Type, told.AccessToken, told.RefreshToken), nil
}
