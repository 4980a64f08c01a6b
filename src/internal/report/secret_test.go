package report

import (
	"testing"
	"unicode/utf8"
)

func TestWithoutSecrets(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"  mbus: https://mbus:hunter2@10.8.52.191:6868", "  mbus: https://mbus:*******@10.8.52.191:6868"},
		{"  mbus: https://mbus:((mbus_password))@10.8.52.191:6868", "  mbus: https://mbus:((mbus_password))@10.8.52.191:6868"},
		{"keepalived: {vip: 10.0.0.9, auth_password: hunter2, id: 3}", "keepalived: {vip: 10.0.0.9, auth_password: *******, id: 3}"},
		{"{api-token: 'a b', vip: 10.0.0.9}", "{api-token: *****, vip: 10.0.0.9}"},
		{`admin_secret: "pässword"`, "admin_secret: **********"},
		{"password: ((db_password))", "password: ((db_password))"},
		{"static_ips: [10.0.0.10, 10.0.0.11]", "static_ips: [10.0.0.10, 10.0.0.11]"},
		{`range: "2001:db8::/64"`, `range: "2001:db8::/64"`},
	} {
		got := withoutSecrets(c.line)
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(c.line) {
			t.Errorf("%q: columns moved: %q", c.line, got)
		}
	}
}
