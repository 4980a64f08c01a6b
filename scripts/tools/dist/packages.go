package main

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format, as the library wants it
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// pack writes a package of a format for linux.
func (d *distribution) pack(format, arch string) error {
	installed, err := d.installed("linux", arch)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "ipguard", Arch: arch, Platform: "linux", Version: d.version, Release: "1",
		Section: "admin", Priority: "optional", License: "Apache-2.0", MTime: d.date,
		Maintainer:  "the authors of ipguard <ipguard@localhost>",
		Description: "finds IP addresses that two BOSH directors both believe to be theirs\nIn manifests and cloud-configs before a deploy, and on the wire.",
	})
	info.RPM.BuildHost = "localhost"
	info.RPM.Summary = "finds IP addresses that two BOSH directors both believe to be theirs"
	for _, f := range installed {
		source, err := filepath.Abs(f.from)
		if err != nil {
			return err
		}
		info.Contents = append(info.Contents, &files.Content{Source: source, Destination: "/" + f.to,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: fs.FileMode(f.mode), MTime: d.date}})
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	return d.write(fmt.Sprintf("ipguard-%s-%s.%s", d.version, arch, format), func(w io.Writer) error { return packager.Package(info, w) })
}
