// Command go-ipam has clients acquire addresses of one prefix from go-ipam, the peer of
// the server's bookings in scripts/bench. It prints how long that took, in nanoseconds, and
// how many calls failed. There is no HTTP in between: go-ipam runs within this program.
//
// PostgreSQL is found as its own programs find it, by PGHOST and PGUSER.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	goipam "github.com/metal-stack/go-ipam"
)

func main() {
	name := flag.String("database", "", "the database, which is there and empty")
	clients := flag.Int("clients", 1, "how many acquire at the same time")
	addresses := flag.Int("addresses", 1, "how many addresses they acquire in all")
	flag.Parse()
	took, failed, err := acquireAll(context.Background(), *name, *clients, *addresses)
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-ipam:", err)
		os.Exit(1)
	}
	fmt.Println(took.Nanoseconds(), failed)
}

// mostFailures is how many calls may fail for each address.
const mostFailures = 100

// acquireAll has each client acquire one address after the other until all have as many
// as are wanted. A call that fails is counted and made again.
func acquireAll(ctx context.Context, name string, clients, addresses int) (took time.Duration, failed int64, err error) {
	storage, err := goipam.NewPostgresStorage("", os.Getenv("PGPORT"), os.Getenv("PGUSER"), os.Getenv("PGPASSWORD"), name, goipam.SSLModeDisable)
	if err != nil {
		return 0, 0, err
	}
	ipam := goipam.NewWithStorage(storage)
	prefix, err := ipam.NewPrefix(ctx, "10.0.0.0/16")
	if err != nil {
		return 0, 0, err
	}
	var given sync.Map
	var left, errs atomic.Int64
	var twice atomic.Bool
	left.Store(int64(addresses))
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				for errs.Load() < int64(mostFailures*addresses) {
					ip, err := ipam.AcquireIP(ctx, prefix.Cidr)
					if err != nil {
						errs.Add(1)
						continue
					}
					if _, known := given.LoadOrStore(ip.IP, true); known {
						twice.Store(true)
					}
					break
				}
			}
		})
	}
	all.Wait()
	took = time.Since(start)
	switch {
	case twice.Load():
		return 0, 0, errors.New("an address was given twice")
	case errs.Load() >= int64(mostFailures*addresses):
		return 0, 0, fmt.Errorf("%d calls failed", errs.Load())
	}
	return took, errs.Load(), nil
}
