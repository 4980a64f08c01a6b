//go:build !race

package bookingcsv

import (
	"errors"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		// want are the rows as ADDRESS OWNER WHY; or the end of the error.
		want  []string
		fails string
	}{
		"own": {
			text: "address,pool,state,owner,number,team,since,until,by,why\n" +
				"10.0.0.5,web,booked,promo/web/api,1,t,,2030-01-02T03:04:05Z,x,\"a, b\"\n10.0.0.6,web,released,promo/web/api,0,t,,,,\n",
			want: []string{"10.0.0.5 promo/web/api/1 a, b"},
		},
		"netbox": {
			text: "address,vrf,tenant,status,role,dns_name,description\n" +
				"10.8.52.191/22,,DBA,Active,,pgpool-1.example.com,second pgpool\n2001:db8::5/64,,,reserved,vip,,lb/frontend\n",
			want: []string{"10.8.52.191 pgpool-1.example.com second pgpool", "2001:db8::5 lb/frontend "},
		},
		"phpipam": {
			text: "\ufeffIP address;hostname;description;state;owner\r\n10.0.0.7;printer;on floor 2;Used;facilities\r\n",
			want: []string{"10.0.0.7 printer on floor 2"},
		},
		"phpipam's template": {
			text: "ip address,ip state,description,hostname,mac,owner,device,port,note\n10.0.0.200,Used,d,h,,o,,,\n",
			want: []string{"10.0.0.200 h d"},
		},
		"phpipam's other names": {
			text: "ip_addr,dns_name,state,owner\n10.0.0.200,h.example.com,Reserved,o\n",
			want: []string{"10.0.0.200 h.example.com o"},
		},
		"netbox's table": {
			text: "IP Address,VRF,Status,Role,Tenant,Assigned,DNS Name,Description\n10.0.0.200/24,,Active,,t,False,h,\"two\nlines\"\n",
			want: []string{"10.0.0.200 h two lines"},
		},
		"formulas": {
			text: "address,owner,state,why\n10.0.0.5,'=lb/x,booked,'+1\n10.0.0.6,'lb/x,booked,\n",
			want: []string{"10.0.0.5 =lb/x +1", "10.0.0.6 'lb/x "},
		},
		"what is looked for": {text: "address,owner\n10.0.0.5,a\n", fails: "name them in the first line: address, state, owner (ipguard); address or ipaddress, status, dnsname or"},
		"suffix":             {text: "address,status,dns_name\n10.0.0.5/33,active,a\n", fails: `x.csv:2:1: "10.0.0.5/33" is no address`},
		"column twice":       {text: "address,owner,state,Address\n10.0.0.5,a,booked,10.0.0.6\n", fails: "x.csv:1: the header has the column address twice"},
		"empty state":        {text: "address,status,dns_name\n10.0.0.5,,a\n", fails: `x.csv:2:1: "" is no state of an address`},
		"hidden characters":  {text: "address,owner,state,why\n10.0.0.5,a,booked,\x1b[31m\n", fails: "x.csv:2:1: a reason has characters that cannot be shown"},
		"nothing":            {text: "", fails: "is empty"},
		"no header":          {text: "10.0.0.5,web\n", fails: "the header has no columns that are understood: 10.0.0.5, web"},
		"no address":         {text: "address,owner,state\nx,a/b/c,booked\n", fails: `x.csv:2:1: "x" is no address`},
		"no owner":           {text: "address,owner,state\n10.0.0.1,,booked\n", fails: "x.csv:2:1: nobody is named who has 10.0.0.1"},
		"unknown state":      {text: "address,owner,state\n10.0.0.1,a,lost\n", fails: `x.csv:2:1: "lost" is no state of an address`},
		"wrong number":       {text: "address,owner,state,number\n10.0.0.1,a,booked,-1\n", fails: `"-1" is no number of an owner`},
		"columns missing":    {text: "address,owner,state\n10.0.0.1,a\n", fails: "x.csv:2:1: wrong number of fields"},
		"quote":              {text: "address,owner,state\n\"10.0.0.1,a,booked\n", fails: `x.csv:2:20: extraneous or missing " in quoted-field`},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := Read("x.csv", []byte(c.text))
			if c.fails != "" {
				if told := (*trouble.Trouble)(nil); errors.As(err, &told) {
					err = errors.New(told.Message + "\n" + told.Hint)
				}
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("got %v, want an error with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rows {
				got = append(got, ledger.RangeText(r.Range)+" "+r.For.String()+" "+r.Why)
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("address,owner,state\n10.0.0.1,a/b/c,booked\n")
	f.Add("address;status;dns_name\n10.0.0.1/24;active;x\n")
	f.Add("IP address,hostname,state\n\"10.0.0.1\",x,Used\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := Read("x.csv", []byte(text))
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		for _, r := range rows {
			if !r.Range.IsValid() || r.For.Owner == "" || !r.At.IsValid() {
				t.Errorf("%q: a row without an address, an owner or a place: %+v", text, r)
			}
		}
	})
}
