package survey

import (
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
)

// PoolOf is a pool of the fleet file as the ledger knows it.
func PoolOf(p *fleet.Pool) *ledger.Pool {
	return &ledger.Pool{
		Name: p.Key(), Teams: p.AllTeams(), Delegation: DelegationOf(p), Quota: p.Quota.Number, Until: p.Until.Length,
		Quarantine: p.Quarantine.Length, Spread: p.Strategy.Value == fleet.StrategySpread, Block: p.Block.Number, At: p.At,
	}
}
