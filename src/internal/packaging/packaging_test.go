// Package packaging holds the BOSH package ipguard against the program: what BOSH
// packs, read by bosh-cli's own reader, is what go builds the program from.
package packaging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/release/pkg"
	"github.com/cloudfoundry/bosh-cli/v7/release/resource"
	"github.com/cloudfoundry/bosh-utils/logger"
	"github.com/cloudfoundry/bosh-utils/system"
	"github.com/google/go-cmp/cmp"
)

const root = "../../.."

// TestFiles wants neither a file too few, with which the package would not compile,
// nor one too many, with which it would be compiled anew for nothing.
func TestFiles(t *testing.T) {
	src := stagedSource(t)
	packed, err := packedFiles(t, src)
	if err != nil {
		t.Fatal(err)
	}
	want := append(programFiles(t), "packaging", "pre_packaging",
		"module/go.mod", "module/go.sum", "module/staged-by-scripts-create-release", "module/vendor/modules.txt")
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), packed); diff != "" {
		t.Errorf("packages/ipguard/spec and the files of the program differ (-missing in the package, +superfluous):\n%s", diff)
	}
}

// TestNotStaged is about "bosh create-release" without scripts/create-release.
func TestNotStaged(t *testing.T) {
	src := stagedSource(t)
	if err := os.RemoveAll(filepath.Join(src, "module")); err != nil {
		t.Fatal(err)
	}
	_, err := packedFiles(t, src)
	if err == nil || !strings.Contains(err.Error(), "Missing files for pattern 'module/staged-by-scripts-create-release'") {
		t.Errorf("without staging: %v; want an error that names the script", err)
	}
}

// stagedSource is a copy of src with the files that scripts/create-release adds.
func stagedSource(t *testing.T) string {
	t.Helper()
	src := filepath.Join(t.TempDir(), "src")
	for _, folder := range []string{"cmd", "internal"} {
		if err := os.CopyFS(filepath.Join(src, folder), os.DirFS(filepath.Join(root, "src", folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "staged-by-scripts-create-release", "vendor/modules.txt"} {
		path := filepath.Join(src, "module", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return src
}

// packedFiles are the files of the package, relative to src, sorted.
func packedFiles(t *testing.T, src string) ([]string, error) {
	t.Helper()
	var names []string
	collect := func(args resource.ArchiveFactoryArgs) resource.Archive {
		for _, file := range args.Files {
			names = append(names, filepath.ToSlash(file.RelativePath))
		}
		return notArchived{}
	}
	folder, err := filepath.Abs(filepath.Join(root, "packages/ipguard"))
	if err != nil {
		t.Fatal(err)
	}
	files := system.NewOsFileSystem(logger.NewWriterLogger(logger.LevelNone, io.Discard))
	_, err = pkg.NewDirReaderImpl(collect, src, filepath.Join(src, "no-blobs"), files).Read(folder)
	slices.Sort(names)
	return names, err
}

// notArchived stands for the archive of files that nobody asks for.
type notArchived struct{}

func (notArchived) Fingerprint() (string, error) { return "none", nil }
func (notArchived) Build(string) (path, digest string, err error) {
	return "", "", errors.ErrUnsupported
}
func (notArchived) CleanUp(string) {}

// programFiles are the project's own files that go builds the program from on a VM,
// relative to src.
func programFiles(t *testing.T) []string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-tags", "vm", "-json=Dir,Module,GoFiles,EmbedFiles", "./src/cmd/ipguard")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off")
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	src, err := filepath.Abs(filepath.Join(root, "src"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.EmbedFiles) {
			relative, err := filepath.Rel(src, filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(relative))
		}
	}
	return names
}
