package serve

import (
	"context"
	"slices"

	"github.com/ipguard/ipguard/src/internal/login"
)

// doors are the ways to log in.
type doors struct {
	login     Login
	providers login.Providers
}

func (s *Server) doors() *doors { return s.open.Load() }

// throughLink is the door of the one-time link.
const throughLink = "link"

// through are the names of all doors: a session counts that began through one of them.
func (d *doors) through() []string {
	names := []string{throughLink}
	for _, p := range d.providers {
		names = append(names, p.Through())
	}
	return names
}

// endOthers ends the sessions that began through what is no door any more.
func (s *Server) endOthers(ctx context.Context) error {
	n, err := s.accounts.EndOthers(ctx, s.doors().through())
	if n > 0 {
		s.log.Info("login changed: sessions that began by what it was were ended", "number", n)
	}
	return s.database.Explain(err)
}

// Reload takes the certificate and the ways to log in from a configuration that was read
// again; what they were counts where that is wrong. All else wants a restart, and is said.
// The fleet file is looked at all the time.
func (s *Server) Reload(c Config) {
	if err := c.check(); err != nil {
		s.log.Error("nothing was read again", "error", err)
		return
	}
	providers, err := newProviders(&c, s.environ, s.now)
	if err != nil {
		s.log.Error("nothing was read again", "error", err)
		return
	}
	if err := s.readCertificate(c.TLS); err != nil {
		s.log.Error("nothing was read again", "error", err)
		return
	}
	s.open.Store(&doors{c.Login, providers})
	s.log.Info("the certificate and login were read again")
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := s.endOthers(ctx); err != nil {
		s.log.Error("sessions do not count that began by what login was; they count again if it is put back now", "error", err)
	}
	for _, key := range changed(s.config, c) {
		s.log.Warn("a change of the configuration wants a restart", "key", key)
	}
}

// changed are the keys that differ, but for those that Reload takes over.
func changed(a, b Config) []string {
	var keys []string
	for _, k := range []struct {
		key  string
		a, b string
	}{
		{"listen", a.Listen.Value, b.Listen.Value}, {"database", a.Database.Value, b.Database.Value}, {"fleet", a.Fleet.Value, b.Fleet.Value},
		{"url", a.URL.Value, b.URL.Value},
	} {
		if k.a != k.b {
			keys = append(keys, k.key)
		}
	}
	if (a.TLS.Certificate.Value == "") != (b.TLS.Certificate.Value == "") {
		keys = append(keys, "tls")
	}
	same := func(a, b Webhook) bool {
		return a.Name.Value == b.Name.Value && a.URL.Value == b.URL.Value && a.SecretEnv.Value == b.SecretEnv.Value && a.CACert.Value == b.CACert.Value
	}
	if !slices.EqualFunc(a.Webhooks, b.Webhooks, same) {
		keys = append(keys, "webhooks")
	}
	return keys
}
