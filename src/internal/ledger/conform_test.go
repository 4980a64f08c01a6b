//go:build !race

package ledger_test

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

func TestMemoryConforms(t *testing.T) {
	operations := 100_000
	if sharedtest.Short() {
		operations = 10_000
	}
	ledgertest.Conform(t, func(*testing.T) ledger.Store { return &ledgertest.Memory{} }, operations)
}
