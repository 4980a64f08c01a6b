package central

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// notGiving are the keys of a fleet file that decide nothing about what is given: those of
// findings, and of the command line. What is said of directors is read with their files.
var notGiving = []string{"directors", "allow", "severities", "server", "snapshots", "gate", "left_out"}

// givingBy is the digest of all that a fleet file, and the files of the directors that it
// names, say about what may be given. Servers that have the same give no address that
// another one would not. Nothing that was pushed is in it: that is in the database, for all.
func (p *Plan) givingBy(w *workspace.Workspace, files *source.Files) (string, error) {
	h := sha256.New()
	all, err := p.fleetFile(files)
	if err != nil {
		return "", err
	}
	for _, i := range byKey(all) {
		if !slices.Contains(notGiving, all.Content[i].Value) {
			writeWords(h, all.Content[i])
			writeWords(h, all.Content[i+1])
		}
	}
	for _, d := range w.Fleet.Directors {
		fmt.Fprintf(h, "\ndirector %q", d.Name)
		if d.Snapshot != nil {
			fmt.Fprintf(h, " at most %s old", d.Snapshot.MaxAge)
		}
		s, err := survey.Promised(d, w.Loader, files, workspace.Keep(w.Fleet.File), nil, time.Time{})
		if err != nil { // it is told with its place, which differs from server to server
			fmt.Fprint(h, " cannot be read")
			continue
		}
		s.Collected = time.Time{}
		h.Write(s.Encode())
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// fleetFile is the server's fleet file as a mapping, without aliases.
func (p *Plan) fleetFile(files *source.Files) (*yaml.Node, error) {
	text, err := files.Read(p.FleetFile)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("the fleet file is no mapping")
	}
	return withoutAliases(doc.Content[0]), nil
}

// byKey are the indexes of a mapping's keys, in the order of the keys.
func byKey(mapping *yaml.Node) []int {
	var list []int
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		list = append(list, i)
	}
	slices.SortStableFunc(list, func(a, b int) int { return strings.Compare(mapping.Content[a].Value, mapping.Content[b].Value) })
	return list
}

// writeWords writes what a YAML value says, however it is written: two that write the same
// are the same.
func writeWords(to io.Writer, n *yaml.Node) {
	fmt.Fprintf(to, " %s %q %d", n.ShortTag(), n.Value, len(n.Content))
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			writeWords(to, c)
		}
		return
	}
	for _, i := range byKey(n) {
		writeWords(to, n.Content[i])
		writeWords(to, n.Content[i+1])
	}
}

// nothing is a tag under which nothing is given.
const nothing = "none"

// errMovedOn says that the fleet file changed while a picture was made.
var errMovedOn = errors.New("the fleet file says something else now")

// load tells other servers what this one gives by, if it is not what it did before. Who
// starts has loaded its fleet file, too. Of an old file, read beside a newer one, nothing is
// told. It returns the tag under which addresses may be given.
func (p *Plan) load(ctx context.Context, by string, in Segments, newest bool) (tag string, err error) {
	p.loading.Lock()
	defer p.loading.Unlock()
	if p.loaded != by {
		if !newest {
			return "", errMovedOn
		}
		if err := p.Load(ctx, by, in); err != nil {
			return "", err
		}
		p.loaded = by
	}
	last, tag, err := p.LoadedLast(ctx)
	if err == nil && last != by {
		tag = nothing
	}
	return tag, err
}

// Loaded is the digest of what this server told others that it gives by; empty: nothing.
func (p *Plan) Loaded() string {
	p.loading.Lock()
	defer p.loading.Unlock()
	return p.loaded
}
