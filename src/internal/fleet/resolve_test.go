package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

func load(t *testing.T, path string) *File {
	t.Helper()
	file, errs := Load(source.NewFiles(strings.NewReader("")), path)
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	return file
}

// TestResolve follows the paths of the fleet file of each page of
// testdata/resolve, whose other files are the files of the fleet.
func TestResolve(t *testing.T) {
	for _, p := range pages(t, "testdata/resolve/*.txtar") {
		t.Run(p.name(), func(t *testing.T) {
			p.extract(t, "want", "errors")
			path := FileName
			if _, ok := p.file(path); !ok {
				path = "fleets/" + FileName
			}
			directors, errs := load(t, path).Resolve()
			p.compare(t, "want", resolvedLines(directors))
			p.compare(t, "errors", lines(errs))
		})
	}
}

func resolvedLines(directors []Sources) string {
	var b strings.Builder
	for _, d := range directors {
		fmt.Fprintf(&b, "%s\n", d.Name)
		if d.Snapshot != nil {
			fmt.Fprintf(&b, "  snapshot %s\n", d.Snapshot.Path)
		}
		for _, kind := range Kinds() {
			for _, f := range *d.Files(kind) {
				fmt.Fprintf(&b, "  %s %d:%d %s", kind, f.At.Line, f.At.Column, f.Path)
				if f.Name != "" {
					fmt.Fprintf(&b, " as %s", f.Name)
				}
				if f.Lacking != nil {
					fmt.Fprintf(&b, " lacking %s (hint: %s)", f.Lacking, f.Lacking.Hint)
				}
				fmt.Fprintf(&b, "%s\n", inputsText(f.Inputs))
			}
		}
	}
	return b.String()
}

func inputsText(in interpolate.Inputs) string {
	var b strings.Builder
	for _, list := range []struct {
		flag  string
		texts []string
	}{{"-o", in.OpsFiles}, {"-l", in.VarsFiles}, {"--vars-env", in.VarsEnv}} {
		for _, text := range list.texts {
			b.WriteString(" " + list.flag + " " + text)
		}
	}
	for _, kv := range in.VarFiles {
		b.WriteString(" --var-file " + kv.Name + "=" + kv.Value)
	}
	for _, v := range in.Values {
		fmt.Fprintf(&b, " -v %s=%s@%d:%d", v.Name, v.Value.Text(), v.Value.Place().Line, v.Value.Place().Column)
	}
	if in.VarsStore != "" {
		b.WriteString(" --vars-store " + in.VarsStore)
	}
	return b.String()
}

// TestResolveFromElsewhere shows paths from three working directories.
func TestResolveFromElsewhere(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"fleet/promo", "near", "a/very/deep/folder/far/away/from/there"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "fleet/ipguard.yml"), "directors: [{name: p, deployments: [promo/*.yml]}]")
	write(t, filepath.Join(root, "fleet/promo/m.yml"), "")
	for dir, want := range map[string]string{
		"fleet":       "promo/m.yml",
		"fleet/promo": "m.yml",
		"near":        "../fleet/promo/m.yml",
		"":            "fleet/promo/m.yml",
	} {
		t.Chdir(filepath.Join(root, dir))
		file := load(t, filepath.Join(root, "fleet/ipguard.yml"))
		directors, errs := file.Resolve()
		if len(errs) > 0 {
			t.Fatal(lines(errs))
		}
		got := directors[0].Deployments[0].Path
		if got != want {
			t.Errorf("from %q: %s, want %s", dir, got, want)
		}
		if _, err := os.Stat(got); err != nil {
			t.Errorf("from %q: %v", dir, err)
		}
	}
}

// TestShownIsNeverLonger: a path far away is shown as it is.
func TestShownIsNeverLonger(t *testing.T) {
	deep := filepath.Join(t.TempDir(), strings.Repeat("d/", 30))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	if got := shown("/etc/hosts"); got != "/etc/hosts" {
		t.Errorf("got %s", got)
	}
}

// TestGlobAndLinks: ** does not go through links between folders, which may lead
// in circles; a link that is named is followed, and so is a link to a file.
func TestGlobAndLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"real", "fleet"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, "real/m.yml", "")
	for link, target := range map[string]string{
		"fleet/around": ".", "fleet/again": ".", "fleet/real": "../real", "fleet/file.yml": "../real/m.yml",
	} {
		if err := os.Symlink(target, link); err != nil {
			sharedtest.Unavailable(t, "cannot make links here: %v", err)
		}
	}
	for glob, want := range map[string][]string{
		"fleet/**/*.yml":    {"fleet/file.yml"},
		"fleet/real/*.yml":  {"fleet/real/m.yml"},
		"fleet/r*/m.yml":    {"fleet/real/m.yml"},
		"fleet/real/**.yml": {"fleet/real/m.yml"},
	} {
		write(t, FileName, fmt.Sprintf("directors: [{name: p, deployments: [%q]}]", glob))
		directors, errs := load(t, FileName).Resolve()
		if len(errs) > 0 {
			t.Errorf("%s: %s", glob, lines(errs))
		}
		var got []string
		for _, f := range directors[0].Deployments {
			got = append(got, f.Path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", glob, diff)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFind looks for the fleet file from several places of one tree.
func TestFind(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	for _, dir := range []string{
		"fleet/.git", "fleet/promo/web", "fleet/own/deep",
		"bare/.git", "bare/promo", "worktree/promo", "outer/inner/.git", "outer/inner/promo",
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"fleet/ipguard.yml", "fleet/own/ipguard.yml", "outer/ipguard.yml", "fleet/promo/web/m.yml"} {
		write(t, path, "directors: [{name: a}]")
	}
	write(t, "worktree/.git", "gitdir: elsewhere")
	for start, want := range map[string]string{
		"fleet":                         "fleet/ipguard.yml",
		"fleet/promo/web":               "fleet/ipguard.yml",
		"fleet/promo/web/m.yml":         "fleet/ipguard.yml",
		"fleet/promo/web/not-there.yml": "fleet/ipguard.yml",
		"fleet/own/deep":                "fleet/own/ipguard.yml fleet/ipguard.yml",
		"fleet/own/ipguard.yml":         "fleet/own/ipguard.yml fleet/ipguard.yml",
		"bare/promo":                    "", // the git root ends the search
		"worktree/promo":                "", // .git is a file in worktrees and submodules
		"outer/inner/promo":             "",
	} {
		got, err := FindAll(start)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v; want %q", start, got, err, want)
		}
	}
	t.Chdir(filepath.Join(root, "fleet/promo/web"))
	if got, _ := FindAll("m.yml"); !slices.Equal(got, []string{"../../ipguard.yml"}) {
		t.Errorf("from below: %q", got)
	}
}
