package chronicle

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// question is a statement's parameters as it is put together.
type question struct{ values []any }

// value is the name of one more parameter. Parameters have types in PostgreSQL, which
// the column beside them gives.
func (q *question) value(v any) string {
	q.values = append(q.values, v)
	return "$" + strconv.Itoa(len(q.values))
}

// where is true of rows whose block has an address of asked. A block of that kind
// contains asked, and is found by its first address and length, or lies within it.
func (q *question) where(asked netip.Prefix) string {
	var around strings.Builder
	for bits := asked.Bits(); bits >= 0; bits-- {
		address, length := ledgersql.Columns(netip.PrefixFrom(asked.Addr(), bits).Masked())
		if around.Len() > 0 {
			around.WriteString(" or ")
		}
		around.WriteString("address = " + q.value(address) + " and length = " + q.value(length))
	}
	if asked.IsSingleIP() {
		return "(" + around.String() + ")"
	}
	first, length := ledgersql.Columns(asked)
	last := lastOf(asked).As16()
	return "(" + around.String() + " or address >= " + q.value(first) + " and address <= " + q.value(last[:]) + " and length > " + q.value(length) + ")"
}

// lastOf is the last address of a block.
func lastOf(block netip.Prefix) netip.Addr {
	bytes := block.Addr().AsSlice()
	for bit := block.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// cursor is where a list goes on.
type cursor struct {
	since    int64
	address  []byte
	length   int
	claimant int64
}

func cursorOf(l *Line) string {
	address, length := ledgersql.Columns(l.Block)
	return strings.Join([]string{strconv.FormatInt(l.Since.UnixMicro(), 10), hex.EncodeToString(address), strconv.Itoa(length), strconv.FormatInt(l.claimant, 10)}, ".")
}

// readCursor is nil for an empty text, which is the beginning.
func readCursor(text string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return nil, ErrNoCursor
	}
	var c cursor
	var wrong [4]error
	c.since, wrong[0] = strconv.ParseInt(parts[0], 10, 64)
	c.address, wrong[1] = hex.DecodeString(parts[1])
	c.length, wrong[2] = strconv.Atoi(parts[2])
	c.claimant, wrong[3] = strconv.ParseInt(parts[3], 10, 64)
	if wrong != [4]error{} || len(c.address) != 16 || c.length < 0 || c.length > 128 {
		return nil, ErrNoCursor
	}
	return &c, nil
}
