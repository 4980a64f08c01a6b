package fleet

import "testing"

func TestBelongs(t *testing.T) {
	f := &File{Teams: []Team{{Name: Text{Value: "dba"}, Members: []Text{{Value: "*@dba.example.com"}, {Value: "Jane@example.com"}, {Value: "a*b*c"}}}}}
	for _, c := range []struct {
		email, team    string
		belongs, known bool
	}{
		{"joe@dba.example.com", "dba", true, true},
		{"JOE@DBA.example.com", "dba", true, true},
		{"joe@dba.example.com.evil.org", "dba", false, true},
		{"jane@example.com", "dba", true, true},
		{"xjane@example.com", "dba", false, true},
		{"abc", "dba", true, true},
		{"axxbxxc", "dba", true, true},
		{"axxcxxb", "dba", false, true},
		{"", "dba", false, true},
		{"joe@dba.example.com", "web", false, false},
	} {
		if belongs, told := f.Belongs(c.email, c.team); belongs != c.belongs || told != c.known {
			t.Errorf("%s of %s: %t, %t", c.email, c.team, belongs, told)
		}
	}
}
