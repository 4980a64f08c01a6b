package interpolate

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// maxWork bounds, in bytes, what bosh's engine goes through to put variables into texts:
// for each variable of a text the whole text, once more.
const maxWork = 1 << 30

// expansion counts what the variables of a document stand for, before any of it is made:
// the engine puts in what it is given, and a few lines of ((name)) can stand for more
// than a machine holds.
type expansion struct {
	vars  *variables
	sizes map[string]extent // of values, by the name used
	extent
	work int
}

// extent is how many values there are, and how many bytes of text.
type extent struct{ values, bytes int }

func (e *extent) add(o extent) { e.values, e.bytes = e.values+o.values, e.bytes+o.bytes }

// checkExpansion returns a *trouble.Trouble at the place where it is too much.
func (e *evaluation) checkExpansion() error {
	x := &expansion{vars: e.vars, sizes: map[string]extent{}}
	if err := x.node(e.root); err != nil {
		return err
	}
	for _, o := range e.ops {
		if o.value == nil {
			continue
		}
		if err := x.node(o.value); err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) node(n *node) error {
	switch v := n.value.(type) {
	case *mapping:
		for i, key := range v.keys {
			if err := x.node(key); err != nil {
				return err
			}
			if err := x.node(v.values[i]); err != nil {
				return err
			}
		}
	case *sequence:
		for _, item := range v.items {
			if err := x.node(item); err != nil {
				return err
			}
		}
	case string:
		if strings.Contains(v, "((") {
			return x.text(v, n.at)
		}
	}
	return nil
}

// text adds what the variables of a text stand for.
func (x *expansion) text(text string, at place.Place) error {
	uses, own := 0, extent{bytes: len(text)}
	for _, match := range variableUse().FindAllStringSubmatch(text, -1) {
		size := x.sizeOf(strings.TrimPrefix(match[1], "!"))
		if size.values > 0 {
			uses++
		}
		own.add(size)
		x.add(size)
		if x.values > source.MaxExpanded || x.bytes > source.MaxExpandedBytes {
			return &trouble.Trouble{At: at, Message: fmt.Sprintf("the variables up to here stand for more than %d values or %d MiB",
				source.MaxExpanded, source.MaxExpandedBytes>>20)}
		}
	}
	if x.work += uses * own.bytes; uses > 1 && x.work > maxWork {
		return &trouble.Trouble{At: at, Message: "this text has too many variables with too long values"}
	}
	return nil
}

// sizeOf is the extent of what a name stands for, with that of the variables in it:
// the engine may come upon them. What has no value has none.
func (x *expansion) sizeOf(name string) extent {
	if size, ok := x.sizes[name]; ok {
		return size
	}
	size := extent{}
	if value := x.value(name); value != nil {
		size = value.extent(func(text string) (inner extent) {
			for _, match := range variableUse().FindAllStringSubmatch(text, -1) {
				if value := x.value(strings.TrimPrefix(match[1], "!")); value != nil {
					inner.add(value.extent(nil))
				}
				if inner.values > source.MaxExpanded || inner.bytes > source.MaxExpandedBytes {
					break
				}
			}
			return inner
		})
	}
	x.sizes[name] = size
	return size
}

func (x *expansion) value(name string) *node {
	head, rest, dotted := strings.Cut(name, ".")
	given, ok := x.vars.lookup(head)
	switch {
	case !ok:
		return nil
	case dotted:
		return given.traced.dig(strings.ReplaceAll(rest, ".", "/"))
	}
	return given.traced
}

// extent is how much the value is; further, if given, tells what is added by a text with
// variables in it.
func (n *node) extent(further func(text string) extent) extent {
	size := extent{values: 1}
	switch v := n.value.(type) {
	case *mapping:
		for i, key := range v.keys {
			size.add(key.extent(further))
			size.add(v.values[i].extent(further))
		}
	case *sequence:
		for _, item := range v.items {
			size.add(item.extent(further))
		}
	case string:
		size.bytes = len(v)
		if further != nil && strings.Contains(v, "((") {
			size.add(further(v))
		}
	}
	return size
}
