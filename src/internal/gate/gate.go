// Package gate stands in the way of a bosh command line: it knows which ones
// change who has an address, which files they would send, and how to run the real
// bosh so that it gets the very bytes that were judged.
//
//	arguments ──Parse──▶ Change: command, names, files ──(lint, elsewhere)──▶ Substitute ──▶ Run
//	                                   └──Hold──▶ /dev/fd/N: bytes that nobody can change
//
// The command line is read by go-flags and the option definitions of bosh-cli
// (definitions.go), so that an option means here what it means there. Where it
// cannot be told what bosh would do, Parse fails: the gate must not be open because
// somebody has a newer bosh.
//
// Run replaces the process (execve(2)), so that streams, terminal, signals, job
// control and exit code are bosh's own.
package gate

import (
	"slices"
	"strings"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsystem "github.com/cloudfoundry/bosh-utils/system"
)

// Kind is what a command line changes.
type Kind string

// The kinds of changes.
const (
	Deployment    Kind = "deployment"
	CloudConfig   Kind = "cloud config"
	RuntimeConfig Kind = "runtime config"
	CreateEnv     Kind = "create-env"
)

// Change is a command line of bosh that changes who has an address.
type Change struct {
	// Command is its name without abbreviation, such as "update-config".
	Command string
	Kind    Kind
	// Name is that of the deployment (-d) or of the config; empty if it was not
	// given, and for create-env.
	Name string
	// Environment is an alias or URL of the director, as -e or BOSH_ENVIRONMENT has
	// it. ConfigPath is bosh's configuration file. CACert is the path or the text of
	// the certificate that --ca-cert or BOSH_CA_CERT gives.
	Environment, ConfigPath, CACert string
	// Path is the manifest or config as it was given. For all but create-env "-" is
	// standard input.
	Path string
	VarFlags
	OpsFlags
}

// defaultConfig is the name of a config that is updated without one.
const defaultConfig = "default"

// Role is what a file is to a command.
type Role string

// The roles of files.
const (
	Manifest Role = "manifest"
	OpsFile  Role = "ops file"
	VarsFile Role = "vars file"
	VarFile  Role = "var file"
	Store    Role = "vars store"
)

// File is one file that the command line names.
type File struct {
	Role Role
	// Name is that of the variable; VarFile only.
	Name string
	// Path is as bosh opens it, and "-" for standard input.
	Path string
	// value is what stands on the command line, option aside.
	value string
}

// InPlace says that bosh must find the file under its own path: it reads it more
// than once and keeps its state beside it, or writes it.
func (c *Change) InPlace(f File) bool {
	return f.Role == Store || f.Role == Manifest && c.Kind == CreateEnv
}

// Files are the files of the command line, the manifest or config first.
func (c *Change) Files() []File {
	manifest := File{Role: Manifest, Path: c.Path, value: c.Path}
	if c.Path != "-" || c.Kind == CreateEnv {
		manifest.Path = expanded(c.Path)
	}
	files := []File{manifest}
	for _, path := range c.OpsFiles {
		files = append(files, File{Role: OpsFile, Path: asFile(path), value: path})
	}
	for _, path := range c.VarsFiles {
		files = append(files, File{Role: VarsFile, Path: asFile(path), value: path})
	}
	for _, pair := range c.VarFiles {
		name, path, _ := strings.Cut(pair, "=")
		files = append(files, File{Role: VarFile, Name: name, Path: expanded(path), value: pair})
	}
	if c.VarsFSStore != "" {
		files = append(files, File{Role: Store, Path: expanded(c.VarsFSStore), value: c.VarsFSStore})
	}
	return files
}

// asFile keeps a file named - apart from standard input.
func asFile(path string) string {
	if path == "-" {
		return "./-"
	}
	return path
}

// expanded is a path as bosh makes it absolute, with ~ for the home folder. Files
// of -o and -l it opens as they are.
func expanded(path string) string {
	if path == "" {
		return ""
	}
	fs := boshsystem.NewOsFileSystem(boshlog.NewLogger(boshlog.LevelNone))
	absolute, err := fs.ExpandPath(path)
	if err != nil {
		return asFile(path) // no home or working folder: opening it tells
	}
	return absolute
}

func (c *Change) values() []string {
	var values []string
	for _, f := range c.Files() {
		values = append(values, f.value)
	}
	return values
}

// sameButFiles reports whether two changes differ at most in the files they name.
func (c *Change) sameButFiles(o *Change) bool {
	return c.Command == o.Command && c.Kind == o.Kind && c.Name == o.Name && c.Environment == o.Environment &&
		c.ConfigPath == o.ConfigPath && c.CACert == o.CACert && slices.Equal(c.VarKVs, o.VarKVs) && slices.Equal(c.VarsEnvs, o.VarsEnvs)
}
