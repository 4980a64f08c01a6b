package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image writes ipguard-V.oci.tar: an image for each architecture of linux with the
// program and nothing else, as an archive of an OCI image layout.
func (d *distribution) image() error {
	folder, err := os.MkdirTemp("", "ipguard-image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, t := range targets {
		if t.os != "linux" {
			continue
		}
		image, err := d.imageOf(folder, t.arch)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: t.os, Architecture: t.arch}}})
	}
	tagged := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index,
		Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": d.version}}})
	written := filepath.Join(folder, "layout")
	if _, err := layout.Write(written, tagged); err != nil {
		return err
	}
	return d.write("ipguard-"+d.version+".oci.tar", func(w io.Writer) error {
		list, err := filesBelow(written)
		if err != nil {
			return err
		}
		return d.tar(w, list)
	})
}

// imageOf is the image of an architecture; its layer is kept in folder.
func (d *distribution) imageOf(folder, arch string) (v1.Image, error) {
	path := filepath.Join(folder, "layer-"+arch+".tar")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := d.tar(f, []entry{{d.program("linux", arch), "usr/bin/ipguard", 0o755}}); err != nil {
		f.Close()
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromFile(path, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1),
		mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: d.date}, CreatedBy: "scripts/dist"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: d.date}
	config.Config.Entrypoint = []string{"/usr/bin/ipguard"}
	config.Config.Env = []string{"PATH=/usr/bin"}
	config.Config.Labels = map[string]string{"org.opencontainers.image.title": "ipguard", "org.opencontainers.image.version": d.version}
	return mutate.ConfigFile(image, config)
}

// filesBelow are all files below a folder, by their names in it.
func filesBelow(folder string) ([]entry, error) {
	var list []entry
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		list = append(list, entry{path, filepath.ToSlash(name), 0o644})
		return err
	})
	return list, err
}
