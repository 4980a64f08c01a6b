package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"text/template/parse"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// Names of owners, groups, networks and files are chosen by whoever pushes them, and shown
// to all. So whatever a template shows is made legible, without a word in the template;
// what must not be is marked there: kept is what a form or a link sends back as it is, and
// lines is a text of several lines.

// parsed are templates that show every text so that it says what it says.
func parsed(files fs.FS, words template.FuncMap, pattern string) *template.Template {
	t := template.New("").Funcs(words).Funcs(template.FuncMap{"legible": legibly, "kept": asItIs, "lines": lines})
	t = template.Must(t.ParseFS(files, pattern))
	for _, one := range t.Templates() {
		if one.Tree != nil {
			makeLegible(one.Tree.Root)
		}
	}
	return t
}

// makeLegible ends every action that shows something with the function legible.
func makeLegible(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			makeLegible(child)
		}
	case *parse.IfNode:
		makeLegible(n.List)
		makeLegible(n.ElseList)
	case *parse.RangeNode:
		makeLegible(n.List)
		makeLegible(n.ElseList)
	case *parse.WithNode:
		makeLegible(n.List)
		makeLegible(n.ElseList)
	case *parse.ActionNode:
		switch last := len(n.Pipe.Cmds) - 1; {
		case len(n.Pipe.Decl) > 0 || isCallOf(n.Pipe.Cmds[last], "lines"):
			return
		case isCallOf(n.Pipe.Cmds[last], "kept"): // it was a mark: a call costs, in each cell of a grid
			n.Pipe.Cmds = n.Pipe.Cmds[:last]
			return
		}
		n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{parse.NewIdentifier("legible").SetPos(n.Pos)}})
	}
}

// isCallOf reports whether a command calls a function and has no argument.
func isCallOf(c *parse.CommandNode, function string) bool {
	name, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && len(c.Args) == 1 && name.Ident == function
}

// legibly is what is shown of a value.
func legibly(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return legible.Text(v)
	case bool, int, int64:
		return v
	}
	return legible.Text(fmt.Sprint(v))
}

func asItIs(v any) any { return v }

func lines(text string) string {
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = legible.Text(all[i])
	}
	return strings.Join(all, "\n")
}

// withoutHidden is a page in which no hidden character stands as it is: those that are
// left are in what is kept, and a browser reads there what they stand for.
func withoutHidden(page []byte) []byte {
	hides := func(r rune) bool { return r != '\n' && r != '\t' && legible.Hidden(r) }
	if bytes.IndexFunc(page, hides) < 0 {
		return page
	}
	var b bytes.Buffer
	for _, r := range string(page) {
		if hides(r) {
			fmt.Fprintf(&b, "&#x%x;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}
