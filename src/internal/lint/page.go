package lint

import (
	"embed"
	"strings"
)

// pages are the rules' pages: Markdown without a heading. An example is one or
// several code blocks in a row,
//
//	```yaml bad
//	# a/cloud-config.yml
//	networks: …
//	```
//
// each a file, whose first line is a comment with its name and, behind a comma,
// what it is where that does not show ("for create-env"). bad says that linting
// the files reports the rule, good that it reports nothing; a good example shows
// only the files that change. The folder of a file is its director. What lint
// needs but the reader does not is added where a test runs the example (package
// cli).
//
//go:embed pages/*.md
var pages embed.FS

// page returns what reads the page of a rule: few runs look at one. Every rule has a
// page; a rule without is a mistake that no test of the rules survives.
func page(id string) func() string {
	return func() string {
		text, err := pages.ReadFile("pages/" + id + ".md")
		if err != nil {
			panic("lint: rule " + id + " has no page: " + err.Error())
		}
		return strings.TrimSpace(string(text))
	}
}

// Example is files that lint finds fault with, or does not.
type Example struct {
	Good  bool
	Files []ExampleFile
}

// ExampleFile is one file of an example.
type ExampleFile struct {
	Name string
	// Purpose is what the comment says behind the name, such as "for create-env".
	Purpose string
	// Text is the whole file, the comment included.
	Text string
}

// exampleFence begins a code block of an example; the word behind it is bad or good.
const exampleFence = "```yaml "

// Examples returns the examples of a rule's page. Blocks of one verdict with
// nothing but blank lines between them are one example.
func (r Rule) Examples() []Example {
	var list []Example
	joined := false // the next block belongs to the last example
	var block []string
	verdict, inside := "", false
	for line := range strings.Lines(r.Doc() + "\n") {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case inside && line == "```":
			good := verdict == "good"
			if !joined || list[len(list)-1].Good != good {
				list = append(list, Example{Good: good})
			}
			last := &list[len(list)-1]
			last.Files = append(last.Files, newExampleFile(block))
			inside, joined = false, true
		case inside:
			block = append(block, line)
		case strings.HasPrefix(line, exampleFence):
			verdict, inside, block = strings.TrimPrefix(line, exampleFence), true, nil
		case line != "":
			joined = false
		}
	}
	return list
}

// newExampleFile reads "# NAME" or "# NAME, PURPOSE" in the first line.
func newExampleFile(lines []string) ExampleFile {
	title := ""
	if len(lines) > 0 {
		title = strings.TrimPrefix(lines[0], "# ")
	}
	name, purpose, _ := strings.Cut(title, ", ")
	return ExampleFile{Name: name, Purpose: purpose, Text: strings.Join(lines, "\n") + "\n"}
}
