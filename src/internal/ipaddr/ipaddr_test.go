//go:build !race

package ipaddr

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// What Ruby said of each text (testdata/ipaddr.rb).
func TestAddressesAreReadAsIPAddrDoes(t *testing.T) {
	file, err := os.Open("testdata/ipaddr.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		fields := strings.Split(lines.Text(), "\t")
		var text string
		if err := json.Unmarshal([]byte(fields[0]), &text); err != nil {
			t.Fatal(err)
		}
		got := ""
		if a, err := Parse(text); err != nil {
			got = err.Class
		} else {
			got = describe(a)
		}
		if got != fields[1] {
			t.Errorf("%q: %s, Ruby says %s", text, got, fields[1])
		}
	}
	if count < 1000 {
		t.Errorf("%d texts only", count)
	}
}

// describe writes a block as ipaddr.rb does.
func describe(a Addr) string {
	family, number := "v4", fmt.Sprintf("%x", a.Base.Lo)
	if a.V6 {
		family = "v6"
	}
	if a.Base.Hi != 0 {
		number = fmt.Sprintf("%x%016x", a.Base.Hi, a.Base.Lo)
	}
	return fmt.Sprintf("%s %s/%d", family, number, a.Bits)
}
