package login

import (
	"net/url"
	"strings"
)

// longestPath is the longest path that is kept for afterwards, in bytes.
const longestPath = 2000

// LocalPath is the path, with its query, that a text names on this server; "/" if it
// names something else, or could to a browser: browsers drop tabs and line ends, and
// take a backslash for a slash.
func LocalPath(text string) string {
	if len(text) > longestPath || !strings.HasPrefix(text, "/") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) {
		return "/"
	}
	u, err := url.ParseRequestURI(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.Contains(text, "#") {
		return "/"
	}
	path := u.EscapedPath()
	if strings.HasPrefix(path, "//") || strings.Contains(path, "/.") || leavesOrEnters(path) {
		return "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if len(path) > longestPath { // escapes are longer than what they stand for
		return "/"
	}
	return path
}

// leavesOrEnters are the pages of login and logout: who comes back to one goes in circles.
func leavesOrEnters(path string) bool {
	return path == "/login" || strings.HasPrefix(path, "/login/") || path == "/logout"
}
