// Package environment knows what bosh knows about directors: the configuration
// file with its aliases, certificates and credentials, as bosh alias-env and
// bosh log-in write it, and the environment variables that stand above it.
//
// Secrets pass through here on their way to a director. None is part of an error
// or of any text that this package makes.
package environment

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"

	boshconfig "github.com/cloudfoundry/bosh-cli/v7/cmd/config"
	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"
	boshuaa "github.com/cloudfoundry/bosh-cli/v7/uaa"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsystem "github.com/cloudfoundry/bosh-utils/system"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// DefaultConfig is where bosh keeps its configuration.
const DefaultConfig = "~/.bosh/config"

// Config is bosh's configuration file. It is safe for concurrent use.
type Config struct {
	path string
	fs   boshsystem.FileSystem

	mu     sync.Mutex
	config boshconfig.FSConfig
}

// Load reads the configuration file at path ("~" is the home folder). A missing
// file is an empty one, and so is the default one of who has no home, as in a container
// without users.
func Load(path string) (*Config, error) {
	c := &Config{path: path, fs: boshsystem.NewOsFileSystem(boshlog.NewLogger(boshlog.LevelNone))}
	if _, err := os.UserHomeDir(); err != nil && path == DefaultConfig {
		path = os.DevNull
	}
	var err error
	if c.config, err = boshconfig.NewFSConfigFromPath(path, c.fs); err != nil {
		// The library's text may quote the file, which holds secrets.
		return nil, fmt.Errorf("cannot read the bosh configuration %s: it is not readable, or no YAML", path)
	}
	return c, nil
}

// URL is the URL that an alias stands for; anything else is returned as it is.
func (c *Config) URL(target string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.ResolveEnvironment(target)
}

// Address is the host and port that a target means: "10.0.0.6:25555". Two
// targets that mean the same are equal.
func (c *Config) Address(target string) (string, error) {
	address, err := addressOf(c.URL(target))
	if err != nil {
		return "", fmt.Errorf("%q is neither an alias of %s nor a director's URL", shownTarget(target), c.path)
	}
	return address, nil
}

// addressOf is the host and port of a URL, as bosh reads it.
func addressOf(url string) (string, error) {
	factory, err := boshdirector.NewConfigFromURL(url)
	if err != nil {
		return "", err
	}
	host := strings.ToLower(strings.TrimSuffix(factory.Host, "."))
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(host, fmt.Sprint(factory.Port)), nil
}

// Access is everything that is needed to talk to a director.
type Access struct {
	URL string
	// CACert is a certificate in PEM; empty: those of the system.
	CACert string
	// Client and Secret are of a UAA client or of a director's own user.
	Client, Secret string
	// Token is of a user that has logged in; used where there is no Client.
	TokenType, Token, RefreshToken string
	// Proxy is as in BOSH_ALL_PROXY.
	Proxy string
}

// Wanted is what the fleet file says of a director's environment.
type Wanted struct {
	// Target is an alias or a URL.
	Target string
	// CACert is the path of a certificate, or its text.
	CACert, Client, SecretVariable, Proxy string
}

// shownVariable says which variable has the secret. What stands in the place of its
// name may be the secret itself.
func (w Wanted) shownVariable() string {
	if w.SecretVariable != "" {
		return "the variable that client_secret_env names"
	}
	return "BOSH_CLIENT_SECRET"
}

// CredentialsError says that nobody has said as whom to log in, or not how.
type CredentialsError struct{ text string }

func (e *CredentialsError) Error() string { return e.text }

