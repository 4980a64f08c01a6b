//go:build !race

package snapshot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHead reads the head of a file without what stands behind it.
func TestHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "promo.json")
	if _, err := ReadHead(path); err == nil || !strings.HasSuffix(err.Error(), "promo.json: no such file") {
		t.Errorf("error %v", err)
	}
	s := example(t)
	// What hides behind variables covers nobody knows what.
	s.CloudConfigs, s.RuntimeConfigs, s.Deployments[0].Manifest = s.CloudConfigs[1:2], nil, Content{}
	if _, err := s.Write(path, 0); err != nil {
		t.Fatal(err)
	}
	head, err := ReadHead(path)
	if err != nil || !head.Sealed || head.Covers == nil || head.Deployed != 2 || !head.Collected.Equal(s.Collected) {
		t.Errorf("error %v, head %+v", err, head)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if head, err = readHead("x", []byte(unsealed(t, data))); err != nil || head.Sealed {
		t.Errorf("without a checksum: error %v, head %+v", err, head)
	}
}

// TestDamage cuts a snapshot off at every place, and changes every byte of it: none of
// these has a head that says that the rest need not be read.
func TestDamage(t *testing.T) {
	data := example(t).Encode()
	if _, err := readHead("x", data); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		if head, err := readHead("x", data[:i]); err == nil && head.Sealed {
			t.Errorf("cut off behind %s", data[max(0, i-20):i])
		}
	}
	for i := range data {
		bits := []byte{1, 2, 4}
		if i > 1000 { // far behind the head
			bits = bits[:1]
		}
		for _, bit := range bits {
			changed := bytes.Clone(data)
			changed[i] ^= bit
			if head, err := readHead("x", changed); err == nil && head.Sealed {
				t.Errorf("changed at %s", data[i:min(i+20, len(data))])
			}
		}
	}
	for _, put := range []string{`"covers":[],`, `"deployed":1,`, `"collected":"2030-01-01T00:00:00Z",`} {
		for _, before := range []string{`"rest":`, `"head":`, `"cloud_configs":`} {
			changed := bytes.Replace(data, []byte(before), []byte(put+before), 1)
			if head, err := readHead("x", changed); err == nil && head.Sealed {
				t.Errorf("%s put before %s", put, before)
			}
		}
	}
	older := unsealedHead(data)
	if head, err := readHead("x", older); err != nil || head.Sealed || head.Deployed != 2 {
		t.Errorf("without the head's checksum: error %v, head %+v", err, head)
	}
	for _, more := range []string{"\n", "{}", string(data)} {
		if _, err := readHead("x", append(bytes.Clone(data), more...)); err == nil {
			t.Errorf("%q stands behind its end", more)
		}
	}
	other := example(t)
	other.Deployments = other.Deployments[:1]
	head, _, _ := bytes.Cut(data, []byte(`"cloud_configs"`))
	_, rest, _ := bytes.Cut(other.Encode(), []byte(`"cloud_configs"`))
	if _, err := readHead("x", append(append(bytes.Clone(head), `"cloud_configs"`...), rest...)); err == nil {
		t.Error("the head of one snapshot stands before the rest of another one")
	}
}

// unsealedHead is a snapshot as it was written before its head had a checksum.
func unsealedHead(data []byte) []byte {
	at := bytes.Index(data, []byte(`"head":`))
	end := bytes.Index(data, []byte(`"cloud_configs"`))
	return append(bytes.Clone(data[:at]), data[end:]...)
}
