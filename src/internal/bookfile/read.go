package bookfile

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Bookings are all bookings of a fleet, as its files tell them.
type Bookings struct {
	// Pools are in the order of their folders.
	Pools []PoolBookings
	// Troubles are files that could not be read whole.
	Troubles []Trouble
}

// PoolBookings are the bookings of one pool.
type PoolBookings struct {
	Pool string
	// Moved says that they were made while the pool was in another segment than now, and
	// Segment which one that was; empty: it may have been any.
	Moved   bool
	Segment string
	// Records are sorted by the names of their files.
	Records []ledger.Record
}

// Trouble is a file that could not be read whole, and the pool that it is of. No pool:
// it may be of any.
type Trouble struct {
	Pool string
	// Range is the address that the file's name tells; invalid where it tells none.
	Range netip.Prefix
	trouble.Trouble
}

// Read reads the bookings in folder, the one of the fleet file; it need not have
// any. Of a file that cannot be read whole it is said, and nothing of it counts.
func Read(files *source.Files, folder string) *Bookings {
	b := &Bookings{}
	b.sparse(folder)
	folder = filepath.Join(folder, Folder)
	if info, err := os.Lstat(folder); err == nil && !info.IsDir() {
		b.fail("", place.Place{File: folder}, "a commit would go astray: make it a folder of the repository", "the bookings are no folder, or a link to one")
		return b
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return b
	}
	if err != nil {
		b.fail("", place.Place{File: folder}, "", "the bookings cannot be read: "+withoutPath(err).Error())
		return b
	}
	for _, e := range entries {
		pool, ok := poolOf(e.Name())
		switch at := (place.Place{File: filepath.Join(folder, e.Name())}); {
		case strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".md"):
		case !e.IsDir() || !ok:
			b.fail("", at, "there are folders of pools in "+folder+", and nothing else", "this is no folder of a pool's bookings")
		default:
			b.pool(files, filepath.Join(folder, e.Name()), pool)
		}
	}
	return b
}

func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func (b *Bookings) fail(pool string, at place.Place, hint, message string) {
	b.Troubles = append(b.Troubles, Trouble{Pool: pool, Trouble: trouble.Trouble{Message: message, At: at, Hint: hint}})
}

// pool reads the files of one pool, as many at a time as there are processors.
func (b *Bookings) pool(files *source.Files, folder, pool string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		b.fail(pool, place.Place{File: folder}, "", "the bookings cannot be read: "+withoutPath(err).Error())
	}
	type outcome struct {
		record  ledger.Record
		trouble error
	}
	results := make([]outcome, len(entries))
	sideBySide(len(entries), func(i int) { results[i].record, results[i].trouble = readFile(files, folder, entries[i]) })
	list := PoolBookings{Pool: pool}
	for _, r := range results {
		switch {
		case r.trouble != nil:
			b.Troubles = append(b.Troubles, Trouble{Pool: pool, Range: r.record.Range, Trouble: trouble.Of(r.trouble)})
		case r.record.Range.IsValid():
			list.Records = append(list.Records, r.record)
		}
	}
	b.Pools = append(b.Pools, list)
}

// sideBySide does something for 0 to n-1, as many at a time as there are processors.
func sideBySide(n int, do func(int)) {
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	group.Wait()
}

// readFile reads one file. With an error, the record has the range if that is known.
func readFile(files *source.Files, folder string, entry fs.DirEntry) (ledger.Record, error) {
	path := filepath.Join(folder, entry.Name())
	if strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), ".md") {
		return ledger.Record{}, nil
	}
	r, ok := rangeOf(entry.Name())
	if !ok || entry.IsDir() {
		return ledger.Record{}, &trouble.Trouble{
			At: place.Place{File: path}, Message: "this is no file of a booking",
			Hint: "a booking of 10.8.52.190 is 10.8.52.190.yml, one of 2001:db8::10 is 2001-db8--10.yml, and one of 10.8.52.16/28 is 10.8.52.16_28.yml",
		}
	}
	if !entry.Type().IsRegular() {
		return ledger.Record{Range: r, At: place.Place{File: path}}, &trouble.Trouble{
			At: place.Place{File: path}, Message: "this is no file but a link or a device", Hint: "take the file as the last good commit has it (git log)",
		}
	}
	content, err := files.Read(path)
	if err != nil {
		return ledger.Record{Range: r, At: place.Place{File: path}}, err
	}
	return parse(path, r, content)
}

// Find is the records of a pool.
func (b *Bookings) Find(pool string) []ledger.Record {
	i := slices.IndexFunc(b.Pools, func(p PoolBookings) bool { return p.Pool == pool })
	if i < 0 {
		return nil
	}
	return b.Pools[i].Records
}
