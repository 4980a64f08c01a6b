package serve

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

//go:embed demo
var demo embed.FS

// Demo is a configuration with an example plan in a folder, and its database beside it.
func Demo(folder string) (Config, error) {
	files, err := fs.Sub(demo, "demo")
	if err != nil {
		return Config{}, err
	}
	if err := os.CopyFS(filepath.Join(folder, "plan"), files); err != nil {
		return Config{}, err
	}
	return Config{
		Database: fleet.Text{Value: filepath.Join(folder, DefaultDatabase)},
		Fleet:    fleet.Text{Value: filepath.Join(folder, "plan", fleet.FileName)},
	}, nil
}
