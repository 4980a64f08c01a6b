// Package webhooks tells other systems what happened: messages of an outbox in the
// database, sent by POST, signed, and sent again until they arrive.
//
//	transaction ──Add──▶ outbox ──claim──▶ one attempt ──▶ delivered, due again, or given up
//
// The form is that of Standard Webhooks (https://github.com/standard-webhooks): headers
// webhook-id, webhook-timestamp and webhook-signature, the signature an HMAC-SHA256 of
// id.timestamp.body. A message may arrive twice, with the same id: if the server was
// killed after the answer came. Two attempts never overlap: a message is claimed before,
// for much longer than an attempt may take.
//
// Logs and errors name a webhook by its name alone: its URL may be a secret.
package webhooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Webhook is who is told.
type Webhook struct {
	// Name is what the configuration calls it.
	Name string
	URL  string
	// Secret signs what is sent.
	Secret string
	// CA has certificates in PEM that sign the receiver's; empty: the system's.
	CA string
}

// The limits of one attempt.
const (
	// attemptTime is how long one attempt takes at most, from the first packet to the
	// last.
	attemptTime = 15 * time.Second
	// claimTime is how long a message is this server's: what is left after an attempt
	// allows for clocks of servers that are apart.
	claimTime = 5 * time.Minute
	// largestAnswer is how much of an answer is read, in bytes.
	largestAnswer = 64 << 10
	// longest is how long a message is tried.
	longest = 3 * 24 * time.Hour
	// keep is how long messages that ended are kept.
	keep = 30 * 24 * time.Hour
	// shortestSecret is how many bytes a secret has at least.
	shortestSecret = 16
)

// pauses are how long it waits after each attempt; the last one again and again.
var pauses = []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 4 * time.Hour}

// Sender sends the messages of an outbox.
type Sender struct {
	box      outbox
	webhooks []target
	now      func() time.Time
	log      *slog.Logger
	// Counted is told what became of each attempt: delivered, failed or given_up.
	Counted func(webhook, result string)
}

// target is a webhook with what it takes to reach it.
type target struct {
	Webhook
	key    []byte
	client *http.Client
}

// New makes a sender. The error says what is wrong with a webhook, without its URL.
func New(read, write *sql.DB, list []Webhook, now func() time.Time, log *slog.Logger) (*Sender, error) {
	s := &Sender{box: outbox{read, write}, now: now, log: log, Counted: func(string, string) {}}
	names := map[string]bool{}
	for _, w := range list {
		t, err := newTarget(w)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", w.Name, err)
		}
		if names[w.Name] || w.Name == "" {
			return nil, fmt.Errorf("webhook %q: each has a name of its own", w.Name)
		}
		names[w.Name] = true
		s.webhooks = append(s.webhooks, t)
	}
	return s, nil
}

func newTarget(w Webhook) (target, error) {
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
		return target{}, errors.New("its url is none: https://HOST/PATH")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return target{}, errors.New("its url has no TLS, and everybody on the way could read what is sent: use https")
	}
	key, err := keyOf(w.Secret)
	if err != nil {
		return target{}, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if w.CA != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(w.CA)) {
			return target{}, errors.New("its ca_cert has no certificate (PEM)")
		}
	}
	client := &http.Client{
		Timeout: attemptTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, DisableKeepAlives: true, MaxResponseHeaderBytes: largestAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return target{w, key, client}, nil
}

// keyOf is the key of a secret: as Standard Webhooks writes it, or as it stands.
func keyOf(secret string) ([]byte, error) {
	key := []byte(secret)
	if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("its secret begins with whsec_, and the rest is no base64")
		}
	}
	if len(key) < shortestSecret {
		return nil, fmt.Errorf("its secret has fewer than %d bytes", shortestSecret)
	}
	return key, nil
}

// Names are those of the webhooks.
func (s *Sender) Names() []string {
	var names []string
	for _, t := range s.webhooks {
		names = append(names, t.Name)
	}
	return names
}

