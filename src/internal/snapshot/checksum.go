package snapshot

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
)

// checksum tells a text from nearly all others: from those that were cut off, put
// together from two by a version control, or damaged. It is no proof against
// forgery; who may write a snapshot may write its checksum.
type checksum struct {
	Bytes int `json:"bytes"`
	// CRC32C is the Castagnoli sum (RFC 3720, 12.1), in hexadecimal.
	CRC32C string `json:"crc32c"`
}

func sumOf(text []byte) checksum {
	sum := crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
	return checksum{Bytes: len(text), CRC32C: fmt.Sprintf("%08x", sum)}
}

// seal puts two checksums at the head's end: of what stands behind the head, and of
// the head with that one.
func seal(text []byte) []byte {
	key := []byte(`"` + firstBehind + `":`) // within a string its quotes are escaped
	at := bytes.Index(text, key)
	line := func(key string, sum checksum) []byte {
		return fmt.Appendf(nil, `"%s":{"bytes":%d,"crc32c":"%s"},`+"\n", key, sum.Bytes, sum.CRC32C)
	}
	head := slices.Concat(text[:at], line("rest", sumOf(text[at+len(key)-1:])))
	return slices.Concat(head, line(lastOfHead, sumOf(head)), text[at:])
}
