// Package serve runs the server: it puts the API and the pages on one port, knows who
// asks, and comes and goes without losing an answer.
//
//	listener ─▶ request id, log, limits ─▶ own host ─▶ no foreign page ─▶ who is it ─▶ api, web
//
// Whatever can be asked without a login tells nothing of the plan.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/collector"
	"github.com/ipguard/ipguard/src/internal/conflicts"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/requests"
	"github.com/ipguard/ipguard/src/internal/web"
	"github.com/ipguard/ipguard/src/internal/webhooks"
)

// Server is one server on a database.
type Server struct {
	config   Config
	log      *slog.Logger
	database ledgersql.Database
	store    *ledgersql.Store
	accounts *accounts.Store
	plan     *central.Plan
	sessions *scs.SessionManager
	// open are the ways in as they are now, see Reload.
	open      atomic.Pointer[doors]
	environ   []string
	metrics   *metrics
	conflicts *conflicts.Store
	chronicle *chronicle.Keeper
	// collector asks directors; nil: nobody does.
	collector *collector.Collector
	sender    *webhooks.Sender
	// told has an element when the sender has something to do.
	told chan struct{}
	// recorded is the picture that this server recorded last.
	recorded struct {
		tag string
		at  time.Time
	}
	now     func() time.Time
	openapi *huma.OpenAPI
	handler http.Handler
	// once is the one-time link; nil: there is none, or it was used.
	once        atomic.Pointer[oneTime]
	certificate atomic.Pointer[tls.Certificate]
	// lacks is how many failures the plan has as a whole, and wrong says that one of them is
	// the fleet file's own.
	lacks atomic.Int64
	wrong atomic.Bool
	// draining says that no new work is wanted.
	draining atomic.Bool
}

// Options are what a server takes from outside.
type Options struct {
	Config  Config
	Log     *slog.Logger
	Environ []string
	Now     func() time.Time
	Version string
}

