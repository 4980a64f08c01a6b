package collect

import (
	"context"
	"time"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"

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
		uuid, err := identify(access)
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

func identify(access environment.Access) (string, error) {
	connections := newConnections()
	defer connections.restore()
	factory, err := boshdirector.NewConfigFromURL(access.URL)
	if err != nil {
		return "", &trouble.Trouble{Message: "its URL cannot be read"}
	}
	factory.CACert = access.CACert
	var director boshdirector.Director
	err = connections.through(access.Proxy, func() (err error) {
		director, err = connections.newDirector(factory)
		return err
	})
	if err != nil {
		return "", err
	}
	info, err := director.Info()
	return info.UUID, err
}
