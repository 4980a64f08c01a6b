package fleet

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Load reads the fleet file at path. It returns everything that is wrong with
// it, in the order of the file, and what could be understood all the same; nil
// if that is nothing. Every error means that the picture is incomplete.
func Load(files *source.Files, path string) (*File, []*trouble.Trouble) {
	return loadAs(files, path, false)
}

// LoadOfServer is Load of a server's own file: directors, and owners of external addresses,
// in its allow and segments may be those that teams push. CheckNames tells of others.
func LoadOfServer(files *source.Files, path string) (*File, []*trouble.Trouble) {
	return loadAs(files, path, true)
}

func loadAs(files *source.Files, path string, ofServer bool) (*File, []*trouble.Trouble) {
	text, err := files.Read(path)
	if err != nil {
		return nil, []*trouble.Trouble{troubleOf(path, err)}
	}
	return parse(path, text, ofServer)
}

// Parse reads the text of a fleet file; path names it in places.
func Parse(path string, text []byte) (*File, []*trouble.Trouble) { return parse(path, text, false) }

func parse(path string, text []byte, ofServer bool) (*File, []*trouble.Trouble) {
	doc, err := source.Parse(path, text)
	if err != nil {
		e := troubleOf(path, err)
		if e.Hint == "" && len(bytes.TrimSpace(text)) == 0 {
			e.Hint = "ipguard init proposes a first one"
		}
		return nil, []*trouble.Trouble{e}
	}
	d := &decoder{left: maxValues}
	file := d.file(path, doc.Root())
	d.meaning(file, ofServer)
	asks := file.Server.URL.Value != "" // and has directors and pools from there
	if doc.Root().IsMap() && !doc.Root().Has("directors") && !asks {
		d.fail(doc.Root().Place(), "", "the fleet file has no `directors`")
	}
	if len(file.Directors) == 0 && len(file.Pools) == 0 && len(d.errs) == 0 && !asks {
		d.fail(doc.Root().Place(), "ipguard init proposes directors", "the fleet has neither directors nor pools")
	}
	if at, ok := secondDocument(doc); ok {
		d.fail(at, "", "a second YAML document begins here; a fleet file has one")
	}
	return file, sorted(d.errs)
}

// file decodes the form of the file, without asking what it means.
func (d *decoder) file(path string, root source.Value) *File {
	file := &File{Path: path}
	d.decode(root, reflect.ValueOf(file).Elem(), wholeFile)
	return file
}

func troubleOf(path string, err error) *trouble.Trouble {
	var e *trouble.Trouble
	if errors.As(err, &e) {
		return e
	}
	return &trouble.Trouble{At: place.Place{File: path}, Message: err.Error()}
}

// secondDocument returns where a second document with content begins: everything
// from there on would be passed over.
func secondDocument(doc *source.Document) (place.Place, bool) {
	for _, p := range doc.PassedOver() {
		if p.Key == "" {
			return p.At, true
		}
	}
	return place.Place{}, false
}

// meaning checks what no schema can say: names that stand for something else. // ofServer says that the file is a server's.
func (d *decoder) meaning(file *File, ofServer bool) {
	var directors, segments, snapshots names
	for _, director := range file.Directors {
		d.unique("director", director.Name, director.At, &directors)
		d.unique("snapshot", director.Snapshot, director.At, &snapshots)
	}
	for _, segment := range file.Segments {
		d.unique("segment", segment.Name, segment.At, &segments)
	}
	d.meaningOfPools(file)
	d.secretVariables(file)
	d.meaningOfTeams(file)
	if file.Server.URL.Value != "" {
		return // which knows other directors and segments: CheckNames
	}
	for _, e := range file.External {
		d.known("segment", e.Segment, segments)
	}
	for i := range file.Pools {
		d.known("segment", file.Pools[i].Segment, segments)
	}
	if ofServer {
		return
	}
	for _, s := range file.Segments {
		for _, m := range s.Subnets {
			d.known("director", m.Director, directors)
		}
	}
	for _, owner := range file.allowedOwners() {
		d.knownOwner(file, owner, directors)
	}
}

// logIns are variables of the environment that hold what logs in.
var logIns = []string{"BOSH_CLIENT", "BOSH_CLIENT_SECRET", "BOSH_CA_CERT", "BOSH_ALL_PROXY", "IPGUARD_TOKEN", "IPGUARD_CLIENT_SECRET"}

