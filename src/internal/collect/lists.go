package collect

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	boshdirector "github.com/cloudfoundry/bosh-cli/v7/director"
	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
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

// newRequests makes a client for answers of which the library's types leave out
// what is needed here. It is put together from the library's parts as the library
// does it (Factory.httpClient).
func newRequests(config boshdirector.FactoryConfig, logger boshlog.Logger) (boshdirector.ClientRequest, error) {
	pool, err := config.CACertPool()
	if err != nil {
		return boshdirector.ClientRequest{}, err
	}
	authorize := boshdirector.NewAuthRequestAdjustment(config.TokenFunc, config.Client, config.ClientSecret)
	raw := httpclient.CreateDefaultClient(pool)
	// None of the lists is somewhere else; who sends us away must not see a token.
	raw.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	retrying := httpclient.NewNetworkSafeRetryClient(raw, retries, 500*time.Millisecond, logger)
	client := httpclient.NewHTTPClientOpts(boshdirector.NewAdjustableClient(retrying, authorize), logger, httpclient.Opts{NoRedactUrlQuery: true})
	endpoint := url.URL{Scheme: "https", Host: net.JoinHostPort(config.Host, strconv.Itoa(config.Port))}
	return boshdirector.NewClientRequest(endpoint.String(), client, boshdirector.NewNoopFileReporter(), logger), nil
}

// retries is how often the library asks again.
const retries = 5

func (f *fetcher) listDeployments() (list []listedDeployment, err error) {
	return list, f.requests.Get("/deployments", &list)
}

func (f *fetcher) listInstances(deployment string) (list []listedInstance, err error) {
	return list, f.requests.Get("/deployments/"+url.PathEscape(deployment)+"/instances", &list)
}
