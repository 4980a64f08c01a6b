//go:build !race

package pushes_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// TestNewestVersionsReadsNoSnapshot asks SQLite how it would find the newest versions, which
// are read with each page and each question: in indexes alone. The rows have the snapshots,
// of a megabyte each.
func TestNewestVersionsReadsNoSnapshot(t *testing.T) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	rows, err := d.SQL().QueryContext(t.Context(), "explain query plan "+pushes.NewestVersions)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	searches := 0
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(step, "SEARCH ") {
			continue
		}
		if searches++; !strings.Contains(step, " USING COVERING INDEX ") {
			t.Errorf("the rows of the table are read: %s", step)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if searches == 0 {
		t.Error("nothing is searched")
	}
}
