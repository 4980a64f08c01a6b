package collect

import (
	"context"
	"time"

	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Identify asks the director that answers there for its UUID, which it tells
// everybody: one request, without logging in. The error is a *trouble.Trouble that
// quotes nothing of the answer.
func Identify(ctx context.Context, access environment.Access, timeout time.Duration) (uuid string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type answer struct {
		uuid string
		err  error
	}
	told := make(chan answer, 1)
	go func() {
		uuid, err := identify(ctx, access)
		told <- answer{uuid, err}
	}()
	select {
	case a := <-told:
		if a.err != nil {
			return "", troubleOf(a.err, Target{Access: access})
		}
		return a.uuid, nil
	case <-ctx.Done():
		return "", &trouble.Trouble{Message: "it did not answer within " + timeout.String()}
	}
}

func identify(ctx context.Context, access environment.Access) (string, error) {
	connections := newConnections()
	defer connections.restore()
	_, info, err := connections.ask(ctx, access)
	return info.UUID, err
}
