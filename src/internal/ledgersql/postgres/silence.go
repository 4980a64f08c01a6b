package postgres

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// How long PostgreSQL may take to be reached, and how long it may say nothing while an
// answer is due. Whoever is cut off from it would wait for hours otherwise: the kernel
// gives a connection up late, and one through a proxy never.
const (
	connectTime = 5 * time.Second
	silenceTime = 10 * time.Second
)

// impatient ends each read and write of a connection that takes longer than silenceTime.
type impatient struct {
	net.Conn
	mu sync.Mutex
	// read and write are the deadlines that were set from outside; zero: none.
	read, write time.Time
}

func dialing(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{Conn: conn}, nil
	}
}

// soonest is a deadline from outside, or silenceTime from now.
func soonest(set time.Time) time.Time {
	if t := time.Now().Add(silenceTime); set.IsZero() || t.Before(set) {
		return t
	}
	return set
}

// Read implements net.Conn.
func (c *impatient) Read(p []byte) (int, error) {
	c.mu.Lock()
	err := c.Conn.SetReadDeadline(soonest(c.read))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *impatient) Write(p []byte) (int, error) {
	c.mu.Lock()
	err := c.Conn.SetWriteDeadline(soonest(c.write))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline implements net.Conn.
func (c *impatient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *impatient) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *impatient) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}
