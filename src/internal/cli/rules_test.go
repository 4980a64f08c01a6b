package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/lint"
)

// TestRulesPage keeps docs/rules.md equal to the rules; -update writes it.
func TestRulesPage(t *testing.T) {
	const page = "../../../docs/rules.md"
	if *update {
		writeFile(t, page, []byte(rulesMarkdown()))
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), rulesMarkdown()); diff != "" {
		t.Errorf("(-want +got), go test -update writes it anew:\n%s", diff)
	}
}

// TestEveryRuleIsListed: a family that has no title would vanish from every list.
func TestEveryRuleIsListed(t *testing.T) {
	if err := lint.Validate(lint.Rules()); err != nil {
		t.Error(err)
	}
	text := ruleList()
	for _, r := range lint.Rules() {
		if !strings.Contains(text, "  "+r.ID+" ") {
			t.Errorf("%s is not in the list", r.ID)
		}
	}
}

// TestEveryPageBelongsToARule finds pages that nobody sees.
func TestEveryPageBelongsToARule(t *testing.T) {
	pages, err := filepath.Glob("../lint/pages/*")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		if _, err := ruleNamed(strings.TrimSuffix(filepath.Base(page), ".md")); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}

// errorClass matches what pages name as a director's error.
var errorClass = regexp.MustCompile("`([A-Z][A-Za-z:]+[a-z][A-Z][A-Za-z:]+)`")

// TestPagesNameErrorsThatAreReported: a class that the packages which follow
// the director do not know is none that a finding ever shows.
func TestPagesNameErrorsThatAreReported(t *testing.T) {
	var code strings.Builder
	var sources []string
	for _, name := range []string{"bosh", "deploy", "ipaddr"} {
		files, err := filepath.Glob("../" + name + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no code in %s: %v", name, err)
		}
		sources = append(sources, files...)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	named := 0
	for _, r := range lint.Rules() {
		for _, match := range errorClass.FindAllStringSubmatch(r.Doc(), -1) {
			named++
			if !strings.Contains(code.String(), `"`+match[1]+`"`) {
				t.Errorf("%s: no problem has the class %s", r.ID, match[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("the pages name %d errors only; the search misses some", named)
	}
}
