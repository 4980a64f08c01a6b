package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Restored is what became of the files.
type Restored struct {
	// Before is where the database is that was there; empty: there was none.
	Before  string
	Counted ledgersql.Counted
}

// Restore puts a copy of a database in the place of another one, which no server may work
// on meanwhile. The copy is checked first, and says of itself that it is one, so that the
// server which starts on it fences all pools; the sessions in it end then. What was there
// before is kept beside it.
func Restore(ctx context.Context, from, path string, now time.Time) (r Restored, err error) {
	lock, err := alone(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	fresh := path + ".restored"
	if err := errors.Join(removed(fresh), copyFile(from, fresh, path)); err != nil {
		return r, err
	}
	if r.Counted, err = prepared(ctx, fresh, now); err != nil {
		return r, errors.Join(fmt.Errorf("%s cannot be put back: %w", from, err), removed(fresh))
	}
	if err := sameServer(ctx, from, fresh, path); err != nil {
		return r, errors.Join(err, removed(fresh))
	}
	if _, err := os.Stat(path); err == nil {
		if r.Before, err = keptAs(path, now); err != nil {
			return r, err
		}
		for _, suffix := range []string{"-wal", "-shm", ""} { // its journal goes with it
			if err := os.Rename(path+suffix, r.Before+suffix); err != nil && !(suffix != "" && errors.Is(err, fs.ErrNotExist)) {
				return r, err
			}
		}
	}
	return r, os.Rename(fresh, path)
}

// sameServer refuses a copy of another server's database where that of this one has
// bookings. One that cannot be read may be why a copy is put back.
func sameServer(ctx context.Context, from, fresh, path string) error {
	copied, _, err := identity(ctx, fresh)
	if err != nil {
		return err
	}
	own, events, err := identity(ctx, path)
	if err != nil || events == 0 || own == copied {
		return nil
	}
	return fmt.Errorf("%s is of another server: its database is %s, and %s is %s, with %d events: if that is meant, move it away first", from, copied, path, own, events)
}

// identity is which database a file is, and how many events it has.
func identity(ctx context.Context, path string) (id string, events int64, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", 0, err
	}
	db, err := open(path, "deferred")
	if err != nil {
		return "", 0, err
	}
	err = db.QueryRowContext(ctx, `select id, (select count(*) from event) from origin`).Scan(&id, &events)
	return id, events, errors.Join(err, db.Close())
}

// keptAs is the name, which nothing has yet, by which what was there before is kept.
func keptAs(path string, now time.Time) (string, error) {
	first := path + ".before-" + now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		name := first
		if n > 1 {
			name = fmt.Sprintf("%s-%d", first, n)
		}
		switch _, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil
		case err != nil:
			return "", err
		}
	}
}

// alone makes sure that no server works on a database.
func alone(path string) (*os.File, error) {
	file, err := os.OpenFile(path+markSuffix, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("a server works on %s: stop it first", path), file.Close())
	}
	return file, sameOwner(file, path)
}

// prepared checks a copy, and marks it as one.
func prepared(ctx context.Context, path string, now time.Time) (c ledgersql.Counted, err error) {
	d, err := Open(ctx, path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, d.Close(), removed(path+"-wal"), removed(path+"-shm")) }()
	if c, err = ledgersql.Check(ctx, d); err != nil {
		return c, err
	}
	if err := d.BeCopy(ctx, now); err != nil {
		return c, err
	}
	_, err = d.write.ExecContext(ctx, `pragma wal_checkpoint(truncate)`)
	return c, err
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyFile copies a file, for the owner of like, and syncs it.
func copyFile(from, to, like string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return errors.Join(sameOwner(out, like), out.Sync())
}

// sameOwner gives a file to the owner of another one, or of its folder, where root puts a
// backup back for a server that runs as somebody else.
func sameOwner(file *os.File, path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}