// New opens the database and makes a server. Close ends it.
func New(ctx context.Context, o Options) (*Server, error) {
	if err := o.Config.check(); err != nil {
		return nil, err
	}
	o.Log = slog.New(legibleLog{o.Log.Handler()})
	providers, err := newProviders(&o.Config, o.Environ, o.Now)
	if err != nil {
		return nil, err
	}
	database, err := Open(ctx, o.Config.Database.Value)
	if err != nil {
		return nil, err
	}
	if err := ledgersql.Begin(ctx, database, o.Now()); err != nil {
		return nil, errors.Join(fmt.Errorf("the database cannot be begun with: %w", err), database.Close())
	}
	s := &Server{config: o.Config, environ: o.Environ, log: o.Log, database: database, store: ledgersql.NewAt(database, o.Now), metrics: newMetrics(),
		told: make(chan struct{}, 1), now: o.Now}
	s.open.Store(&doors{o.Config.Login, providers})
	if err := s.readCertificate(o.Config.TLS); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.metrics.fences(s.store)
	s.metrics.writable(database)
	s.metrics.whole(func() bool { return s.lacks.Load() == 0 && s.fleetFile() == nil })
	if err := s.tellFences(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.accounts = &accounts.Store{Read: database.SQL(), Write: database.Write(), Now: o.Now}
	pushed := &pushes.Store{Read: database.SQL(), Write: database.Write(), Now: o.Now}
	asked := &requests.Store{Read: database.SQL(), Write: database.Write(), Now: o.Now}
	s.plan = &central.Plan{FleetFile: o.Config.Fleet.Value, Pushes: pushed, Environ: o.Environ, Now: o.Now, Booked: s.store.All, BookedIn: s.store.BookedIn, Load: s.load, LoadedLast: s.loadedLast, Made: s.tellOf}
	if s.sender, err = newSender(&o.Config, o.Environ, database, o.Now, o.Log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.sender.Counted = s.metrics.told
	s.conflicts = &conflicts.Store{Read: database.SQL(), Write: database.Write(), Now: o.Now, Webhooks: s.sender.Names(), Told: s.wake}
	s.chronicle = &chronicle.Keeper{Plan: s.plan, Pushes: pushed, Store: &chronicle.Store{Read: database.SQL(), Write: database.Write()}}
	s.plan.Granted = s.chronicle.Granted
	s.metrics.watch(s.conflicts.CountOpen, s.sender.Waiting)
	if s.collector, err = s.newCollector(&o, pushed); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.metrics.answers(s.collector.Asked)
	s.sessions = s.newSessions()
	routes := &api.API{Ledger: s.store, Plan: s.plan, Accounts: s.accounts, Pushes: pushed, Requests: asked, Conflicts: s.conflicts, Chronicle: s.chronicle, Asked: s.collector.Asked, Failed: s.failed, Now: o.Now, Version: o.Version}
	answers, openapi := routes.Handler()
	s.openapi = openapi
	routed, err := compressed(s.routes(answers, web.New(answers, s.entrances, o.Now)))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.handler = s.around(routed)
	if err := s.checkFleet(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.endOthers(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkFleet refuses a fleet file in which something is wrong, as all else of the
// configuration is refused. The error is a *trouble.Trouble where there is a place.
func (s *Server) checkFleet(ctx context.Context) error {
	picture, err := s.plan.Read(ctx)
	if err != nil {
		return err
	}
	if len(picture.InFleetFile) > 0 {
		return &picture.InFleetFile[0]
	}
	return nil
}

// load tells other servers on the database by which fleet file this one gives.
func (s *Server) load(ctx context.Context, by string, in central.Segments) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	return s.store.Load(ctx, by, host, ledgersql.Segments(in))
}

func (s *Server) loadedLast(ctx context.Context) (by, tag string, err error) {
	last, err := s.store.Loaded(ctx)
	return last.Digest, last.Tag(), err
}

// tellOf writes into the log why nothing can be given, and what is not in the plan.
func (s *Server) tellOf(p *central.Picture) {
	s.lacks.Store(int64(len(p.Failures)))
	s.wrong.Store(len(p.InFleetFile) > 0)
	for _, t := range p.Failures {
		s.log.Error("nothing can be booked", "at", t.At.String(), "reason", t.Message, "hint", t.Hint)
	}
	for _, t := range p.Strangers {
		s.log.Warn("the fleet file names somebody of whom nothing is known", "at", t.At.String(), "reason", t.Message, "hint", t.Hint)
	}
	for _, t := range p.Unread {
		s.log.Warn("a part of the plan is unknown", "at", t.At.String(), "reason", t.Message, "hint", t.Hint)
	}
}

// wake lets the sender look at once.
func (s *Server) wake() {
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// failed logs why a question could not be answered: whoever asked is not told.
func (s *Server) failed(_ context.Context, err error) {
	s.log.Error("a question cannot be answered", "reason", err)
}

// tellFences writes to the log what is not given.
func (s *Server) tellFences(ctx context.Context) error {
	fences, err := s.store.Fences(ctx)
	for i := range fences {
		if fences[i].Open() {
			s.log.Warn("nothing is given", "reason", fences[i].Text(), "hint", "ipguard-server restore --accept")
		}
	}
	return err
}

// Close ends it; what was asked before is answered.
func (s *Server) Close() error { return s.store.Close() }

// secure reports whether browsers reach the server by https alone.
func (s *Server) secure() bool {
	return s.config.TLS.Certificate.Value != "" || strings.HasPrefix(s.config.URL.Value, "https:")
}

// Handler is everything that the server answers.
func (s *Server) Handler() http.Handler { return s.handler }

// readCertificate reads the certificate, if there is one.
func (s *Server) readCertificate(of TLS) error {
	if of.Certificate.Value == "" {
		return nil
	}
	certificate, err := readNamed(of.Certificate, "the certificate")
	if err != nil {
		return err
	}
	key, err := readNamed(of.Key, "the key")
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return wrongAt(of.At, "", "the certificate cannot be read: %s", err)
	}
	s.certificate.Store(&pair)
	return nil
}

// The limits of one request.
const (
	headerTime = 10 * time.Second
	bodyTime   = 3 * time.Minute
	idleTime   = 2 * time.Minute
	headerSize = 32 << 10
	drainTime  = 30 * time.Second
)

// Listen begins to listen, and returns the URL.
func (s *Server) Listen() (net.Listener, string, error) {
	l, err := net.Listen("tcp", s.config.Listen.Value)
	if err != nil {
		return nil, "", err
	}
	if s.config.URL.Value != "" {
		return l, strings.TrimSuffix(s.config.URL.Value, "/"), nil
	}
	scheme := "http"
	if s.secure() {
		scheme = "https"
	}
	return l, (&url.URL{Scheme: scheme, Host: l.Addr().String()}).String(), nil
}

// Serve answers on a listener until ctx ends; then it lets requests under way end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerSize, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	if s.certificate.Load() != nil {
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.certificate.Load(), nil
		}}
	}
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { s.rounds(ctx) })
	defer working.Wait()
	defer stop()
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(l, "", "")
			return
		}
		ended <- server.Serve(l)
	}()
	sweep := time.NewTicker(10 * time.Minute)
	defer sweep.Stop()
	garbage.CollectSeldom()
	collect := time.NewTicker(10 * time.Second)
	defer collect.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-collect.C:
			garbage.CollectSeldom()
		case <-sweep.C:
			if err := (accounts.Sessions{Store: s.accounts}).Sweep(ctx); err != nil {
				s.log.Warn("sessions that ended cannot be forgotten", "error", err)
			}
		case <-ctx.Done():
			s.draining.Store(true)
			s.log.Info("draining")
			wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
			defer cancel()
			return server.Shutdown(wait)
		}
	}
}

// LinkLasts is how long a one-time link is good: it stands in logs, which are kept.
const LinkLasts = 15 * time.Minute

// oneTime is a link that is good once, and until its end.
type oneTime struct {
	secret string
	ends   time.Time
}

// OneTimeLink makes a link that logs in the first who follows it within LinkLasts, as an
// administrator.
// It is for a server that only its own machine reaches.
func (s *Server) OneTimeLink(base string) string {
	link := &oneTime{secret: accounts.Secret(), ends: s.now().Add(LinkLasts)}
	s.once.Store(link)
	return base + oncePath + link.secret
}

// user is who started the server.
func user() string {
	for _, name := range []string{"USER", "LOGNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "local"
}

// Local reports whether only this machine reaches the server.
func (s *Server) Local() bool {
	host, _, err := net.SplitHostPort(s.config.Listen.Value)
	return err == nil && loopback(host)
}
