package madefleet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// page is a YAML text in the making.
type page struct {
	bytes.Buffer
	r *rand.Rand
	// used are the releases that jobs name.
	used map[string]bool
}

// line writes one line, indented by depth levels.
func (p *page) line(depth int, format string, args ...any) {
	p.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

// list writes key and values, on one line or one value per line.
func (p *page) list(depth int, key string, values []string) {
	if len(values) <= 3 && p.r.IntN(2) == 0 {
		p.line(depth, "%s: [%s]", key, strings.Join(values, ", "))
		return
	}
	p.line(depth, "%s:", key)
	for _, v := range values {
		p.line(depth, "- %s", v)
	}
}

// certificate writes the three properties that most jobs take.
func (p *page) certificate(depth int, name string) {
	for _, pair := range [][2]string{{"ca_cert", "ca"}, {"cert", "certificate"}, {"key", "private_key"}} {
		p.line(depth, `%s: "((%s.%s))"`, pair[0], name, pair[1])
	}
}

// properties writes a mapping of about n lines: a job's properties.
func (p *page) properties(depth, n int) {
	keys := p.keys()
	for n > 0 {
		switch kind := p.r.IntN(12); {
		case kind < 2 && n > 4 && depth < 9:
			inner := 3 + p.r.IntN(n-3)
			p.line(depth, "%s:", keys())
			p.properties(depth+1, inner)
			n -= inner + 1
		case kind == 2 && n > 3:
			p.line(depth, "%s:", keys())
			p.certificate(depth+1, pick(p.r, services)+"_tls")
			n -= 4
		case kind == 3 && n > 4:
			p.list(depth, keys(), []string{pick(p.r, services), pick(p.r, services), pick(p.r, services)})
			n -= 4
		case kind == 4 && n > 8:
			p.line(depth, "%s: |", keys())
			p.script(depth + 1)
			n -= 5
		case kind == 5:
			p.line(depth, "%s:", keys())
			p.line(depth+1, "%s", pick(p.r, references))
			n -= 2
		default:
			p.line(depth, "%s: %s", keys(), p.value())
			n--
		}
	}
}

// keys returns a source of names for the keys of one mapping.
func (p *page) keys() func() string {
	used := map[string]bool{}
	return func() string {
		name := pick(p.r, services) + "_" + pick(p.r, aspects)
		for used[name] {
			name += "_" + pick(p.r, aspects)
		}
		used[name] = true
		return name
	}
}

func (p *page) value() string {
	switch p.r.IntN(6) {
	case 0:
		return fmt.Sprint(p.r.IntN(65536))
	case 1:
		return pick(p.r, []string{"true", "false"})
	case 2:
		return fmt.Sprintf("((%s_password))", pick(p.r, services))
	case 3:
		return fmt.Sprintf(`"((%s_tls.certificate))"`, pick(p.r, services))
	case 4:
		return fmt.Sprintf("https://%s.((system_domain)):%d", pick(p.r, services), 1024+p.r.IntN(60000))
	default:
		return fmt.Sprintf("%s.service.internal", pick(p.r, services))
	}
}

func (p *page) script(depth int) {
	for range 4 {
		p.line(depth, "set_%s %s --%s=%d", pick(p.r, aspects), pick(p.r, services), pick(p.r, aspects), p.r.IntN(1000))
	}
}

// services name deployments, groups, jobs and releases.
var services = []string{
	"web", "pgpool", "postgres", "redis", "rabbitmq", "kafka", "zookeeper", "search", "metrics", "dashboard",
	"pipeline", "vault", "nats", "router", "uaa", "api", "scheduler", "worker", "cache", "queue",
	"registry", "blobstore", "mail", "ldap", "proxy", "syslog", "credhub", "adapter", "locket", "tunnel",
}

var aspects = []string{
	"port", "timeout", "level", "mode", "limit", "size", "name", "path", "interval", "retries", "enabled", "user",
}

// references are properties that hold addresses but claim none.
var references = []string{
	"address: 0.0.0.0",
	"bind_address: 127.0.0.1",
	"recursors: [172.31.255.53, 172.31.255.54]",
	"machines: [172.31.0.11, 172.31.0.12]",
	"no_proxy: 127.0.0.1,localhost,169.254.169.254",
	"destination: 0.0.0.0-9.255.255.255",
	"overlay: 10.255.0.0/16",
}
