package watch

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/oui"
)

// hooks runs a program, one at a time and without a shell, for each address that
// comes into conflict.
type hooks struct {
	command []string
	log     *slog.Logger
	queue   chan []string // environments
	done    chan struct{}
}

const (
	hookQueue   = 16
	hookTimeout = 30 * time.Second
	hookOutput  = 512 // bytes of a failed hook's output that are logged
)

func startHooks(ctx context.Context, command []string, log *slog.Logger) *hooks {
	h := &hooks{command: command, log: log, queue: make(chan []string, hookQueue), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		for {
			select {
			case environment := <-h.queue:
				h.start(ctx, environment)
			case <-ctx.Done():
				return
			}
		}
	}()
	return h
}

// run queues one call; a full queue drops it and says so.
func (h *hooks) run(at place, c acd.Change, m acd.Memory) {
	if len(h.command) == 0 {
		return
	}
	environment := []string{
		"IPGUARD_ADDRESS=" + at.address.String(), "IPGUARD_INTERFACE=" + at.device,
		"IPGUARD_STATE=" + c.New.String(), "IPGUARD_PREVIOUS_STATE=" + c.Old.String(),
		"IPGUARD_MAC=" + c.Evidence.MAC.String(), "IPGUARD_ETHERNET_SOURCE=" + c.Evidence.Source.String(),
		"IPGUARD_VENDOR=" + oui.Vendor(c.Evidence.MAC), "IPGUARD_HOW=" + c.Evidence.How,
		"IPGUARD_GUARDED=" + strconv.FormatBool(at.guarded), "IPGUARD_CLAIMS=" + strconv.Itoa(total(m.Claims)),
		"IPGUARD_TIME=" + c.At.UTC().Format(time.RFC3339Nano),
	}
	select {
	case h.queue <- environment:
	default:
		h.log.Error("hook left out: too many wait", "address", at.address)
	}
}

func (h *hooks) start(ctx context.Context, environment []string) {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, h.command[0], h.command[1:]...)
	command.Env = append(os.Environ(), environment...)
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	if err != nil {
		output = bytes.TrimSpace(output[:min(len(output), hookOutput)])
		h.log.Error("hook failed", "command", h.command[0], "error", err.Error(), "output", string(output))
	}
}

// wait returns when the hook that runs now, if any, has ended.
func (h *hooks) wait() { <-h.done }
