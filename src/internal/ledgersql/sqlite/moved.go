package sqlite

import (
	"errors"
	"fmt"
	"os"

	"github.com/ncruces/go-sqlite3"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Replaced implements ledgersql.Database: another file is in the place of the one that was
// opened, or was copied over it.
func (d *Database) Replaced() error {
	if now, err := os.Stat(d.path); err != nil || !os.SameFile(d.opened, now) || d.overwritten() {
		return ledgersql.ErrReplaced
	}
	return nil
}

// overwritten reports whether a backup, or nothing, was copied over the file: this one has a
// log, as its header said from when it was opened.
func (d *Database) overwritten() bool {
	header, err := headerOf(d.file)
	return err != nil || !header.logs()
}

// longLog is how many pages a log has when it is written into the file: SQLite's own number.
const longLog = 1000

// watched has SQLite itself ask whether the file is where it was, at every commit, whoever
// wrote what. Before it, so that nothing is written; and after it, whether what was written
// is where the next one looks.
func (d *Database) watched(c *sqlite3.Conn) error {
	c.CommitHook(func() bool { return d.opened == nil || d.Replaced() == nil })
	c.WALHook(func(c *sqlite3.Conn, schema string, pages int) error {
		if d.opened != nil && d.Replaced() != nil {
			return sqlite3.READONLY_DBMOVED
		}
		if pages >= longLog { // as SQLite does where nobody else is called
			_, _, _ = c.WALCheckpoint(schema, sqlite3.CHECKPOINT_PASSIVE) // the next one tries again
		}
		return nil
	})
	return nil
}

// moved is the error of a commit that watched refused.
func moved(err error) error {
	if errors.Is(err, sqlite3.CONSTRAINT_COMMITHOOK) || errors.Is(err, sqlite3.READONLY_DBMOVED) {
		return fmt.Errorf("%w: %w", ledgersql.ErrReplaced, err)
	}
	return err
}
