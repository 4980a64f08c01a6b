package serve

import (
	"log/slog"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/webhooks"
)

// newSender makes what sends messages to the webhooks of the configuration.
func newSender(c *Config, environ []string, database ledgersql.Database, now func() time.Time, log *slog.Logger) (*webhooks.Sender, error) {
	var list []webhooks.Webhook
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		if w.Name.Value == "" || strings.Trim(w.Name.Value, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, wrong(w.Name, "a-z, 0-9 and hyphens", "%q is no name of a webhook", w.Name.Value)
		}
		hook := webhooks.Webhook{Name: w.Name.Value, URL: w.URL.Value, Secret: variable(environ, w.SecretEnv.Value)}
		if hook.Secret == "" {
			return nil, wrong(w.SecretEnv.Text, "", "the secret of webhook %s is missing: the variable that `secret_env` names is not set", hook.Name)
		}
		hook.CA = w.CACert.Value
		if path := w.CACert.Value; path != "" && !isCertificate(path) {
			text, err := readNamed(w.CACert, "the certificate")
			if err != nil {
				return nil, err
			}
			hook.CA = string(text)
		}
		list = append(list, hook)
		if _, err := webhooks.New(nil, nil, list, now, log); err != nil {
			return nil, wrong(w.URL, "", "%s", err)
		}
	}
	return webhooks.New(database.SQL(), database.Write(), list, now, log)
}
