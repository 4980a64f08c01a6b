//go:build !race

package layout

import (
	"go/ast"
	"slices"
	"testing"
)

// TestMessagesTakeValues wants a message that quotes a value to be given the value,
// which formats as what may be shown of it, and never its text.
func TestMessagesTakeValues(t *testing.T) {
	tree := readTree(t)
	messages := 0
	for _, folder := range []string{"internal/bosh", "internal/deploy"} {
		for _, file := range tree[folder] {
			ast.Inspect(file.syntax, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !slices.Contains([]string{"Add", "Warn", "WithCure", "refuse", "hidden"}, methodOf(call)) {
					return true
				}
				messages++
				for _, arg := range call.Args {
					if text, ok := arg.(*ast.CallExpr); ok && slices.Contains([]string{"Text", "Coerced"}, methodOf(text)) {
						t.Errorf("%s: give the message the value, not its text, which may have come through a variable", file.at(text.Pos()))
					}
				}
				return true
			})
		}
	}
	if messages < 50 {
		t.Errorf("only %d messages were found: the test looks in the wrong place", messages)
	}
}

// methodOf is the name of the method that is called; empty for other calls.
func methodOf(call *ast.CallExpr) string {
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		return selector.Sel.Name
	}
	return ""
}
