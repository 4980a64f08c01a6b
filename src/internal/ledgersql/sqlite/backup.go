package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Backup copies the database, as of one moment, to a file that is not there yet, while
// others work on it. The copy says of itself that it is one, and in its header that it has
// no write-ahead log: Open knows by that when one beside it is of another file.
func (d *Database) Backup(ctx context.Context, path string, now time.Time) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already, and no backup takes the place of a file: name another one", path)
	}
	if _, err := d.read.ExecContext(ctx, "vacuum into $1", path); err != nil {
		return err
	}
	copied, err := Open(ctx, path)
	if err != nil {
		return err
	}
	err = copied.BeCopy(ctx, now)
	if err == nil {
		_, err = copied.write.ExecContext(ctx, "pragma journal_mode=delete")
	}
	return errors.Join(err, copied.Close())
}

// BeCopy makes the database say of itself that it is a copy, unless it does so already.
func (d *Database) BeCopy(ctx context.Context, now time.Time) error {
	_, err := d.write.ExecContext(ctx, `update origin set copied = $1 where copied is null`, now.UnixMicro())
	return err
}