// Waiting counts messages that are still to be sent.
func (s *Sender) Waiting(ctx context.Context) (int, error) { return s.box.waiting(ctx) }

// mostAtOnce is how many messages of one webhook are sent in a row.
const mostAtOnce = 100

// SendDue makes one attempt with each message that is due, one after the other. The
// error is of the database alone.
func (s *Sender) SendDue(ctx context.Context) error {
	for i := range s.webhooks {
		t := &s.webhooks[i]
		for range mostAtOnce {
			m, err := s.box.next(ctx, t.Name, s.now(), claimTime)
			if err != nil {
				return err
			}
			if m == nil {
				break
			}
			arrived, err := s.attempt(ctx, t, m)
			if err != nil {
				return err
			}
			if !arrived {
				break // the others would meet the same
			}
		}
	}
	return nil
}

// Sweep forgets what ended long ago, and what waits for a webhook that is gone.
func (s *Sender) Sweep(ctx context.Context) error { return s.box.sweep(ctx, s.now().Add(-keep)) }

// attempt sends a message once, and writes what became of it.
func (s *Sender) attempt(ctx context.Context, t *target, m *message) (arrived bool, err error) {
	outcome := t.send(ctx, m, s.now())
	if ctx.Err() != nil && outcome != "" {
		// The server ends: that is no fault of the receiver.
		return false, s.box.again(context.WithoutCancel(ctx), m, "interrupted", s.now())
	}
	now := s.now()
	ctx = context.WithoutCancel(ctx) // what was done is written
	switch {
	case outcome == "":
		s.Counted(t.Name, "delivered")
		s.log.Info("a webhook was told", "webhook", t.Name, "message", m.id, "attempts", m.attempts)
		return true, s.box.end(ctx, m, "delivered", now)
	case now.Sub(m.made) >= longest:
		s.Counted(t.Name, "given_up")
		s.log.Error("a webhook was not told, and is not asked again", "webhook", t.Name, "message", m.id, "attempts", m.attempts, "reason", outcome)
		return false, s.box.end(ctx, m, "given up: "+outcome, now)
	}
	pause := pauses[min(m.attempts, len(pauses))-1]
	s.Counted(t.Name, "failed")
	s.log.Warn("a webhook was not told", "webhook", t.Name, "message", m.id, "attempts", m.attempts, "reason", outcome, "again_in", pause.String())
	return false, s.box.again(ctx, m, outcome, now.Add(pause))
}

// send makes one attempt. It returns why the message did not arrive, in words that have
// nothing of the URL or of the answer; empty: it did.
func (t *target) send(ctx context.Context, m *message, now time.Time) (outcome string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader([]byte(m.body)))
	if err != nil {
		return "the request cannot be made"
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "ipguard-server")
	request.Header.Set("webhook-id", m.id)
	request.Header.Set("webhook-timestamp", stamp)
	request.Header.Set("webhook-signature", sign(t.key, m.id, stamp, m.body))
	response, err := t.client.Do(request)
	if err != nil {
		return reason(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, largestAnswer))
	switch {
	case response.StatusCode >= 200 && response.StatusCode < 300:
		return ""
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return fmt.Sprintf("status %d leads somewhere else, and is not followed", response.StatusCode)
	}
	return fmt.Sprintf("status %d", response.StatusCode)
}

// sign is the signature of a message (Standard Webhooks, symmetric, version 1).
func sign(key []byte, id, stamp, body string) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// reason is why a request got no answer: of the library's words only those that name
// nothing of the URL.
func reason(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		expired  x509.CertificateInvalidError
		notFound *net.DNSError
		network  net.Error
		refused  *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate was signed by nobody who is trusted"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &expired):
		return "its certificate is not valid"
	case errors.As(err, &notFound):
		return "its name is not found"
	case errors.As(err, &network) && network.Timeout():
		return "no answer within " + attemptTime.String()
	case errors.As(err, &refused):
		return "no connection"
	}
	return "no answer"
}
