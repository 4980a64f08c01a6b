package collect

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"
	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

// listedDeployment is an element of GET /deployments
// (api/controllers/deployments_controller.rb). The library's own type leaves out
// locked.
type listedDeployment struct {
	Name  string
	Teams []string
	// CloudConfig is "latest", "outdated" or "none".
	CloudConfig string `json:"cloud_config"`
	Locked      bool
}

// listedInstance is an element of GET /deployments/NAME/instances
// (api/controllers/deployments_controller.rb, create_instances_response). The
// library's own type leaves out index.
type listedInstance struct {
	Job   string
	ID    string
	Index *int
	AZ    string
	CID   string
	// ExpectsVM is false for an instance that is stopped hard, and for one that
	// was planned and never made.
	ExpectsVM bool `json:"expects_vm"`
	IPs       []string
}

// newClient is the library's client for one kind of server, bounded: the library's own
// factories (Factory.httpClient of director and uaa) read answers of any size, and go
// on when nobody waits. Who is sent elsewhere comes to the same server again, so that
// nobody else sees a token.
func newClient(ctx context.Context, pool *x509.CertPool, host string, authorize boshdirector.Adjustment, logger boshlog.Logger) func(*turn) *httpclient.HTTPClient {
	raw := httpclient.CreateDefaultClient(pool)
	raw.CheckRedirect = func(request *http.Request, via []*http.Request) error {
		if len(via) > 10 || authorize == nil {
			return http.ErrUseLastResponse
		}
		request.Header, request.Body, request.URL.Host = http.Header{}, nil, host
		return authorize.Adjust(request, true)
	}
	return func(t *turn) *httpclient.HTTPClient {
		retrying := httpclient.NewNetworkSafeRetryClient(bounded{ctx, raw, t}, retries, 500*time.Millisecond, logger)
		if authorize == nil {
			return httpclient.NewHTTPClient(retrying, logger)
		}
		return httpclient.NewHTTPClientOpts(boshdirector.NewAdjustableClient(retrying, authorize), logger, httpclient.Opts{NoRedactUrlQuery: true})
	}
}

// requestsIn makes a client of a director whose long answers wait for a turn; without
// one, they are refused. All clients of it share their connections.
type requestsIn func(*turn) boshdirector.ClientRequest

// newRequests makes a client of a director. The library's Director is built on the
// same requests, and its types leave out some of what is needed here.
func newRequests(ctx context.Context, config boshdirector.FactoryConfig, logger boshlog.Logger) (requestsIn, error) {
	pool, err := config.CACertPool()
	if err != nil {
		return nil, &trouble.Trouble{Message: "the CA certificate cannot be read", Hint: "it must be one or more certificates in PEM"}
	}
	endpoint := url.URL{Scheme: "https", Host: net.JoinHostPort(config.Host, strconv.Itoa(config.Port))}
	authorize := boshdirector.NewAuthRequestAdjustment(config.TokenFunc, config.Client, config.ClientSecret)
	client := newClient(ctx, pool, endpoint.Host, authorize, logger)
	return func(t *turn) boshdirector.ClientRequest {
		return boshdirector.NewClientRequest(endpoint.String(), client(t), boshdirector.NewNoopFileReporter(), logger)
	}, nil
}

// retries is how often the library asks again.
const retries = 5

// question is one request, or several one after the other, whose answers are in memory
// until it is over.
type question struct {
	requests boshdirector.ClientRequest
	*turn
}

func (f *fetcher) question() question {
	t := &turn{turns: f.run.turns, own: f.ownTurn}
	return question{f.requests(t), t}
}

// getList gets a list. A director has an empty one for nothing at all: null is the
// answer of something else.
func getList[T any](q question, path string) (found list[T], err error) {
	err = q.requests.Get(path, &found)
	if err == nil && found == nil {
		err = &trouble.Trouble{Message: "it answers null in place of a list", Hint: lookAtIt}
	}
	return found, err
}

