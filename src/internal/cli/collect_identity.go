package cli

import (
	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// keptUUIDs are the UUIDs of the directors that the snapshots on disk are of. One
// that cannot be read says nothing: collect mends it.
func keptUUIDs(file *fleet.File) map[string]string {
	kept := map[string]string{}
	for _, d := range file.Directors {
		if d.Snapshot.Value == "" {
			continue
		}
		path, err := file.PathOf(d.Snapshot)
		if err != nil {
			continue
		}
		if head, err := snapshot.ReadHead(path); err == nil {
			kept[d.Name.Value] = head.Director.UUID
		}
	}
	return kept
}

// store writes a director's snapshot as soon as it is there, if the one on disk is
// of the same director. What nothing confirms waits for the others: two that say to
// be one are neither.
func (c *collector) store(r collect.Result) {
	name := r.Target.Name
	switch {
	case r.Err == collect.ErrInterrupted:
		c.unasked = append(c.unasked, name)
		return
	case r.Err != nil:
		c.refuse(name, r.Err.Hint, "%s", r.Err)
		return
	}
	uuid := r.Snapshot.Director.UUID
	c.told[name] = uuid
	switch other := c.whoseIs(name, uuid); {
	case other != "":
		c.refuse(name, oneTooMany, "directors %s and %s are one: it says that its UUID is %s, which the snapshot of %s has", other, name, uuid, other)
	case c.kept[name] != "" && c.kept[name] != uuid && !c.newDirector:
		c.refuse(name, "mend its environment, or, if the director was made anew, run ipguard collect --new-director "+name,
			"another director answers: its UUID is %s, and its snapshot is of %s", orNone(uuid), c.kept[name])
	case c.kept[name] == uuid && uuid != "":
		c.write(r)
	default:
		c.held = append(c.held, r)
	}
}

// oneTooMany is the hint of two directors that are one.
const oneTooMany = "mend its environment, or keep one of the two in the fleet file"

func orNone(uuid string) string {
	if uuid == "" {
		return "not told"
	}
	return uuid
}

// whoseIs returns the other director of the fleet file whose snapshot on disk has
// the UUID, "" if there is none.
func (c *collector) whoseIs(name, uuid string) string {
	for _, d := range c.fleet.Directors {
		if d.Name.Value != name && uuid != "" && c.kept[d.Name.Value] == uuid {
			return d.Name.Value
		}
	}
	return ""
}

// storeHeld writes what waited, but for directors that say to be one.
func (c *collector) storeHeld() {
	for _, r := range c.held {
		name, uuid := r.Target.Name, r.Snapshot.Director.UUID
		if twin := c.twinOf(name, uuid); twin != "" {
			c.refuse(name, oneTooMany, "directors %s and %s are one: both say that their UUID is %s", twin, name, uuid)
			continue
		}
		c.write(r)
	}
}

// twinOf returns the first other director of this run that says to have the UUID.
func (c *collector) twinOf(name, uuid string) string {
	for _, t := range c.targets {
		if t.Name != name && uuid != "" && c.told[t.Name] == uuid {
			return t.Name
		}
	}
	return ""
}
