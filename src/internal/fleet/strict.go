package fleet

import (
	"reflect"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Decode reads another file of settings as strictly as a fleet file: into is a pointer
// to a struct of this package's types, with yaml tags. It returns everything that is
// wrong, with places.
func Decode(path string, text []byte, into any, what string) []*trouble.Trouble {
	doc, rest, err := source.ParseFirst(path, text)
	if err != nil {
		return []*trouble.Trouble{troubleOf(path, err)}
	}
	d := &decoder{left: maxValues}
	d.decode(doc.Root(), reflect.ValueOf(into).Elem(), what)
	if at, ok := secondDocument(path, rest); ok {
		d.fail(at, "", "a second YAML document begins here; %s has one", what)
	}
	return sorted(d.errs)
}
