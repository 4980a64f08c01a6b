//go:build !race

package layout

import (
	"go/ast"
	"strings"
	"testing"
)

// TestNothingIsCompiledAtStart wants regular expressions of packages to be compiled when
// they are used: a run starts in the time that all of them would take.
func TestNothingIsCompiledAtStart(t *testing.T) {
	tree := readTree(t)
	lazy := 0
	for folder, files := range tree {
		if !strings.HasPrefix(folder, "internal/") {
			continue // programs for maintainers
		}
		for _, file := range files {
			for _, declaration := range file.syntax.Decls {
				if _, ok := declaration.(*ast.GenDecl); !ok {
					continue
				}
				ast.Inspect(declaration, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok {
						return true
					}
					switch selector, _ := call.Fun.(*ast.SelectorExpr); {
					case selector == nil:
					case selector.Sel.Name == "MustCompile" || selector.Sel.Name == "MustCompilePOSIX":
						t.Errorf("%s: compile it by lazyregexp.New", file.at(call.Pos()))
					case isName(selector.X, "lazyregexp"):
						lazy++
					}
					return true
				})
			}
		}
	}
	if lazy < 20 {
		t.Errorf("only %d lazy expressions were found: the test looks in the wrong place", lazy)
	}
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
