package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Config is how a server runs. Field tags are those of the fleet file's types: its
// reader reads this file, too.
type Config struct {
	// Address and port to listen on: 127.0.0.1:8720 if it is not given. Any but a
	// loopback address needs tls and login.
	Listen fleet.Text `yaml:"listen,omitempty"`
	// File of SQLite, or URL of PostgreSQL (postgres://USER@HOST:PORT/NAME, the
	// password in PGPASSWORD or PGPASSFILE). Paths are relative to the file's folder.
	Database fleet.Text `yaml:"database,omitempty"`
	// The fleet file with segments, pools and the directors that the server knows
	// itself.
	Fleet fleet.Text `yaml:"fleet,omitempty"`
	// The URL by which browsers and clients reach the server, such as
	// https://ipguard.example.com; by it the server knows its own pages from others'.
	URL fleet.Text `yaml:"url,omitempty"`
	// Certificate and key, which are read again on SIGHUP.
	TLS TLS `yaml:"tls,omitempty"`
	// How people and pipelines are known.
	Login Login `yaml:"login,omitempty"`
	// Who is told when conflicts begin and end.
	Webhooks []Webhook `yaml:"webhooks,omitempty"`
	// How often the server itself asks the directors of its fleet file that have an
	// environment. Without it, it asks none.
	Collect Collect `yaml:"collect,omitempty"`
}

// Collect is how the server asks directors.
type Collect struct {
	At place.Place `yaml:"-"`

	// How often each director is asked, such as 15m: at least 1m.
	Every fleet.Duration `yaml:"every"`
	// How long one director may take: 5m if it is not given, at most 1h.
	Timeout fleet.Duration `yaml:"timeout,omitempty"`
}

// Webhook is another system that is told when conflicts begin and end.
type Webhook struct {
	At place.Place `yaml:"-"`

	// By which logs and metrics name it, for its URL may be a secret: a-z, 0-9 and hyphens.
	Name fleet.Text `yaml:"name"`
	// Where messages are sent: https, or http to this machine.
	URL fleet.Text `yaml:"url"`
	// Environment variable with the secret that signs them, of at least 16 bytes: whsec_
	// and base64, or any text.
	SecretEnv fleet.VariableName `yaml:"secret_env"`
	// The certificate that signed the receiver's (PEM), or its path.
	CACert fleet.Text `yaml:"ca_cert,omitempty"`
}

// TLS is the server's certificate.
type TLS struct {
	At place.Place `yaml:"-"`

	// Path of the certificate, with those that signed it behind it (PEM).
	Certificate fleet.Text `yaml:"certificate"`
	// Path of its key (PEM).
	Key fleet.Text `yaml:"key"`
}

// Login is how people and pipelines are known.
type Login struct {
	At place.Place `yaml:"-"`

	// Whether a public server may have no providers: tokens that ipguard-server token
	// makes, which let in anyhow, are all that lets in then.
	Tokens bool `yaml:"tokens,omitempty"`
	// Providers of OpenID Connect at which people and clients log in.
	Providers []Provider `yaml:"providers,omitempty"`
}

// DefaultListen is where a server listens that is not told.
const DefaultListen = "127.0.0.1:8720"

// DefaultDatabase is the file of a server that is not told one.
const DefaultDatabase = "ipguard-server.db"

// LoadConfig reads a configuration, strictly.
func LoadConfig(path string) (Config, []*trouble.Trouble) {
	var c Config
	text, err := source.NewFiles(nil).Read(path)
	if err != nil {
		return c, []*trouble.Trouble{{At: place.Place{File: path}, Message: trouble.Of(err).Message}}
	}
	errs := fleet.Decode(path, text, &c, "the configuration")
	if len(errs) > 0 {
		return c, errs
	}
	folder := filepath.Dir(path)
	for _, t := range []*fleet.Text{&c.Fleet, &c.TLS.Certificate, &c.TLS.Key} {
		relativeTo(folder, t)
	}
	c.Login.relative(path)
	for i := range c.Webhooks {
		if ca := &c.Webhooks[i].CACert; !isCertificate(ca.Value) {
			relativeTo(folder, ca)
		}
	}
	if err := CheckDatabase(c.Database.Value); err != nil {
		return c, []*trouble.Trouble{{At: c.Database.At, Message: err.Error()}}
	}
	if !IsPostgres(c.Database.Value) {
		relativeTo(folder, &c.Database)
	}
	return c, nil
}

func relativeTo(folder string, t *fleet.Text) {
	if t.Value != "" && !filepath.IsAbs(t.Value) {
		t.Value = filepath.Join(folder, t.Value)
	}
}

// isCertificate tells the text of a certificate from the path of one.
func isCertificate(text string) bool { return strings.Contains(text, "-----BEGIN ") }

// IsPostgres reports whether the name of a database is a URL of PostgreSQL.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// errNoDatabase does not repeat what was given: there may be a password in it.
var errNoDatabase = errors.New("the database is neither a file of SQLite nor postgres://USER@HOST:PORT/NAME")

// CheckDatabase refuses the name of a database that is a URL, or was meant as one, and is
// none of PostgreSQL: a file of that name would be made.
func CheckDatabase(name string) error {
	if !IsPostgres(name) && (strings.Contains(name, "://") || strings.Contains(name, "@") && strings.HasPrefix(name, "postgres")) {
		return errNoDatabase
	}
	return nil
}

// check fills in what was not given, and refuses what would let anybody in.
func (c *Config) check() error {
	if c.Listen.Value == "" {
		c.Listen.Value = DefaultListen
	}
	if c.Database.Value == "" {
		c.Database.Value = DefaultDatabase
	}
	host, _, err := net.SplitHostPort(c.Listen.Value)
	if err != nil {
		return wrong(c.Listen, "127.0.0.1:8720", "%q is no address and port to listen on", c.Listen.Value)
	}
	if u, err := url.Parse(c.URL.Value); c.URL.Value != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "") {
		return wrong(c.URL, "https://ipguard.example.com", "`url` is no URL of a server: scheme, host and port, and nothing else")
	}
	if loopback(host) {
		return nil
	}
	switch {
	case c.TLS.Certificate.Value == "":
		return wrong(c.Listen, "add tls: with certificate and key, or listen on 127.0.0.1", "%s is reached by others, and there is no TLS", c.Listen.Value)
	case !c.Login.Tokens && len(c.Login.Providers) == 0:
		return wrong(c.Listen, "add login:, or listen on 127.0.0.1", "%s is reached by others, and there is no login", c.Listen.Value)
	case c.URL.Value == "":
		return wrong(c.Listen, "add url: https://NAME", "%s is reached by others, and the server does not know its own URL", c.Listen.Value)
	}
	return nil
}

// readNamed reads the file that a value names. The error does not repeat the value:
// somebody may have written there what belongs into the file, such as a key.
func readNamed(t fleet.Text, what string) ([]byte, error) {
	text, err := regularfile.Read(t.Value)
	if err == nil {
		return text, nil
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return nil, wrong(t, "", "the file of %s cannot be read: %s", what, err)
}

// loopback reports whether an address is reached from this machine alone. A name is
// not looked up: it may mean another address later.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func wrong(t fleet.Text, hint, format string, args ...any) error {
	return wrongAt(t.At, hint, format, args...)
}

func wrongAt(at place.Place, hint, format string, args ...any) error {
	return &trouble.Trouble{At: at, Message: fmt.Sprintf(format, args...), Hint: hint}
}
