//go:build !race

// Package packaging reads the packages of the BOSH release with bosh-cli's own reader.
// scripts/check-release makes the release, compiles it, and compares fingerprints.
package packaging

import (
	"errors"
	"io"
	"os"
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

// programs have a package each.
var programs = []string{"ipguard", "ipguard-server"}

// TestFiles: a package gets what was staged for its program, and nothing of the other.
func TestFiles(t *testing.T) {
	const marker = "staged/staged-by-scripts-create-release"
	src := t.TempDir()
	staged := []string{marker, "staged/run"}
	for _, program := range programs {
		staged = append(staged, "staged/"+program+"/go.mod", "staged/"+program+"/vendor/modules.txt", "staged/"+program+"/src/internal/lint/pages/rule.md")
	}
	for _, name := range staged {
		path := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range programs {
		packed, err := packedFiles(t, program, src)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"packaging", "pre_packaging", marker}
		for _, name := range staged {
			if strings.HasPrefix(name, "staged/"+program+"/") {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, packed); diff != "" {
			t.Errorf("package %s (-missing, +superfluous):\n%s", program, diff)
		}
	}
}

// TestNotStaged is about "bosh create-release" without scripts/create-release.
func TestNotStaged(t *testing.T) {
	for _, program := range programs {
		_, err := packedFiles(t, program, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "Missing files for pattern 'staged/staged-by-scripts-create-release'") {
			t.Errorf("%s without staging: %v; want an error that names the script", program, err)
		}
	}
}

// packedFiles are the files of a package, relative to src, sorted.
func packedFiles(t *testing.T, name, src string) ([]string, error) {
	t.Helper()
	var names []string
	collect := func(args resource.ArchiveFactoryArgs) resource.Archive {
		for _, file := range args.Files {
			names = append(names, filepath.ToSlash(file.RelativePath))
		}
		return notArchived{}
	}
	folder, err := filepath.Abs(filepath.Join(root, "packages", name))
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
