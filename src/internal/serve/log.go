package serve

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// legibleLog writes what names of others say into the log, and not what they do to a
// reader's terminal.
type legibleLog struct{ slog.Handler }

// Handle implements slog.Handler.
func (h legibleLog) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, legible.Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(legibleAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, shown)
}

// WithAttrs implements slog.Handler.
func (h legibleLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = legibleAttr(a)
	}
	return legibleLog{h.Handler.WithAttrs(shown)}
}

// WithGroup implements slog.Handler.
func (h legibleLog) WithGroup(name string) slog.Handler {
	return legibleLog{h.Handler.WithGroup(name)}
}

func legibleAttr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(legible.Text(a.Value.String()))
	case slog.KindAny:
		a.Value = slog.StringValue(legible.Text(fmt.Sprint(a.Value.Any())))
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(a.Value.Group()))
		for _, one := range a.Value.Group() {
			group = append(group, legibleAttr(one))
		}
		a.Value = slog.GroupValue(group...)
	}
	return a
}
