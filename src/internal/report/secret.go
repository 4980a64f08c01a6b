package report

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// secretValue matches a value that is a secret by its key, in block or flow
// style; urlPassword the password of a URL such as cloud_provider.mbus. The
// last group is the secret.
var (
	secretValue = regexp.MustCompile(`(?i)[\w-]*(?:passw|passphrase|secret|token|private_?key|credential|api_?key|access_?key)[\w-]*["']?\s*:\s+("[^"]*"?|'[^']*'?|[^\s,{}\[\]"'][^,{}\[\]]*)`)
	urlPassword = regexp.MustCompile(`://[^/@\s:]*:([^/@\s]+)@`)
)

// withoutSecrets returns a line in which each character of a secret is a star,
// so that columns stay where they are. A ((variable)) is none.
func withoutSecrets(line string) string {
	if !strings.Contains(line, ":") {
		return line
	}
	for _, pattern := range []*regexp.Regexp{secretValue, urlPassword} {
		line = pattern.ReplaceAllStringFunc(line, func(match string) string {
			secret := pattern.FindStringSubmatch(match)[1]
			if strings.HasPrefix(strings.Trim(secret, `"'`), "((") {
				return match
			}
			i := strings.LastIndex(match, secret)
			return match[:i] + strings.Repeat("*", utf8.RuneCountInString(secret)) + match[i+len(secret):]
		})
	}
	return line
}
