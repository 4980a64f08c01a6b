package source

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
)

// A text that came through a variable and is no plain name never leaves its document:
// readers get a seal in its place, a word that is the same for the same text. So the plan
// is computed as with the text itself, and whatever is done to a name on its way to a
// reader (escaped, cut, trimmed, taken for a URL) is done to the seal. Names.Shown writes
// ((variables)) for seals.

// seal is the word that stands for a text.
func seal(text string) string {
	sum := sha256.Sum256([]byte(text))
	return sealPrefix + hex.EncodeToString(sum[:sealBytes])
}

const (
	sealPrefix = "sealed"
	sealBytes  = 10
)

// aSeal finds seals in what is printed.
var aSeal = lazyregexp.New(sealPrefix + `[0-9a-f]{20}`)

// IsSeal reports whether a text is a seal.
func IsSeal(text string) bool {
	return len(text) == len(sealPrefix)+2*sealBytes && aSeal().MatchString(text)
}

// aVariable is a variable as directors and the CLI take one.
var aVariable = lazyregexp.New(`\(\( ?!?[-/.\w\pL]+ ?\)\)`)

// Text is a scalar's text as a reader may have it: as it was written, quotes and escapes
// resolved, or a seal in its place. Empty for everything but scalars.
func (v Value) Text() string {
	raw := v.Raw()
	if v.doc == nil || v.doc.names == nil || strings.TrimSpace(raw) == "" {
		return raw
	}
	if isWord(raw) && !v.isWithheld() {
		return v.doc.names.Openly(raw)
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

// isWord reports whether a text is a plain name that Names.Shown finds in all that is
// written: no format changes it, and it begins as a word does.
func isWord(text string) bool { return isPlainName(text) && wordEnd([]byte(text)) > 0 }

// seal notes what is shown for a text, and returns what stands for it until then.
func (n *Names) seal(text, shown string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	word, known := n.seals[text]
	if !known {
		if n.seals == nil {
			n.seals, n.sealed = map[string]string{}, map[string]string{}
		}
		word = seal(text)
		n.seals[text] = word
		isWord := isWord(text)
		n.late = n.late || n.openly[text] || isWord // of words nobody notes which were read
		if isWord {
			n.words.Store(true)
		}
	}
	shown = onlyPlain(shown)
	if was, ok := n.sealed[word]; !ok || shown < was { // whoever comes first
		n.sealed[word] = shown
	}
	return word
}

// Openly is what stands for a text that was written where it stands, or in a command line: the
// seal of what came through a variable elsewhere, so that both are one name; else itself.
func (n *Names) Openly(text string) string {
	if n == nil || isWord(text) && !n.words.Load() {
		return text
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if word, ok := n.seals[text]; ok || isWord(text) {
		return cmp.Or(word, text)
	}
	if n.openly == nil {
		n.openly = map[string]bool{}
	}
	n.openly[text] = true
	return text
}

// Late reports whether a text that a variable brought had been read openly before, since
// it was asked last: then two names that are one were taken for two, and all has to be
// read again.
func (n *Names) Late() bool {
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	late := n.late
	n.late = false
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
