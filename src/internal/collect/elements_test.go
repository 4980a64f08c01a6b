package collect

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// TestElements holds the counter of elements against values that encoding/json reads.
func TestElements(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		value := make([]any, random.IntN(5))
		for i := range value {
			value[i] = randomValue(random, 4)
		}
		text, err := json.MarshalIndent(value, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		nested, longest := 0, 0
		for _, v := range value {
			countLists(v, &nested, &longest)
		}
		c := countElements(text)
		if c.outer != len(value) || c.nested != nested || c.longest != longest {
			t.Fatalf("%d, %d, %d of %d, %d, %d in\n%s", c.outer, c.nested, c.longest, len(value), nested, longest, text)
		}
	}
}

func randomValue(random *rand.Rand, deep int) any {
	switch n := random.IntN(4); {
	case n == 0 || deep == 0:
		return []any{"a,]\"[\\", 1.5e3, nil, true, "", "\\"}[random.IntN(6)]
	case n == 1:
		m := map[string]any{}
		for range random.IntN(4) {
			m[fmt.Sprint("k,[", random.IntN(9))] = randomValue(random, deep-1)
		}
		return m
	}
	list := make([]any, random.IntN(4))
	for i := range list {
		list[i] = randomValue(random, deep-1)
	}
	return list
}

func countLists(v any, nested, longest *int) {
	switch v := v.(type) {
	case map[string]any:
		for _, v := range v {
			countLists(v, nested, longest)
		}
	case []any:
		*nested += len(v)
		*longest = max(*longest, len(v))
		for _, v := range v {
			countLists(v, nested, longest)
		}
	}
}

// TestAddressSize holds the figure of the accounts against the type.
func TestAddressSize(t *testing.T) {
	if size := int(reflect.TypeFor[snapshot.Address]().Size()); size > addressSize || size < addressSize/2 {
		t.Errorf("an address has %d bytes, and %d are counted", size, addressSize)
	}
}
