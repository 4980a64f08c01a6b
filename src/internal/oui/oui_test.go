//go:build !race

package oui

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ipguard/ipguard/src/internal/frame"
)

func TestVendor(t *testing.T) {
	list := filepath.Join(t.TempDir(), "oui.txt")
	text := "# a comment\n001B21\tIntel Corporate\n00005E\tIANA\n44D5F2     (base 16)\t\tIntel Elsewhere\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(t.TempDir(), "missing"), list}
	for mac, want := range map[string]string{
		"00:50:56:01:02:03": "VMware",
		"00:00:5e:00:01:07": "VRRP (IPv4)",
		"00:00:5e:11:01:07": "IANA",
		"02:42:ac:11:00:02": "Docker",
		"00:1b:21:00:00:01": "Intel Corporate",
		"44:d5:f2:00:00:01": "Intel Elsewhere",
		"46:d5:f2:00:00:01": "", // local: no manufacturer gave it
		"00:ff:ff:00:00:01": "",
	} {
		m, err := frame.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		if got := vendor(m, files); got != want {
			t.Errorf("%s: %q, want %q", mac, got, want)
		}
	}
}
