//go:build !vm

package cli

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serverclient"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// client asks the server of a fleet file as who the environment or ipguard login says.
func (s Streams) client(ctx context.Context, file *fleet.File) (*serverclient.Client, error) {
	at := func(err error, hint string) error {
		t := trouble.Of(err)
		return &trouble.Trouble{At: file.Server.At, Message: t.Message, Hint: hint}
	}
	caCert := ""
	if file.Server.CACert.Value != "" {
		var err error
		if caCert, err = file.PathOf(file.Server.CACert); err != nil {
			return nil, at(err, "")
		}
	}
	token, err := s.token(ctx, file.Server.URL.Value, caCert)
	if told := (*ending)(nil); errors.As(err, &told) {
		return nil, at(&told.Trouble, told.Hint)
	}
	if err != nil {
		return nil, at(err, "")
	}
	client, err := serverclient.New(file.Server.URL.Value, caCert, token)
	if err != nil {
		return nil, at(err, "")
	}
	folder, err := s.userFolder("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return nil, at(err, "")
	}
	client.Remember(folder)
	return client, nil
}

func (s Streams) tokens() (serverclient.Tokens, error) {
	folder, err := s.userFolder("XDG_CONFIG_HOME", ".config")
	return serverclient.Tokens{Path: filepath.Join(folder, "tokens.json")}, err
}

// userFolder is the program's folder among those of a user (XDG base directories).
func (s Streams) userFolder(variable, below string) (string, error) {
	if folder, ok := s.env(variable); ok && filepath.IsAbs(folder) {
		return filepath.Join(folder, "ipguard"), nil
	}
	home, ok := s.env("HOME")
	if !ok || home == "" {
		return "", incomplete("set "+variable+" to a folder that can be written", "neither %s nor HOME says where files of the user are kept", variable)
	}
	return filepath.Join(home, below, "ipguard"), nil
}

// central is what the server of a fleet file knows.
func (s Streams) central(file *fleet.File) (*workspace.Central, error) {
	if g := s.guess; g != nil && g.settled {
		return g.central, g.err
	}
	ctx := context.Background()
	q, maxAge, err := s.askPlan(ctx, file)
	if err != nil {
		return nil, err
	}
	if g := s.guess; g != nil && g.question == nil {
		if central := q.Guess(ctx); central != nil {
			g.question, g.maxAge = q, maxAge
			return central, nil
		}
	}
	central, stale, _, err := q.Settle(ctx, maxAge)
	return central, errors.Join(err, s.tellStale(stale))
}

// askPlan begins to ask for the plan. maxAge is how old what the server said before may
// be if it does not answer.
func (s Streams) askPlan(ctx context.Context, file *fleet.File) (q *serverclient.Question, maxAge time.Duration, err error) {
	client, err := s.client(ctx, file)
	if err != nil {
		return nil, 0, err
	}
	folder, err := s.userFolder("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return nil, 0, err
	}
	maxAge = serverclient.DefaultMaxAge
	if file.Server.MaxAge.Length > 0 {
		maxAge = file.Server.MaxAge.Length
	}
	cache := &serverclient.Cache{Folder: folder, Now: s.now}
	q, err = cache.Ask(ctx, client)
	return q, maxAge, err
}

func (s Streams) tellStale(stale *serverclient.Stale) error {
	if stale == nil || s.Stderr == nil {
		return nil
	}
	return printTo(s.Stderr, "ipguard: %s; what it said at %s is used, %s ago\n", stale.Why, stale.Since.Format(time.RFC3339), s.now().Sub(stale.Since).Round(time.Minute))
}

// guess is a run that works with what the server said last, while the server is asked
// whether it is still so.
type guess struct {
	question *serverclient.Question
	maxAge   time.Duration
	// settled says that central and err are the answer.
	settled bool
	central *workspace.Central
	err     error
}

// besideServer does what reads a fleet file and tells nobody of it yet, while the server of
// that file is asked whether anything is new. If so, it is done again with what is: work is
// called with the streams and the files that it has to use.
func (s Streams) besideServer(work func(Streams, *source.Files) error) error {
	g := &guess{}
	s.guess = g
	files := s.files()
	err := work(s, files)
	if g.question == nil { // no server, or nothing to guess by
		return err
	}
	central, stale, confirmed, askErr := g.question.Settle(context.Background(), g.maxAge)
	if confirmed && askErr == nil {
		return err
	}
	g.settled, g.central, g.err = true, central, errors.Join(askErr, s.tellStale(stale))
	return work(s, files.Anew())
}

// serverStore asks the fleet file's server. written is told how many events each change
// wrote, and notFree of addresses that the server gives to nobody, as the store's NotFree.
func (s Streams) serverStore(ctx context.Context, file *fleet.File, written func(int), notFree func(address netip.Prefix, why string) bool) (a asked, err error) {
	client, err := s.client(ctx, file)
	if err != nil {
		return a, err
	}
	a.store, a.url = &serverclient.Store{Client: client, Written: written, NotFree: func(r *serverclient.RefusedError) bool {
		return notFree != nil && notFree(r.NotFree, r.Detail)
	}}, client.URL
	a.who, a.scopes, err = client.Me(ctx)
	return a, err
}