func (q question) listDeployments() (found list[listedDeployment], err error) {
	found, err = getList[listedDeployment](q, "/deployments")
	if err == nil && slices.ContainsFunc(found, func(d listedDeployment) bool { return d.Name == "" }) {
		return nil, &trouble.Trouble{Message: "it tells a deployment without a name", Hint: lookAtIt}
	}
	return found, err
}

// noConfig is the id of a config that cannot exist: ids count from 1.
const noConfig = "0"

// readsAll finds out whether the client may see all deployments and configs. One that
// has the scopes of teams alone gets lists of what is theirs, without a word about
// the rest; but a config by its id is only for bosh.read
// (api/controllers/configs_controller.rb): a team is refused, all others hear that
// there is no such config.
func (f *fetcher) readsAll() error {
	q := f.question()
	defer q.over()
	_, _, err := q.requests.RawGet("/configs/"+noConfig, nil, nil)
	switch status := statusOf(err); {
	case err == nil, status == http.StatusNotFound:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &trouble.Trouble{
			Message: "it shows " + f.target.client() + " only what belongs to its teams",
			Hint:    "the scope bosh.read is needed",
		}
	}
	return err
}

func (q question) listInstances(deployment string) (found list[listedInstance], err error) {
	return getList[listedInstance](q, "/deployments/"+url.PathEscape(deployment)+"/instances")
}

// listConfigs are the latest ones of all names and teams.
func (q question) listConfigs(kind string) (found list[boshdirector.Config], err error) {
	return getList[boshdirector.Config](q, "/configs?latest=true&limit=1&type="+kind)
}

// onlyCloudConfig is the text of the cloud-config of a director without names of configs,
// empty for none.
func (q question) onlyCloudConfigText() (string, error) {
	found, err := getList[struct{ Properties string }](q, "/cloud_configs?limit=1&name=")
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].Properties, nil
}

func (q question) configByID(id string) (config boshdirector.Config, err error) {
	return config, q.requests.Get("/configs/"+url.PathEscape(id), &config)
}

func (q question) manifest(deployment string) (string, error) {
	var found struct{ Manifest string }
	err := q.requests.Get("/deployments/"+url.PathEscape(deployment), &found)
	return found.Manifest, err
}

// listOrphans are the elements of GET /orphaned_vms.
func (q question) listOrphans() (found list[boshdirector.OrphanedVMResponse], err error) {
	return getList[boshdirector.OrphanedVMResponse](q, "/orphaned_vms")
}

// configsOf are the ids of the cloud-configs of a deployment; none where the director
// has no such list yet.
func (q question) configsOf(deployment string) (ids []string, err error) {
	found, err := getList[boshdirector.DeploymentConfig](q, "/deployment_configs?deployment[]="+url.QueryEscape(deployment))
	if err != nil && statusOf(err) != http.StatusNotFound {
		return nil, err
	}
	for _, c := range found {
		if c.Config.Type == "cloud" {
			ids = append(ids, strconv.Itoa(c.Config.Id))
		}
	}
	return ids, nil
}

// listedVM is a line of what the task of GET /deployments/NAME/vms?format=full tells
// (jobs/vm_state.rb).
type listedVM struct {
	Group  string `json:"job_name"`
	ID     string
	Index  *int
	AZ     string
	IPs    []string `json:"ips"`
	Active *bool
}

func (q question) listVMs(deployment string) (found []listedVM, err error) {
	tasks := boshdirector.NewTaskClientRequest(q.requests, boshdirector.NewNoopTaskReporter(), 500*time.Millisecond)
	_, result, err := tasks.GetResult("/deployments/" + url.PathEscape(deployment) + "/vms?format=full")
	if err != nil {
		return nil, err
	}
	nested := 0
	for line := range bytes.Lines(result) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var vm listedVM
		if err := json.Unmarshal(line, &vm); err != nil {
			return nil, err
		}
		if err := checkElements(line); err != nil {
			return nil, err
		}
		if found = append(found, vm); len(found) > maxElements {
			return nil, fmt.Errorf("the answer has more than %d elements", maxElements)
		}
		if nested += len(vm.IPs); nested > maxNested {
			return nil, fmt.Errorf("the answer has more than %d elements in its elements", maxNested)
		}
	}
	return found, nil
}
