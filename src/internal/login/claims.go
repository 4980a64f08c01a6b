package login

import (
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// identity is who a token is of, and what the rights of another one of theirs, or the
// same, let them do.
func (p *Provider) identity(who, rights *claims) (*Identity, error) {
	name, err := p.name(who)
	if err != nil {
		return nil, err
	}
	values, err := valuesAt(rights.All, p.config.Claim)
	if err != nil {
		return nil, err
	}
	ends := moment(*who.Expires)
	if other := moment(*rights.Expires); other.Before(ends) {
		ends = other
	}
	return &Identity{
		Name: name, Issuer: who.Issuer, Subject: who.Subject, Scopes: p.scopes(values), Ends: ends.UTC(),
	}, nil
}

// scopes are what values of the claim stand for, each once, sorted.
func (p *Provider) scopes(values []string) []string {
	list := []string{}
	for _, v := range values {
		mapped := []string{v}
		if p.config.Map != nil {
			mapped = p.config.Map[v]
		}
		for _, scope := range mapped {
			if p.env.IsScope(scope) {
				list = append(list, scope)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// valuesAt reads the values at a path of names. Where nothing stands there are none; what
// is neither texts nor a text is refused: nobody knows what it means.
func valuesAt(text jsontext.Value, path []string) ([]string, error) {
	for _, name := range path {
		var object map[string]jsontext.Value
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, refuse("the claim %s stands in something that is no object", quoted(strings.Join(path, ".")))
		}
		next, ok := object[name]
		if !ok || string(next) == "null" {
			return nil, nil
		}
		text = next
	}
	var one string
	if json.Unmarshal(text, &one) == nil {
		return strings.Fields(one), nil
	}
	var list []string
	if json.Unmarshal(text, &list) != nil {
		return nil, refuse("the claim %s is neither a text nor a list of texts", quoted(strings.Join(path, ".")))
	}
	return list, nil
}

// longestName is the longest name of somebody, in bytes.
const longestName = 100

// name is the one name of a person or client. UAA's people are known by name and origin:
// there may be an admin of UAA's own and one of a directory.
func (p *Provider) name(c *claims) (string, error) {
	client, err := c.client()
	if err != nil {
		return "", err
	}
	var more struct {
		UserName  string `json:"user_name"`
		UserID    string `json:"user_id"`
		Origin    string `json:"origin"`
		Preferred string `json:"preferred_username"`
	}
	if json.Unmarshal(c.All, &more) != nil {
		return "", refuse("the claims about a person cannot be read")
	}
	prefix := ""
	if p.config.Name != "" {
		prefix = p.config.Name + ":"
	}
	isClient := client != "" && more.UserID == "" && more.UserName == "" && (c.Grant == "client_credentials" || c.Subject == client)
	var name string
	switch {
	case isClient:
		name, prefix = client, "client "+prefix
	case p.config.NameClaim != "":
		var all map[string]jsontext.Value
		if json.Unmarshal(c.All, &all) != nil || json.Unmarshal(all[p.config.NameClaim], &name) != nil {
			return "", refuse("the claim %s names nobody", quoted(p.config.NameClaim))
		}
	case more.UserName != "":
		name = more.UserName
		if more.Origin != "" && more.Origin != "uaa" {
			prefix += escaped(more.Origin) + "/"
		}
	case more.Preferred != "":
		name = more.Preferred
	default:
		name = c.Subject
	}
	if name == "" || len(name) > longestName {
		return "", refuse("the token names nobody, or has a name of more than %d bytes", longestName)
	}
	return prefix + escaped(name), nil
}

// client is the client for which a token was made, of which providers have three names.
func (c *claims) client() (string, error) {
	client := ""
	for _, name := range []string{c.ClientID, c.CID, c.Party} {
		if client != "" && name != "" && client != name {
			return "", refuse("the token names two clients")
		}
		if client == "" {
			client = name
		}
	}
	return client, nil
}

// escaped writes letters that could pass for something else, such as spaces, line ends,
// slashes and colons, as in URLs.
func escaped(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), ":", "%3A")
}
