package login

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzLocalPath: whatever is given, a browser that follows the answer stays here. The
// oracle reads it as browsers do (WHATWG URL): controls and spaces at the ends are cut
// off, tabs and line ends dropped, a backslash is a slash.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/pools/a?x=1", "//evil.example.com", "/\\evil.example.com", "/\t/evil.example.com", "https://evil.example.com", "/login", "/logout?x",
		"/%2F/evil", "/%5Cevil", "/..//evil", "/.//evil", "/a/..//evil", "javascript:alert(1)", "", "/a#b", "/a\r\nSet-Cookie: x", "/login/once/x", "/?next=//evil", "/a?b=\\\\c", "\\/evil", " //evil", "/\x00/evil", "/ü", "/" + strings.Repeat("{", 700),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := LocalPath(text)
		asBrowser := strings.Trim(got, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r ")
		asBrowser = strings.NewReplacer("\t", "", "\r", "", "\n", "", "\\", "/").Replace(asBrowser)
		base, _ := url.Parse("https://ipguard.example.com/login/callback")
		to, err := base.Parse(asBrowser)
		if err != nil || to.Host != base.Host || to.Scheme != "https" || to.User != nil {
			t.Fatalf("%q became %q, which leads to %v (%v)", text, got, to, err)
		}
		if strings.ContainsAny(got, "\r\n\t\\ ") || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Fatalf("%q became %q", text, got)
		}
		if again := LocalPath(got); again != got {
			t.Fatalf("%q became %q, and that %q", text, got, again)
		}
		if to.Path == "/login" || to.Path == "/logout" {
			t.Fatalf("%q became %q, a circle", text, got)
		}
	})
}

func TestLocalPath(t *testing.T) {
	for text, want := range map[string]string{
		"/pools/a%20b?x=1&y=2": "/pools/a%20b?x=1&y=2", "/": "/", "": "/", "pools": "/", "//evil": "/", "/\\evil": "/", "https://evil": "/",
		"/addresses/10.0.0.0%2F24": "/addresses/10.0.0.0%2F24", "/login": "/", "/a#b": "/", "/a/../login": "/", "/%6Cogin": "/%6Cogin",
	} {
		if got := LocalPath(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// FuzzClaims: whatever claims are, nobody gets a scope that is not written in them, or a
// name that passes for another kind's.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"scope":["ipguard.read"],"sub":"a","exp":1}`, `{"scope":"ipguard.read x","client_id":"c","sub":"c","exp":2}`,
		`{"scope":{"a":1},"exp":3}`, `{"scope":[["ipguard.admin"]],"exp":1,"sub":"x"}`, `{"scope":null,"user_name":"client x","exp":1}`,
		`{"scope":"ipguard.read","scope":"ipguard.admin","exp":1,"sub":"x"}`, `{"SCOPE":"ipguard.admin","exp":1,"sub":"x"}`, `[]`, `{"user_name":"a\u0000b","exp":1e99,"aud":["a",1]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := &Provider{config: Config{Claim: []string{"scope"}}, env: Environment{IsScope: isScope}}
		c, err := parseClaims(text)
		if err != nil || c.Expires == nil {
			return
		}
		id, err := p.identity(c, c)
		if err != nil {
			return
		}
		for _, scope := range id.Scopes {
			if !isScope(scope) || !strings.Contains(string(text), "scope") && !strings.Contains(string(text), "\\u") {
				t.Fatalf("%s gives %q", text, scope)
			}
		}
		name, isClient := strings.CutPrefix(id.Name, "client ")
		if isClient && c.ClientID == "" && c.CID == "" && c.Party == "" {
			t.Fatalf("%s passes for a client", text)
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("%s has the name %q", text, id.Name)
		}
	})
}
