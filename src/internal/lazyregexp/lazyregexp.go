// Package lazyregexp compiles regular expressions when they are first used. A run of
// ipguard uses few of those that there are, and to compile all of them takes longer
// than to lint a small manifest.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp returns an expression, which it compiles when it is called first.
type Regexp func() *regexp.Regexp

// New returns the expression of a text. As with regexp.MustCompile, a text that is none
// is a mistake, but one that shows at the first use.
func New(text string) Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
