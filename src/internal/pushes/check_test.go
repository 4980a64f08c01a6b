//go:build !race

package pushes_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// TestCheck damages pushes in each way that a disk or a hand has: each is named with its
// director, and what is whole is not.
func TestCheck(t *testing.T) {
	for _, damage := range []string{
		"", "update push set snapshot = x'00' where version = 2", "update push set digest = '00' where version = 2",
		"update push set snapshot = (select snapshot from push where version = 1) where version = 2", "delete from push where version = 2", "delete from push",
	} {
		t.Run(damage, func(t *testing.T) {
			d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
			for _, version := range []string{"1", "2"} {
				s := snapshot.Snapshot{Head: snapshot.Head{Collected: time.Now().Truncate(time.Second), Director: snapshot.Identity{Name: "a", Version: version}}}
				if _, _, err := store.Add(t.Context(), "a", s.Encode(), "test"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := d.Write().Exec("insert into recorded (record, director, version, digest, at) values ('claims', 'a', 2, '', 0)"); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Write().Exec(damage); err != nil {
				t.Fatal(err)
			}
			n, err := store.Check(t.Context())
			if damage == "" {
				if n != 2 || err != nil {
					t.Errorf("%d pushes, %v", n, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "push 2 of director a") || !strings.Contains(err.Error(), "ipguard-server restore") {
				t.Errorf("%d pushes, %v", n, err)
			}
		})
	}
}

// TestDamagedHeals: what is pushed takes the place of a damaged push, the same to the byte as
// well. What the server asks does not: what stood beside it may be lost.
func TestDamagedHeals(t *testing.T) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
	s := snapshot.Snapshot{Head: snapshot.Head{Collected: time.Now().Truncate(time.Second), Director: snapshot.Identity{Name: "a", UUID: "u"}}}
	add := func(by string) (int64, bool, error) {
		p, fresh, err := store.Add(t.Context(), "a", s.Encode(), by)
		return p.Version, fresh, err
	}
	if version, fresh, err := add("team"); version != 1 || !fresh || err != nil {
		t.Fatal(version, fresh, err)
	}
	if version, fresh, err := add("team"); version != 1 || fresh || err != nil {
		t.Fatal("the same again:", version, fresh, err)
	}
	for version := int64(2); version < 4; version++ {
		if _, err := d.Write().Exec("update push set snapshot = x'00'"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := add(pushes.Server); !errors.As(err, new(*pushes.RefusedError)) || !strings.Contains(err.Error(), "retires") {
			t.Errorf("the server's own: %v", err)
		}
		if got, fresh, err := add("team"); got != version || !fresh || err != nil {
			t.Errorf("a team's: version %d, %t, %v", got, fresh, err)
		}
		if text, err := store.Text(t.Context(), "a", version); err != nil || !strings.Contains(string(text), `"uuid": "u"`) && !strings.Contains(string(text), `"uuid":"u"`) {
			t.Errorf("%s %v", text, err)
		}
		s.Collected = s.Collected.Add(time.Second) // another digest, and the same otherwise
	}
}
