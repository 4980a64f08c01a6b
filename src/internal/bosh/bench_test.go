//go:build !race

package bosh

import (
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Reading a manifest beside parsing its YAML into nodes.
func BenchmarkReadManifest(b *testing.B) {
	text, err := os.ReadFile(filepath.Join(sharedtest.Dir(b, "public"), "cf-deployment/cf-deployment.yml"))
	if err != nil {
		b.Fatal(err)
	}
	doc, err := source.Parse("cf-deployment.yml", text)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			var n yaml.Node
			if err := yaml.Unmarshal(text, &n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ReadManifest(doc.Root(), Options{Form: V2})
		}
	})
}
