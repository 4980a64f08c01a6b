package collect

import (
	"os"
	"sync"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"
	boshuaa "github.com/cloudfoundry/bosh-cli/v7/uaa"
	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// connections makes clients. The library takes its proxy from the environment
// variable of the process, and every client keeps the dialer that was in force
// when it was made: clients of different proxies are made one after the other.
type connections struct {
	mu       sync.Mutex
	initial  string
	current  string
	untouch  bool // the variable was not set at first
	logger   boshlog.Logger
	director boshdirector.Factory
	uaa      boshuaa.Factory
}

func newConnections() *connections {
	logger := boshlog.NewLogger(boshlog.LevelNone)
	proxy, ok := os.LookupEnv(proxyVariable)
	return &connections{
		initial: proxy, current: proxy, untouch: !ok, logger: logger,
		director: boshdirector.NewFactory(logger), uaa: boshuaa.NewFactory(logger),
	}
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
	director boshdirector.Director
	requests boshdirector.ClientRequest
	info     boshdirector.Info
}

// open makes a client that is logged in; the director is asked who it is on the
// way, since it tells how to log in.
func (c *connections) open(t Target, config *environment.Config) (*connection, error) {
	factory, err := boshdirector.NewConfigFromURL(t.Access.URL)
	if err != nil {
		return nil, &trouble.Trouble{Message: "its URL cannot be read", Hint: "write HOST, HOST:PORT or https://HOST:PORT"}
	}
	factory.CACert = t.Access.CACert
	var anonymous boshdirector.Director
	err = c.through(t.Access.Proxy, func() (err error) {
		anonymous, err = c.newDirector(factory)
		return err
	})
	if err != nil {
		return nil, err
	}
	conn := &connection{}
	if conn.info, err = anonymous.Info(); err != nil {
		return nil, err
	}
	err = c.through(t.Access.Proxy, func() error {
		if conn.info.Auth.Type == "uaa" {
			factory.TokenFunc, err = c.tokens(t, conn.info, config)
			if err != nil {
				return err
			}
		} else {
			factory.Client, factory.ClientSecret = t.Access.Client, t.Access.Secret
		}
		if conn.director, err = c.newDirector(factory); err == nil {
			conn.requests, err = newRequests(factory, c.logger)
		}
		return err
	})
	return conn, err
}

func (c *connections) newDirector(factory boshdirector.FactoryConfig) (boshdirector.Director, error) {
	d, err := c.director.New(factory, boshdirector.NewNoopTaskReporter(), boshdirector.NewNoopFileReporter())
	if err != nil {
		return nil, &trouble.Trouble{Message: "the CA certificate cannot be read", Hint: "it must be one or more certificates in PEM"}
	}
	return d, nil
}

// tokens returns what gives each request its token.
func (c *connections) tokens(t Target, info boshdirector.Info, config *environment.Config) (func(bool) (string, error), error) {
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
	uaa, err := c.uaa.New(factory)
	if err != nil {
		return nil, err
	}
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
