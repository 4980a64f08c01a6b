//go:build !race

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"mvdan.cc/sh/v3/syntax"

	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// A document's shell blocks are one session of bash, as a reader types it: it begins in
// the top folder of a fresh clone, and goes on from block to block. What follows "sh"
// where a block begins says what is not so:
//
//	```sh exit 1              the last command of the block ends with 1, not 0
//	```sh shared              needs the folder "shared" beside the checkout
//	```sh not run: REASON     is not run here
//
// A reason that names a step of scripts/test says which one runs the block.

// mostNotRun is how many blocks of all documents may be left out.
const mostNotRun = 8

// block is a shell block of a document.
type block struct {
	// line is that of the first command in the document.
	line   int
	text   string
	exit   int
	shared bool
	notRun string
}

// document is a Markdown file, as far as its commands go.
type document struct {
	name   string
	blocks []block
	yaml   []block
	// mentioned are the pieces of code in running text, by line.
	mentioned []mention
	// wrong are blocks of which nobody knows what they are.
	wrong []string
}

type mention struct {
	line int
	text string
}

// readDocument takes a Markdown text apart.
func readDocument(name, content string) document {
	d := document{name: name}
	source := []byte(content)
	lineOf := func(offset int) int { return 1 + bytes.Count(source[:offset], []byte("\n")) }
	tree := goldmark.DefaultParser().Parse(text.NewReader(source))
	ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.CodeBlock:
			d.wrong = append(d.wrong, fmt.Sprintf("%d: an indented block says of no language; write ```sh, ```yaml or ```text", lineOf(n.Lines().At(0).Start)))
		case *ast.FencedCodeBlock:
			if n.Info == nil || n.Lines().Len() == 0 {
				d.wrong = append(d.wrong, "a block without a language, or an empty one")
				break
			}
			d.addBlock(string(n.Info.Segment.Value(source)), lineOf(n.Lines().At(0).Start), string(n.Lines().Value(source)))
		case *ast.CodeSpan:
			piece, ok := n.FirstChild().(*ast.Text)
			if ok {
				d.mentioned = append(d.mentioned, mention{lineOf(piece.Segment.Start), string(piece.Segment.Value(source))})
			}
		}
		return ast.WalkContinue, nil
	})
	return d
}

// addBlock adds a fenced block if it is a shell's.
func (d *document) addBlock(info string, line int, content string) {
	language, rest, _ := strings.Cut(info, " ")
	switch language {
	case "sh":
	case "yaml":
		d.yaml = append(d.yaml, block{line: line, text: content})
		return
	case "text", "json":
		return
	default:
		d.wrong = append(d.wrong, fmt.Sprintf("%d: unknown language %q", line, language))
		return
	}
	b := block{line: line, text: content}
	var isNotRun, isExit bool
	b.notRun, isNotRun = strings.CutPrefix(rest, "not run: ")
	exit, isExit := strings.CutPrefix(rest, "exit ")
	b.shared = rest == "shared"
	var err error
	switch {
	case isNotRun:
	case isExit:
		b.exit, err = strconv.Atoi(exit)
		fallthrough
	default:
		b.notRun = ""
		if rest != "" && !isExit && !b.shared || err != nil {
			d.wrong = append(d.wrong, fmt.Sprintf("%d: sh is followed by %q, which is nothing known", line, rest))
		}
	}
	d.blocks = append(d.blocks, b)
}

// command is one command of a block.
type command struct {
	line int
	text string
	exit int
}

// commands are those of the block, in their order.
func (b block) commands() ([]command, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(b.text), "")
	if err != nil {
		return nil, err
	}
	// A command goes on to where the next one begins, so that what it reads (<<EOF) is its own.
	var list []command
	for i, stmt := range file.Stmts {
		end := uint(len(b.text))
		if i+1 < len(file.Stmts) {
			end = file.Stmts[i+1].Pos().Offset()
		}
		c := command{line: b.line + int(stmt.Pos().Line()) - 1, text: strings.TrimSpace(b.text[stmt.Pos().Offset():end])}
		c.text = strings.TrimSuffix(c.text, ";")
		if i+1 == len(file.Stmts) {
			c.exit = b.exit
		}
		list = append(list, c)
	}
	return list, nil
}

// documents are the Markdown files that tell people what to do; changes tell what was.
func documents(t *testing.T) []document {
	t.Helper()
	var list []document
	for _, pattern := range []string{"*.md", "docs/*.md", "scripts/*.md", "manifests-examples/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, readDocument(name, readText(t, path)))
		}
	}
	return list
}

// TestDocumentedCommands runs every command of README, CONTRIBUTING and docs as it is
// written, from where it is said to be run, and holds it to the exit code that is told.
func TestDocumentedCommands(t *testing.T) {
	sharedtest.Programs(t, "bash", "git", "go")
	compileOnce(t)
	checkout := committed(t)
	notRun := 0
	var ran atomic.Int64
	t.Run("pages", func(t *testing.T) {
		for _, d := range documents(t) {
			for _, wrong := range d.wrong {
				t.Errorf("%s:%s", d.name, wrong)
			}
			for _, b := range d.blocks {
				if b.notRun != "" {
					notRun++
					checkReason(t, d.name, b)
				}
			}
			if len(d.blocks) == 0 {
				continue
			}
			t.Run(strings.ReplaceAll(d.name, "/", "_"), func(t *testing.T) {
				t.Parallel()
				done, failures := newSession(t, checkout).run(d)
				ran.Add(int64(done))
				for _, failure := range failures {
					t.Error(failure)
				}
			})
		}
	})
	if notRun > mostNotRun {
		t.Errorf("%d blocks are not run; find a double for one", notRun)
	}
	t.Logf("%d commands ran, %d blocks did not", ran.Load(), notRun)
}