// secretVariables refuses prefixes of vars_env that make variables of what logs in to
// directors and servers: a change of this file must not bring that into a manifest.
func (d *decoder) secretVariables(file *File) {
	secrets := slices.Clone(logIns)
	for i := range file.Directors {
		if e := file.Directors[i].Environment; e.ClientSecretEnv.Value != "" {
			secrets = append(secrets, e.ClientSecretEnv.Value)
		}
	}
	for i := range file.Directors {
		for _, kind := range Kinds() {
			for _, entry := range file.Directors[i].entries(kind) {
				if entry.inputs == nil {
					continue
				}
				for _, prefix := range entry.inputs.VarsEnv {
					if at := slices.IndexFunc(secrets, func(s string) bool { return strings.HasPrefix(s, prefix.Value+"_") }); at >= 0 && prefix.Value != "" {
						d.fail(prefix.At, "give the variables of manifests a prefix of their own, such as VARS", "vars_env: the prefix %s makes a variable of %s, which logs in", quoted(prefix.Value), secrets[at])
					}
				}
			}
		}
	}
}

// allowedOwners are those that entries of allow name, but for who booked: anybody may
// have, under any name.
func (f *File) allowedOwners() (list []Text) {
	for _, a := range f.Allow {
		if !slices.Contains(ofBookings, a.Rule.Value) {
			list = append(list, a.Owners...)
		}
	}
	return list
}

// CheckNames complains about names in allow and segments that are nobody's, for a file that
// names directors from elsewhere: of those that are known, and of owners of external
// addresses that something pushed tells of.
func (f *File) CheckNames(directors []string, told func(owner string) bool) (list []trouble.Trouble) {
	check := func(name Text, director string) {
		if slices.Contains(directors, director) {
			return
		}
		hint := ""
		if near, ok := spelling.Nearest(director, directors); ok {
			hint = "did you mean " + quoted(near) + "?"
		}
		list = append(list, trouble.Trouble{At: name.At, Message: "no director of this file or of its server is named " + quoted(director), Hint: hint})
	}
	for _, s := range f.Segments {
		for _, m := range s.Subnets {
			if m.Director.Value != "" {
				check(m.Director, m.Director.Value)
			}
		}
	}
	for _, owner := range f.allowedOwners() {
		if slices.ContainsFunc(f.External, func(e External) bool { return e.Owner.Value == owner.Value }) {
			continue
		}
		director, _, _ := strings.Cut(owner.Value, "/")
		if slices.Contains(directors, director) || !told(owner.Value) {
			check(owner, director)
		}
	}
	return list
}

// ofBookings are the rules whose findings are about who booked an address.
var ofBookings = []string{"booked-by-other", "bookings-overlap", "released-in-use"}

// names are the names of one kind, each once.
type names []Text

func (n names) find(name string) int {
	return slices.IndexFunc(n, func(t Text) bool { return t.Value == name })
}

// unique adds a name, or complains that it is there already. at is the entry that
// has the name: with an alias or a merge, two entries have the very same one.
func (d *decoder) unique(kind string, name Text, at place.Place, all *names) {
	if name.Value == "" {
		return // which was said
	}
	i := all.find(name.Value)
	if i < 0 {
		*all = append(*all, name)
		return
	}
	earlier := (*all)[i].At
	if name.At != earlier {
		at = name.At
	}
	d.fail(at, "", "%s %s is already defined at %s", kind, quoted(name.Value), earlier)
}

// known complains about a name that names nothing.
func (d *decoder) known(kind string, name Text, all names) {
	if name.Value == "" || all.find(name.Value) >= 0 {
		return
	}
	var candidates []string
	for _, n := range all {
		candidates = append(candidates, n.Value)
	}
	hint := ""
	if near, ok := spelling.Nearest(name.Value, candidates); ok {
		hint = "did you mean " + quoted(near) + "?"
	}
	d.fail(name.At, hint, "no %s of this file is named %s", kind, quoted(name.Value))
}

// knownOwner complains about an owner that is neither of a director nor the
// owner of external addresses. Deployments are known when manifests are read.
func (d *decoder) knownOwner(file *File, owner Text, directors names) {
	if slices.ContainsFunc(file.External, func(e External) bool { return e.Owner.Value == owner.Value }) {
		return
	}
	director, _, _ := strings.Cut(owner.Value, "/")
	d.known("director", Text{Value: director, At: owner.At}, directors)
}

// VIPPatterns are the default patterns and what the file adds to them.
func (f *File) VIPPatterns() bosh.Patterns {
	patterns := bosh.DefaultPatterns()
	for _, p := range f.VIPProperties.Add {
		patterns.Find = append(patterns.Find, p.Pattern)
	}
	for _, p := range f.VIPProperties.Ignore {
		patterns.Ignore = append(patterns.Ignore, p.Pattern)
	}
	return patterns
}
