//go:build !race

package bosh

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Every public file is read, as whatever it may be, without a panic and with
// places on all problems.
func TestReadersTakeAllPublicFiles(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, err := source.Parse(path, text)
		if len(text) == 0 && err != nil {
			return nil // four are empty, which Parse must say
		}
		if err != nil {
			t.Errorf("%v", err)
			return nil
		}
		files++
		_, p1, _ := ReadCloudConfigs([]source.Value{doc.Root()}, Options{})
		_, p2, _ := ReadManifest(doc.Root(), Options{})
		_, p3, _ := ReadManifest(doc.Root(), Options{Form: CreateEnv})
		for _, p := range append(append(p1, p2...), p3...) {
			if !p.At.IsValid() {
				t.Errorf("%s: problem without a place: %+v", path, p)
			}
		}
		switch {
		case strings.HasSuffix(path, "cloud-config.yml"):
			for _, p := range p1 {
				t.Logf("%s: %s %s %s", p.At, p.Rule, p.Class, p.Message)
			}
		case strings.HasSuffix(path, "cf-deployment.yml"), strings.HasSuffix(path, "bosh-deployment/bosh.yml"):
			for _, p := range p2 {
				t.Logf("%s: %s %s %s", p.At, p.Rule, p.Class, p.Message)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("read %d files only", files)
	}
	t.Logf("read %d files", files)
}
