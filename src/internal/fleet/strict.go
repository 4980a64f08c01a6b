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
	doc, err := source.Parse(path, text)
	if err != nil {
		return []*trouble.Trouble{troubleOf(path, err)}
	}
	d := &decoder{left: maxValues}
	d.decode(doc.Root(), reflect.ValueOf(into).Elem(), what)
	if at, ok := secondDocument(doc); ok {
		d.fail(at, "", "a second YAML document begins here; %s has one", what)
	}
	return sorted(d.errs)
}

// ParseShared reads the part of a fleet file that a server shares, which has no
// directors.
func ParseShared(path string, text []byte) (*File, []*trouble.Trouble) {
	var part struct {
		Segments      []Segment     `yaml:"segments,omitempty"`
		External      []External    `yaml:"external,omitempty"`
		VIPProperties VIPProperties `yaml:"vip_properties,omitempty"`
		Pools         []Pool        `yaml:"pools,omitempty"`
		Allow         []Allowance   `yaml:"allow,omitempty"`
	}
	errs := Decode(path, text, &part, "the server's part of the fleet file")
	return &File{
		Path: path, Segments: part.Segments, External: part.External, VIPProperties: part.VIPProperties, Pools: part.Pools, Allow: part.Allow,
	}, errs
}
