package ledger_test

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
)

func TestMemoryConforms(t *testing.T) {
	ledgertest.Conform(t, func(*testing.T) ledger.Store { return &ledgertest.Memory{} }, 100_000)
}
