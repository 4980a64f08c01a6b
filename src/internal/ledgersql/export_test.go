package ledgersql

import (
	"context"
	"database/sql"
)

// Versions are those of all migrations, the oldest first.
func Versions(db *sql.DB, dialect Dialect) ([]int64, error) {
	provider, err := newProvider(db, dialect)
	if err != nil {
		return nil, err
	}
	var list []int64
	for _, s := range provider.ListSources() {
		list = append(list, s.Version)
	}
	return list, nil
}

// MigrateTo makes the tables as a server of that version did.
func MigrateTo(ctx context.Context, db *sql.DB, dialect Dialect, version int64) error {
	provider, err := newProvider(db, dialect)
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// Digest is of what the event says.
func (e *Event) Digest() string { return e.digest() }
