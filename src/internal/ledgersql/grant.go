package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// What a team asked for beyond its quota is booked only while it is approved: whoever takes
// the request back at the same moment, at whichever server, is the one of the two that comes
// second. So the transaction that writes the events makes the request a booked one.

// ErrNotApproved says that a request is not approved, or not any more: nothing was written.
var ErrNotApproved = errors.New("the request is not approved any more")

// Granting is the store for what an approved request asks for: an update that writes
// something makes it a booked one, and ends with ErrNotApproved if it is not approved then.
func (u *Under) Granting(request int64) *Under {
	return &Under{u.store, u.tag, request}
}

// mayGrant reports whether a request is approved; the transaction looks once more.
func (s *Store) mayGrant(ctx context.Context, request int64) error {
	if request == 0 {
		return nil
	}
	var state string
	err := s.database.SQL().QueryRowContext(ctx, `select state from request where id = $1`, request).Scan(&state)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("the request cannot be read: %w", err)
	}
	if state != "approved" {
		return ErrNotApproved
	}
	return nil
}
