package watch

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// owners logs to whom the fleet's plan promises an address that has come into
// conflict. Reading a plan takes longer than the loop may stand still, so a
// goroutine of its own reads it, for one address after the other.
type owners struct {
	of    func(netip.Addr) ([]string, error)
	log   *slog.Logger
	queue chan place
}

// ownersQueue is how many addresses may wait. More are left out: their conflict
// itself is logged, and a fleet can be asked with ipguard who.
const ownersQueue = 16

func startOwners(ctx context.Context, of func(netip.Addr) ([]string, error), log *slog.Logger) *owners {
	o := &owners{of: of, log: log, queue: make(chan place, ownersQueue)}
	if of == nil {
		return o
	}
	go func() {
		for {
			select {
			case at := <-o.queue:
				o.look(at)
			case <-ctx.Done():
				return
			}
		}
	}()
	return o
}

// tell queues one address.
func (o *owners) tell(at place) {
	if o.of == nil {
		return
	}
	select {
	case o.queue <- at:
	default:
	}
}

func (o *owners) look(at place) {
	names, err := o.of(at.address)
	defer giveBack(o.log) // a plan is larger than all else here
	for _, name := range names {
		o.log.Warn("address promised", "address", at.address, "interface", at.device, "to", name)
	}
	if err != nil {
		o.log.Warn("owners of the address unknown", "address", at.address, "error", err.Error())
	}
}

// readPlan finds out which addresses move by the fleet's plan, while the watch goes
// on. What cannot be read is said; the addresses that are known stay.
func (d *daemon) readPlan() {
	if d.options.Planned == nil {
		return
	}
	go func() {
		addresses, err := d.options.Planned()
		if len(addresses) > 0 || err != nil {
			giveBack(d.log) // a plan is larger than all else here
		}
		d.do(func(time.Time) { d.plan(addresses, err) })
	}()
}

func (d *daemon) plan(addresses []netip.Addr, err error) {
	if err != nil {
		d.log.Warn("not all addresses that move by the plan are known", "error", err.Error())
	}
	if len(addresses) == 0 {
		return
	}
	d.planned = map[netip.Addr]bool{}
	for _, a := range addresses {
		d.planned[a] = true
	}
	d.log.Info("addresses that move are known from the plan", "addresses", len(addresses))
	d.refresh()
}
