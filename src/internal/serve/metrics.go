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

	"github.com/ipguard/ipguard/src/internal/collector"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	messages *prometheus.CounterVec
	collects *prometheus.CounterVec
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
	m.collects = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ipguard_server_collects_total", Help: "Times that this server asked a director, by what became of it: answered, failed, refused.",
	}, []string{"director", "result"})
	m.registry.MustRegister(m.requests, m.seconds, m.messages, m.collects, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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

// writable tells whether something can be written, each time somebody asks.
func (m *metrics) writable(database ledgersql.Database) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ipguard_server_writable", Help: "1 if the database takes what is written, as far as can be known; 0: it is full, lets nobody write, or does not answer.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), countTime)
		defer cancel()
		if database.Writable(ctx) != nil {
			return 0
		}
		return 1
	}))
}

// whole tells whether the plan is known as a whole, so that something can be given.
func (m *metrics) whole(is func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ipguard_server_plan_whole", Help: "1 if the plan could be read as a whole, else 0: nothing is given then.",
	}, func() float64 {
		if is() {
			return 1
		}
		return 0
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

func (m *metrics) collected(director, result string) {
	m.collects.WithLabelValues(director, result).Inc()
}

// answers tells when each director answered last that servers ask, and whether it did
// when it was asked last.
func (m *metrics) answers(list func(context.Context) (map[string]collector.Asked, error)) {
	m.registry.MustRegister(&answers{
		list: list,
		last: prometheus.NewDesc("ipguard_server_collect_answered_timestamp_seconds", "When a director answered last that servers ask; 0: never.", []string{"director"}, nil),
		ok:   prometheus.NewDesc("ipguard_server_collect_answered", "1 if a director answered when it was asked last, else 0.", []string{"director"}, nil),
	})
}

// answers reads what servers keep of directors each time that somebody asks.
type answers struct {
	list     func(context.Context) (map[string]collector.Asked, error)
	last, ok *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (a *answers) Describe(to chan<- *prometheus.Desc) {
	to <- a.last
	to <- a.ok
}

// Collect implements prometheus.Collector.
func (a *answers) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	list, err := a.list(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(a.last, err)
		return
	}
	for name, asked := range list {
		answered, ok := 0.0, 0.0
		if !asked.Answered.IsZero() {
			answered = float64(asked.Answered.UnixMicro()) / 1e6
		}
		if asked.Error == "" {
			ok = 1
		}
		to <- prometheus.MustNewConstMetric(a.last, prometheus.GaugeValue, answered, name)
		to <- prometheus.MustNewConstMetric(a.ok, prometheus.GaugeValue, ok, name)
	}
}
