package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// markSuffix is of the file beside a database that has its mark.
const markSuffix = ".mark"

// mark is how many events the database had, in a file beside it. It is written after each
// commit and before the answer, without a sync: after a power cut it is too low at most.
// So a database with fewer events than that was put back from an older copy.
type mark struct {
	path   string
	mu     sync.Mutex
	file   *os.File
	events int64
}

// add counts events that were committed. An error is none of theirs: the mark is only
// weaker then.
func (m *mark) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		m.events += int64(n)
		_ = m.write()
	}
}

// write overwrites the number, which has always as many digits.
func (m *mark) write() error {
	_, err := m.file.WriteAt(fmt.Appendf(nil, "%020d\n", m.events), 0)
	return err
}

// read is what stands in the file; 0 if there is no number.
func (m *mark) read() (int64, error) {
	text, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s, which tells how many events the database had, cannot be read: %w", m.path, err)
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // a power cut left nothing of it
	return n, nil
}

// begin counts from a number on, and tells others that somebody works on the database.
func (m *mark) begin(events int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		file, err := os.OpenFile(m.path, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
			return errors.Join(fmt.Errorf("%s: a backup is put back just now", m.path), file.Close())
		}
		m.file = file
	}
	m.events = events
	return m.write()
}

func (m *mark) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}

// Copied implements ledgersql.Database: the file is a backup, or has fewer events than
// were written.
func (d *Database) Copied(ctx context.Context, tx *sql.Tx) (string, error) {
	var copied sql.NullInt64
	var events int64
	err := tx.QueryRowContext(ctx, `select (select max(copied) from origin), (select count(*) from event)`).Scan(&copied, &events)
	if err != nil {
		return "", err
	}
	marked, err := d.mark.read()
	switch {
	case err != nil:
		return "", err
	case copied.Valid:
		return "the database is a backup of " + time.UnixMicro(copied.Int64).UTC().Format(time.RFC3339) + " that was put back", nil
	case events < marked:
		return fmt.Sprintf("the database has %d events, and had %d: an older file was put in its place", events, marked), nil
	}
	return "", nil
}

// Adopt implements ledgersql.Database.
func (d *Database) Adopt(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `update origin set copied = null`)
	return err
}

// Begin implements ledgersql.Database: from now on the mark is kept.
func (d *Database) Begin(ctx context.Context) error {
	var events int64
	if err := d.read.QueryRowContext(ctx, `select count(*) from event`).Scan(&events); err != nil {
		return err
	}
	return d.mark.begin(events)
}
