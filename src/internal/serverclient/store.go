package serverclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

// Store is a ledger.Store whose records are on the server.
type Store struct {
	*Client
	// Written is called with how many entries were written.
	Written func(n int)
	// NotFree is told of an address that the server gives to nobody, by what it knows, and
	// says whether the change would come out otherwise now. It may be nil.
	NotFree func(refused *RefusedError) bool
}

// Records implements ledger.Store.
func (s *Store) Records(ctx context.Context, pool string) (*ledger.Records, error) {
	rs, _, err := s.records(ctx, pool)
	return rs, err
}

func (s *Store) records(ctx context.Context, pool string) (*ledger.Records, string, error) {
	a, err := s.ask(ctx, http.MethodGet, "/pools/"+url.PathEscape(pool)+"/records", nil)
	if err != nil {
		return nil, "", err
	}
	var answered protocol.Records
	if err := s.read(a, &answered); err != nil {
		return nil, "", err
	}
	if answered.Pool != pool || answered.Records == nil || a.etag == "" {
		return nil, "", s.foreign()
	}
	rs, err := recordsOf(answered)
	if err != nil {
		return nil, "", &UnreachableError{URL: s.URL, Err: err}
	}
	return rs, a.etag, nil
}

func listOf(answered protocol.Records) ([]ledger.Record, error) {
	list := make([]ledger.Record, len(answered.Records))
	for i, r := range answered.Records {
		var err error
		if list[i], err = r.Ledger(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func recordsOf(answered protocol.Records) (*ledger.Records, error) {
	list, err := listOf(answered)
	if err != nil {
		return nil, err
	}
	return ledger.NewRecords(list)
}

// mostTries is how often a change is computed again because somebody else was faster.
const mostTries = 60

// Update implements ledger.Store: the server takes the entries only if nobody else
// changed the pool since the records that they were computed on.
// Where the answer gets lost, nothing is known: who asks again for the same owner gets
// the same addresses.
func (s *Store) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	for try := range mostTries {
		rs, etag, err := s.records(ctx, pool)
		if err != nil {
			return err
		}
		entries, err := change(rs)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := rs.Clone().Add(entries); err != nil {
			return err
		}
		written := entriesOf(entries)
		after, err := s.write(ctx, pool, etag, written)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Status != http.StatusPreconditionFailed {
			if refused != nil && refused.NotFree.IsValid() && s.NotFree != nil && s.NotFree(refused) {
				continue
			}
			if err != nil {
				return err
			}
			if s.Written != nil {
				s.Written(len(entries))
			}
			return s.sawHead(pool, after, written.Entries)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(min(time.Second, 5*time.Millisecond<<min(try, 10)))):
		}
	}
	return fmt.Errorf("others booked of pool %s all the time: nothing was written", pool)
}

func entriesOf(entries []ledger.Entry) (body protocol.Entries) {
	for _, e := range entries {
		body.Entries = append(body.Entries, protocol.Entry{Address: ledger.RangeText(e.Range), Event: protocol.EventOf(e.Event)})
	}
	return body
}

// write returns the ETag of the records with the entries.
func (s *Store) write(ctx context.Context, pool, etag string, entries protocol.Entries) (string, error) {
	text, err := json.Marshal(entries)
	if err != nil {
		return "", err
	}
	a, err := s.ask(ctx, http.MethodPost, "/pools/"+url.PathEscape(pool)+"/entries", text, "If-Match", etag)
	if err != nil {
		return "", err
	}
	var answered struct{ Written int }
	if err := s.read(a, &answered); err == nil && answered.Written == len(entries.Entries) {
		return a.etag, nil
	}
	return "", s.foreign()
}

var _ ledger.Store = (*Store)(nil)
