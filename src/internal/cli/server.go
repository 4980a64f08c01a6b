//go:build !vm

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/serverclient"
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
		return "", fmt.Errorf("neither %s nor HOME says where files of the user are kept", variable)
	}
	return filepath.Join(home, below, "ipguard"), nil
}

// central is what the server of a fleet file knows.
func (s Streams) central(file *fleet.File) (*workspace.Central, error) {
	client, err := s.client(context.Background(), file)
	if err != nil {
		return nil, err
	}
	folder, err := s.userFolder("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return nil, err
	}
	maxAge := serverclient.DefaultMaxAge
	if file.Server.MaxAge.Length > 0 {
		maxAge = file.Server.MaxAge.Length
	}
	cache := serverclient.Cache{Folder: folder, Now: s.now}
	central, stale, err := cache.Plan(context.Background(), client, maxAge)
	if err == nil && stale != nil && s.Stderr != nil {
		err = printTo(s.Stderr, "ipguard: %s; what it said at %s is used, %s ago\n", stale.Why, stale.Since.Format(time.RFC3339), s.now().Sub(stale.Since).Round(time.Minute))
	}
	return central, err
}

// serverStore is the store of the fleet file's server, and who asks it. written is told
// how many events each change wrote.
func (s Streams) serverStore(ctx context.Context, file *fleet.File, written func(int)) (store ledger.Store, url, who string, err error) {
	client, err := s.client(ctx, file)
	if err != nil {
		return nil, "", "", err
	}
	who, _, err = client.Me(ctx)
	return &serverclient.Store{Client: client, Written: written}, client.URL, who, err
}