// Access puts together how to reach a director. What w leaves out comes from
// the environment variables that bosh reads, else from the configuration file.
// env returns the value of a variable. What lacks as whom to log in is a
// *CredentialsError.
func (c *Config) Access(w Wanted, env func(string) string) (Access, error) {
	a, err := c.Anonymous(w, env)
	if err != nil {
		return Access{}, err
	}
	c.mu.Lock()
	credentials := c.config.Credentials(a.URL)
	c.mu.Unlock()
	a.Client, a.Secret = credentials.Client, credentials.ClientSecret
	a.TokenType, a.Token, a.RefreshToken = credentials.AccessTokenType, credentials.AccessToken, credentials.RefreshToken
	if client := cmp.Or(w.Client, env("BOSH_CLIENT")); client != "" {
		variable := cmp.Or(w.SecretVariable, "BOSH_CLIENT_SECRET")
		secret := env(variable)
		if secret == "" && w.SecretVariable == "" && client == credentials.Client {
			secret = credentials.ClientSecret
		}
		if a.Client, a.Secret = client, secret; secret == "" {
			return Access{}, &CredentialsError{fmt.Sprintf("the secret of client %s is missing: %s is not set", client, w.shownVariable())}
		}
	}
	if a.Client == "" && a.RefreshToken == "" {
		return Access{}, &CredentialsError{"no client is given, and nobody has logged in"}
	}
	return a, nil
}

// Anonymous is Access without credentials, for what a director tells everybody.
func (c *Config) Anonymous(w Wanted, env func(string) string) (Access, error) {
	certificate, err := c.certificate(w, env)
	if err != nil {
		return Access{}, err
	}
	return Access{URL: c.URL(w.Target), Proxy: cmp.Or(w.Proxy, env("BOSH_ALL_PROXY")), CACert: certificate}, nil
}

// IsCertificate tells a certificate's text from the path of one, as bosh does.
func IsCertificate(text string) bool { return strings.Contains(text, "BEGIN") }

// certificate finds the certificate. BOSH_CA_CERT may hold its text or a path.
func (c *Config) certificate(w Wanted, env func(string) string) (string, error) {
	path := cmp.Or(w.CACert, env("BOSH_CA_CERT"))
	if path == "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.config.CACert(c.config.ResolveEnvironment(w.Target)), nil
	}
	if IsCertificate(path) {
		return path, nil
	}
	shown := path
	if w.CACert == "" {
		shown = "in BOSH_CA_CERT" // what a variable of the environment holds is not repeated
	}
	expanded, err := c.fs.ExpandPath(path)
	if err != nil {
		return "", fmt.Errorf("the certificate %s cannot be found", shown)
	}
	text, err := regularfile.Read(expanded)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return "", fmt.Errorf("the certificate %s cannot be read: %w", shown, err)
	}
	return string(text), nil
}

// UpdateConfigWithToken writes a refreshed token of a user to the configuration
// file, as bosh does: a UAA may forget the former one. It implements
// boshuaa.ConfigUpdater. The file is read again first, so that what others wrote
// into it in the meantime stays, and replaced as a whole: a full disk or a kill must not
// take the log-ins of other directors with it.
func (c *Config) UpdateConfigWithToken(environment string, token boshuaa.AccessToken) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := boshconfig.NewFSConfigFromPath(c.path, wholeFiles{c.fs})
	if err != nil {
		return errors.New("the refreshed token cannot be written to the bosh configuration")
	}
	if err := now.UpdateConfigWithToken(environment, token); err != nil {
		return errors.New("the refreshed token cannot be written to the bosh configuration")
	}
	return nil
}

// wholeFiles has the library write its file as a whole.
type wholeFiles struct{ boshsystem.FileSystem }

// WriteFile implements boshsystem.FileSystem.
func (wholeFiles) WriteFile(path string, text []byte) error {
	return atomicfile.Write(path, atomicfile.Private, text)
}

// Chmod implements boshsystem.FileSystem. The file has the mode that the library wants
// before it has its name.
func (wholeFiles) Chmod(string, os.FileMode) error { return nil }

// Save does nothing: UpdateConfigWithToken has written the file.
func (c *Config) Save() error { return nil }

// ResolveKey makes the path of the private key in a proxy URL absolute by
// resolve.
func ResolveKey(proxy string, resolve func(string) (string, error)) (string, error) {
	parsed, err := url.Parse(proxy)
	if err != nil || !strings.HasPrefix(proxy, "ssh+") {
		return proxy, nil // a wrong one is found out when it is used
	}
	query := parsed.Query()
	key := query.Get("private-key")
	if key == "" {
		return proxy, nil
	}
	if key, err = resolve(key); err != nil {
		return "", err
	}
	query.Set("private-key", key)
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}
