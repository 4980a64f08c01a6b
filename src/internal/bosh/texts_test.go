//go:build !race

package bosh

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
)

func parseText(t testing.TB, name, text string) *source.Document {
	t.Helper()
	doc, err := source.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
