//go:build linux

package wirelab

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Heartbeat is a TCP connection from one host to another that sends a byte every
// beat and wants it back, as an agent does with its director.
type Heartbeat struct {
	mutex sync.Mutex
	conn  net.Conn
	stall time.Duration
	worst time.Duration
	last  time.Time
	stop  chan struct{}
	done  chan struct{}
}

const (
	beat      = 50 * time.Millisecond
	tolerated = 200 * time.Millisecond // a gap beyond this is a stall
)

// StartHeartbeat connects from to the address of the peer.
func StartHeartbeat(from, to *Host, address netip.AddrPort) (*Heartbeat, error) {
	var listener net.Listener
	err := to.Do(func() (err error) {
		listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address))
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		defer listener.Close()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for b := make([]byte, 1); ; {
			if _, err := conn.Read(b); err != nil {
				return
			}
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	}()
	h := &Heartbeat{stop: make(chan struct{}), done: make(chan struct{}), last: time.Now()}
	err = from.Do(func() (err error) {
		h.conn, err = net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(address))
		return err
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go h.send()
	go h.receive()
	return h, nil
}

func (h *Heartbeat) send() {
	for tick := time.NewTicker(beat); ; {
		select {
		case <-h.stop:
			tick.Stop()
			return
		case <-tick.C:
			if _, err := h.conn.Write([]byte{1}); err != nil {
				return // the silence that follows counts
			}
		}
	}
}

func (h *Heartbeat) receive() {
	defer close(h.done)
	for b := make([]byte, 64); ; {
		if _, err := h.conn.Read(b); err != nil {
			return
		}
		h.note(time.Now())
	}
}

// note notes that a byte came back.
func (h *Heartbeat) note(now time.Time) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	gap := now.Sub(h.last)
	h.last = now
	h.worst = max(h.worst, gap)
	if gap > tolerated {
		h.stall += gap - beat
	}
}

// Reset forgets what was measured so far.
func (h *Heartbeat) Reset() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.stall, h.worst, h.last = 0, 0, time.Now()
}

// Stop ends the connection and returns for how long nothing came back, and the
// longest gap.
func (h *Heartbeat) Stop() (stall, worst time.Duration) {
	h.note(time.Now())
	close(h.stop)
	h.conn.Close()
	<-h.done
	return h.stall, h.worst
}
