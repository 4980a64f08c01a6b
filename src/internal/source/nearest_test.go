package source

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"web.yml", "promo/pgpool.yml", "ops/a.yaml", "empty/x"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("a: 1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove("empty/x"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"wbe.yml":             "no such file: did you mean web.yml?",
		"web.yaml":            "no such file: did you mean web.yml?",
		"web":                 "no such file: did you mean web.yml?",
		"./wbe.yml":           "no such file: did you mean web.yml?",
		"pormo/pgpool.yml":    "no such file: did you mean promo/pgpool.yml?",
		"pormo/pgpol.yml":     "no such file: did you mean promo/pgpool.yml?",
		"promo/pgpol.yml":     "no such file: did you mean promo/pgpool.yml?",
		"ops/a.yml":           "no such file: did you mean ops/a.yaml?",
		"empty/x.yml":         "no such file",
		"nowhere/at/all.yml":  "no such file",
		"/nowhere/at/all.yml": "no such file",
		"..":                  "no such file",
	} {
		if got := Missing(path); got != want {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
}
