package snapshot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// ReduceManifest reads the text of a manifest as the director has it, and
// reduces it. A deployment that never succeeded has none.
func (k Keep) ReduceManifest(text string) Content { return reduce(text, k.Manifest) }

// ReduceCreateEnv reads and reduces a manifest of create-env.
func (k Keep) ReduceCreateEnv(text string) Content { return reduce(text, k.CreateEnv) }

// ReduceCloudConfig reads and reduces a cloud-config.
func (k Keep) ReduceCloudConfig(text string) Content { return reduce(text, k.CloudConfig) }

// ReduceRuntimeConfig reads and reduces a runtime config.
func (k Keep) ReduceRuntimeConfig(text string) Content { return reduce(text, k.RuntimeConfig) }

// What is reduced of what a director has. A parsed value takes some 200 bytes, so that
// a text of brackets would take a hundred times its size. Characters that part values
// are counted, of which a text has more than values.
const (
	maxValues = 300_000
	maxText   = 8 << 20
)

func reduce(text string, by func(source.Value) Content) Content {
	if text == "" {
		return Content{}
	}
	if strings.Count(text, "\n")+strings.Count(text, ",")+strings.Count(text, ":")+strings.Count(text, "[")+strings.Count(text, "{") > maxValues || len(text) > maxText {
		return Content{Unreadable: fmt.Sprintf("it has more than %d values or %d MiB", maxValues, maxText>>20)}
	}
	doc, err := source.Parse("", []byte(text))
	if err != nil {
		return unreadable(err)
	}
	if !doc.Root().IsMap() {
		return Content{Unreadable: "it is no mapping"}
	}
	return by(doc.Root())
}

// unreadable says where a text could not be read. Why is not told: messages of a
// YAML library quote what they stumble over.
func unreadable(err error) Content {
	var e *trouble.Trouble
	if errors.As(err, &e) && e.At.Line > 0 {
		return Content{Unreadable: fmt.Sprintf("its line %d is not valid YAML", e.At.Line)}
	}
	return Content{Unreadable: "it is not valid YAML"}
}
