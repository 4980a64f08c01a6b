package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// serving is the state of /metrics and /healthz.
type serving struct {
	wanted   bool // somewhere, but nothing listens yet
	failures int  // of tries to listen
}

// checkListen refuses an address that nothing can ever listen on.
func checkListen(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// serve answers /metrics and /healthz from now on. Where another has the port the
// watch goes on without, which is what it is there for, and tries again.
func (d *daemon) serve() net.Addr {
	if d.options.Listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", d.options.Listen)
	if err != nil {
		if d.serving.failures == 0 {
			d.log.Error("metrics are not served; watching without them, and trying again", "address", d.options.Listen, "error", err.Error())
		}
		d.serving.failures++
		d.serving.wanted = true
		return nil
	}
	d.serving.wanted = false
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.do(func(time.Time) {
				d.log.Error("metrics are not served any more; trying again", "error", err.Error())
				d.serving.wanted = true
			})
		}
	}()
	context.AfterFunc(d.ctx, func() { server.Close() })
	return listener.Addr()
}

// serveLate tries again to serve what could not be served before.
func (d *daemon) serveLate() {
	if !d.serving.wanted {
		return
	}
	if at := d.serve(); at != nil {
		d.log.Info("metrics", "address", at.String(), "failures_before", d.serving.failures)
	}
}

func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		var text bytes.Buffer
		if d.within(r.Context(), func(now time.Time) { d.writeMetrics(&text, now) }) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			w.Write(text.Bytes())
		}
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		var reasons []string
		if !d.within(r.Context(), func(now time.Time) { reasons = d.unhealthy(now) }) {
			return
		}
		if len(reasons) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "degraded: "+strings.Join(reasons, "; ")+"\n")
			return
		}
		io.WriteString(w, "ok\n")
	})
	return mux
}

// within has the loop run f and waits for it, unless the caller has gone.
func (d *daemon) within(ctx context.Context, f func(time.Time)) bool {
	done := make(chan struct{})
	d.do(func(now time.Time) {
		f(now)
		close(done)
	})
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-d.ctx.Done():
	}
	return false
}
