package serve

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	messages *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ipguard_server_requests_total", Help: "Requests by method and status.",
		}, []string{"method", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ipguard_server_request_seconds", Help: "How long answers took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	m.messages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ipguard_server_webhook_deliveries_total", Help: "Attempts of this server to tell a webhook, by what became of them: delivered, failed, given_up.",
	}, []string{"webhook", "result"})
	m.registry.MustRegister(m.requests, m.seconds, m.messages, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// fences counts what is not given, each time somebody asks.
func (m *metrics) fences(store *ledgersql.Store) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ipguard_server_fences", Help: "Fences that keep pools from being given because the database lost events; -1: nobody knows.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		list, err := store.Fences(ctx)
		if err != nil {
			return -1
		}
		open := 0
		for i := range list {
			if list[i].Open() {
				open++
			}
		}
		return float64(open)
	}))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// methods are those that are counted by name; others could be anything.
var methods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "PATCH": true, "OPTIONS": true}

func (m *metrics) request(method string, status int, took time.Duration) {
	if !methods[method] {
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) told(webhook, result string) { m.messages.WithLabelValues(webhook, result).Inc() }

// countTime is how long a count of rows may take.
const countTime = 2 * time.Second

// watch adds what is counted in the database when somebody asks, so that all servers say
// the same. Where it cannot be counted it is no number (NaN).
func (m *metrics) watch(openConflicts, waitingMessages func(context.Context) (int, error)) {
	gauge := func(name, help string, count func(context.Context) (int, error)) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), countTime)
			defer cancel()
			n, err := count(ctx)
			if err != nil {
				return math.NaN()
			}
			return float64(n)
		}))
	}
	gauge("ipguard_server_conflicts_open", "Conflicts between directors that are not known to have ended.", openConflicts)
	gauge("ipguard_server_webhook_messages_waiting", "Messages to webhooks that are still to be delivered.", waitingMessages)
}