// checkReason says which block is not run and why, and whether the step of scripts/test
// that the reason names is one.
func checkReason(t *testing.T, document string, b block) {
	t.Helper()
	t.Logf("%s:%d: not run here: %s", document, b.line, b.notRun)
	step := regexp.MustCompile(`\bstep (\w+)`).FindStringSubmatch(b.notRun)
	if step != nil && !strings.Contains(readText(t, filepath.Join(root, "scripts/test")), "\nstep_"+step[1]+"() {") {
		t.Errorf("%s:%d: scripts/test has no step %s", document, b.line, step[1])
	}
	if _, err := b.commands(); err != nil {
		t.Errorf("%s:%d: %v", document, b.line, err)
	}
}

// TestWrongCommandsInDocuments: what is wrong in a document is found, with its line.
func TestWrongCommandsInDocuments(t *testing.T) {
	sharedtest.Programs(t, "bash", "git")
	d := readDocument("made.md", strings.Join([]string{
		"```sh", "cd manifests-examples/incident", "ipguard lnt", "echo well", "```", // 3
		"```sh", "ipguard lint", "```", // 7: ends with 1
		"```sh exit 1", "ipguard lint", "```",
		"```sh", "bosh -d web deply web.yml", "bosh -d web deploy missing.yml", "```", // 13, 14
		"```sh", "ipguard who 10.8.52.191 | grep nobody", "cat <<EOF", "a  b", "EOF", "exit 4", "```", // 17, 21
	}, "\n"))
	ran, failures := newSession(t, committed(t)).run(d)
	var lines []string
	for _, failure := range failures {
		lines = append(lines, strings.Split(failure, ":")[1])
	}
	if want := []string{"3", "7", "13", "14", "17", "21"}; !slices.Equal(lines, want) || ran != 10 {
		t.Errorf("%d commands ran, wrong are those of lines %v\n%s", ran, lines, strings.Join(failures, "\n"))
	}
	for name, content := range map[string]string{
		"indented": "text\n\n    ipguard lint\n", "no language": "```\nipguard lint\n```\n",
		"unknown": "```bash\nipguard lint\n```\n", "unknown mark": "```sh perhaps\nipguard lint\n```\n",
	} {
		if d := readDocument("made.md", content); len(d.wrong) != 1 {
			t.Errorf("%s: %q", name, d.wrong)
		}
	}
}

// fleetKey begins a block that is a fleet file or a part of one.
var fleetKey = regexp.MustCompile(`(?m)^(directors|segments|external|pools|allow|gate):`)

// TestDocumentedFleetFiles: what pages show of fleet files is taken as it is written,
// with a director and the segment that it names where it shows none.
func TestDocumentedFleetFiles(t *testing.T) {
	checked := 0
	for _, d := range documents(t) {
		for _, b := range d.yaml {
			keys := fleetKey.FindAllString(b.text, -1)
			if len(keys) == 0 || d.name == "docs/rules.md" || d.name == "docs/fleet.md" {
				continue // those two have tests of their own
			}
			checked++
			text := b.text
			if !slices.Contains(keys, "directors:") {
				text += "directors: [{name: promo}, {name: lab}]\n"
			}
			if !slices.Contains(keys, "segments:") {
				text += "segments: [{name: vlan-52, subnets: [{cloud_properties: {name: VLAN-52}}]}]\n"
			}
			if _, troubles := fleet.Parse("ipguard.yml", []byte(text)); len(troubles) > 0 {
				t.Errorf("%s:%d: %v", d.name, b.line, troubles[0])
			}
		}
	}
	if checked < 4 {
		t.Errorf("only %d blocks are fleet files", checked)
	}
}

// TestMentionedCommands: commands in running text are known, with all their flags; what
// is below scripts exists.
func TestMentionedCommands(t *testing.T) {
	checked := 0
	for _, d := range documents(t) {
		for _, m := range d.mentioned {
			words := strings.Fields(m.text)
			if len(words) == 0 {
				continue
			}
			if strings.HasPrefix(words[0], "scripts/") && !strings.ContainsAny(words[0], "*…") {
				checked++
				if _, err := os.Stat(filepath.Join(root, words[0])); err != nil {
					t.Errorf("%s:%d: %v", d.name, m.line, err)
				}
			}
			if words[0] != "ipguard" || len(words) == 1 {
				continue
			}
			checked++
			if err := checkMention(words[1:]); err != nil {
				t.Errorf("%s:%d: %s: %v", d.name, m.line, m.text, err)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d commands were found in running text", checked)
	}
}

// checkMention reports a command or a flag that ipguard does not have.
func checkMention(words []string) error {
	found, rest, err := cli.Commands(cli.Streams{}).Find(words)
	if err != nil {
		return err
	}
	if !found.HasParent() && !strings.HasPrefix(words[0], "-") && words[0] != "ARGS..." {
		return fmt.Errorf("no such command")
	}
	if found.Name() == "bosh" {
		return nil // its flags are bosh's
	}
	found.InitDefaultHelpFlag()
	for _, word := range rest {
		name, long := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(name, "=")
		if long && name != "" && found.Flags().Lookup(name) == nil && found.InheritedFlags().Lookup(name) == nil {
			return fmt.Errorf("no flag --%s", name)
		}
	}
	return nil
}
