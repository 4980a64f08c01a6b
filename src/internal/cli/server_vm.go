//go:build vm

package cli

import (
	"context"
	"errors"
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// central refuses: the program of the VMs asks no server.
func (s Streams) central(*fleet.File) (*workspace.Central, error) {
	return nil, errors.New("this program, which is a VM's, asks no server, and the plan is not whole without it")
}

func (d *desk) request(context.Context, *bookFlags, where, ledger.Ask, report.Book) error {
	return errors.New("this program, which is a VM's, asks no server")
}

func (s Streams) serverStore(context.Context, *fleet.File, func(int), func(netip.Prefix, string) bool) (asked, error) {
	return asked{}, errors.New("this program, which is a VM's, asks no server")
}

// guess is of runs that ask a server.
type guess struct{ settled bool }

// besideServer does what reads a fleet file: there is no server to wait for.
func (s Streams) besideServer(work func(Streams, *source.Files) error) error {
	return work(s, s.files())
}
