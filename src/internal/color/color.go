// Package color paints text for terminals by SGR sequences (ECMA-48, section 8.3.117).
// Whoever writes text has a Painter, and asks it for each piece: one that is off
// returns text as it is, so that no writer needs to know where its text goes.
package color

// Painter adds colour to text that is otherwise complete; false adds none.
type Painter bool

// Paint returns s in a style, which is a list of SGR parameters such as "1;31". An
// empty style or text stays as it is.
func (p Painter) Paint(style, s string) string {
	if !p || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}
