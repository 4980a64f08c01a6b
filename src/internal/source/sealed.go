package source

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// A text that came through a variable and may not be shown never leaves its document:
// readers get a seal in its place, a word that is the same for the same text of the same
// director. So the plan is computed as with the text itself, and whatever is done to a name
// on its way to a reader (escaped, cut, trimmed, taken for a URL) is done to the seal.
// Names.Shown writes ((variables)) for seals. What others have written in plain text is not
// touched, though it be the same word: seal.Same knows it again.

// aVariable is a variable as directors and the CLI take one.
var aVariable = lazyregexp.New(`\(\( ?!?[-/.\w\pL]+ ?\)\)`)

// Text is a scalar's text as a reader may have it: as it was written, quotes and escapes
// resolved, or a seal in its place. A template of another tool is a variable to readers: what
// it will be is as unknown. Empty for everything but scalars.
func (v Value) Text() string {
	raw := v.Raw()
	if v.doc == nil || v.doc.names == nil || strings.TrimSpace(raw) == "" {
		return raw
	}
	if t, ok := unfilledIn(raw); ok {
		return t.standIn(raw, v.Shown())
	}
	if v.MayBeShown() {
		return v.doc.names.Openly(raw)
	}
	if kind, _ := scan(v.Node()); kind == Bool || kind == Nil {
		return raw
	} else if kind != String && kind != Symbol {
		return v.sealedNumber(raw) // dates among them
	}
	if strings.Contains(raw, "((") { // what it will be is not known, so that nobody compares it
		return strings.Join(aVariable().FindAllString(raw, -1), Unknown)
	}
	return v.doc.names.seal(raw, v.Shown())
}

// sealedNumber is what stands for the text of a number where secrets are: a seal, if it is
// long enough for one. Whatever else is written that way is the same name.
func (v Value) sealedNumber(text string) string {
	switch {
	case v.doc == nil || v.doc.names == nil:
		return text
	case v.isWithheld() && len(text) >= fewestDigits:
		return v.doc.names.seal(text, v.Shown())
	}
	return v.doc.names.Openly(text)
}

// fewestDigits are those of a number that may be a secret, such as a PIN.
const fewestDigits = 4

// sealed is a text that may not be shown, of its owner.
type sealed struct{ owner, text string }

// seal notes what is shown for a text, and returns what stands for it until then.
func (n *Names) seal(text, shown string) string {
	all := n.all()
	all.mu.Lock()
	defer all.mu.Unlock()
	key := sealed{n.owner, text}
	word, known := all.seals[key]
	if !known {
		if all.seals == nil {
			all.seals, all.sealed = map[sealed]string{}, map[string]string{}
		}
		word = seal.Of(n.owner, text)
		all.seals[key] = word
		isName := isPlainName(text)
		all.late = all.late || all.openly[key] || isName // of plain names nobody notes which were read
		if isName {
			all.plain.Store(true)
		}
	}
	shown = onlyPlain(shown)
	if was, ok := all.sealed[word]; !ok || shown < was { // whoever comes first
		all.sealed[word] = shown
	}
	return word
}

// Openly is what stands for a text that was written where it stands: the seal of what came
// through a variable elsewhere in the files of its owner, so that both are one name; else
// itself.
func (n *Names) Openly(text string) string {
	all := n.all()
	if n == nil || isPlainName(text) && !all.plain.Load() {
		return text
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	key := sealed{n.owner, text}
	if word, ok := all.seals[key]; ok || isPlainName(text) {
		return cmp.Or(word, text)
	}
	if all.openly == nil {
		all.openly = map[sealed]bool{}
	}
	all.openly[key] = true
	return text
}

// Late reports whether a text that a variable brought had been read openly before, since
// it was asked last: then two names that are one were taken for two, and all has to be
// read again.
func (n *Names) Late() bool {
	if n == nil {
		return false
	}
	all := n.all()
	all.mu.Lock()
	defer all.mu.Unlock()
	late := all.late
	all.late = false
	return late
}

// MayBeShown reports whether all of a text may be shown, and so written down.
func (n *Names) MayBeShown(text string) bool { return string(n.Shown([]byte(text))) == text }

// onlyPlain is a text that stands in all formats as it is.
func onlyPlain(shown string) string {
	return strings.Map(func(r rune) rune {
		if place.IsPlain(r) || strings.ContainsRune("() /:,…!", r) || unicode.IsLetter(r) {
			return r
		}
		return '…'
	}, shown)
}
