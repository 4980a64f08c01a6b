// Package bookfile keeps bookings in a git repository, beside the fleet file: a
// folder for each pool, and in it a file for each address that was ever booked.
//
//	bookings/POOL/10.8.52.190.yml
//
// One file an address: two bookings of one address are a conflict for git, and all
// others merge. The file is the address's history, a list of events of which the
// last ones count; events are added at its end, and no byte before them is touched
// (event.go). Read reads the folder as files, as lint does; Store is a ledger.Store
// on the commits (store.go):
//
//	lock ─▶ fetch, fast-forward ─▶ records of HEAD ─▶ change ─▶ a commit that
//	nothing points to yet ─▶ push, which is the compare-and-swap ─▶ fast-forward
//
// Nothing is written into the checkout before the commit is there, so that a kill
// leaves all of a booking or nothing of it. git is run as a program, with the
// user's configuration, credentials and hooks.
package bookfile

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Folder is the folder of bookings, beside the fleet file.
const Folder = "bookings"

// extension is that of every booking's file.
const extension = ".yml"

// FolderOf is the name of a pool's folder: the pool's own, but for what file
// systems disagree about, which stands as %XX.
func FolderOf(pool string) string {
	var text strings.Builder
	for i, b := range []byte(pool) {
		plain := b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b == '-' || b == '_' || b == '.' && i > 0
		if plain {
			text.WriteByte(b)
		} else {
			fmt.Fprintf(&text, "%%%02X", b)
		}
	}
	return text.String()
}

// poolOf is the pool that a folder is of.
func poolOf(folder string) (string, bool) {
	var pool []byte
	for i := 0; i < len(folder); i++ {
		if folder[i] != '%' {
			pool = append(pool, folder[i])
			continue
		}
		if i+3 > len(folder) {
			return "", false
		}
		n, err := strconv.ParseUint(folder[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		pool = append(pool, byte(n))
		i += 2
	}
	return string(pool), FolderOf(string(pool)) == folder
}

// NameOf is the name of an address's file. Not all file systems take the colons of
// IPv6, so that they stand as "-"; a block has its length behind "_".
func NameOf(r netip.Prefix) string {
	name := strings.ReplaceAll(r.Addr().String(), ":", "-")
	if !r.IsSingleIP() {
		name += "_" + strconv.Itoa(r.Bits())
	}
	return name + extension
}

// rangeOf is the address or block that a file's name tells.
func rangeOf(name string) (netip.Prefix, bool) {
	text, ok := strings.CutSuffix(name, extension)
	if !ok {
		return netip.Prefix{}, false
	}
	text, bits, isBlock := strings.Cut(text, "_")
	a, err := netip.ParseAddr(strings.ReplaceAll(text, "-", ":"))
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Prefix{}, false
	}
	r := netip.PrefixFrom(a, a.BitLen())
	if isBlock {
		n, err := strconv.Atoi(bits)
		if err != nil {
			return netip.Prefix{}, false
		}
		r = netip.PrefixFrom(a, n)
	}
	return r, r.IsValid() && r == r.Masked() && NameOf(r) == name
}

// PathOf is where an address of a pool is kept, relative to the fleet file's folder,
// with slashes.
func PathOf(pool string, r netip.Prefix) string {
	return path.Join(Folder, FolderOf(pool), NameOf(r))
}

// IsBooking reports whether a path, relative to the fleet file's folder and with
// slashes, is that of a booking.
func IsBooking(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || parts[0] != Folder {
		return false
	}
	_, isPool := poolOf(parts[1])
	_, isRange := rangeOf(parts[2])
	return isPool && isRange
}

var _ ledger.Store = (*Store)(nil)
