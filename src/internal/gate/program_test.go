//go:build !race

package gate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFind looks for bosh in folders that have all kinds of it.
func TestFind(t *testing.T) {
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	make := func(folder, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(root, folder, "bosh")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	make("script", "#!/bin/sh\nexec ipguard bosh \"$@\"\n", 0o700)
	make("real", "#!/bin/sh\nexit 0\n", 0o700)
	make("binary", "\x7fELF ipguard", 0o700)
	make("text", "#!/bin/sh\n", 0o600)
	make("folder/bosh", "", 0o600)
	if err := os.Mkdir(filepath.Join(root, "link"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(root, "link", "bosh")); err != nil {
		t.Fatal(err)
	}
	// One script has led back here; what another one says of ipguard proves nothing.
	earlier := Earlier{Scripts: []string{filepath.Join(root, "script", "bosh")}}
	make("wrapper", "#!/bin/sh\n# not ipguard bosh\nexec /opt/bosh \"$@\"\n", 0o700)
	for search, want := range map[string]string{
		"real": "real", "wrapper real": "wrapper", "script wrapper": "wrapper", "script real": "real", "link real": "real", "text real": "real", "folder real": "real",
		"missing real": "real", "binary real": "binary", "real binary": "real", "script link text": "", "": "",
	} {
		var folders []string
		for _, folder := range strings.Fields(search) {
			folders = append(folders, filepath.Join(root, folder))
		}
		found, passed := Find("", strings.Join(folders, string(filepath.ListSeparator)), earlier)
		got := ""
		if found != nil {
			got = filepath.Base(filepath.Dir(found.Path))
		}
		if got != want || found != nil && found.Name != "bosh" {
			t.Errorf("%s: found %+v, want %s", search, found, want)
		}
		if ours := strings.Contains(search, "script") || strings.Contains(search, "link"); ours != (len(passed) > 0) {
			t.Errorf("%s: passed over %q", search, passed)
		}
	}
	named := filepath.Join(root, "binary", "bosh")
	if found, _ := Find(named, filepath.Join(root, "real"), Earlier{}); found == nil || found.Path != named || found.Name != named {
		t.Errorf("named: %+v", found)
	}
	if found, passed := Find(self, filepath.Join(root, "real"), Earlier{}); found != nil || !slices.Contains(passed, self) {
		t.Errorf("named this program: %+v", found)
	}
}
