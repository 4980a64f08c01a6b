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

// seal puts the checksum of what stands behind the head at the head's end.
func seal(text []byte) []byte {
	key := []byte(`"` + firstBehind + `":`) // within a string its quotes are escaped
	at := bytes.Index(text, key)
	sum := sumOf(text[at+len(key)-1:])
	return slices.Concat(text[:at], fmt.Appendf(nil, `"rest":{"bytes":%d,"crc32c":"%s"},`+"\n", sum.Bytes, sum.CRC32C), text[at:])
}
