package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// entry is a file of an archive: where it lies here, and its name there.
type entry struct {
	from, to string
	mode     int64
}

// installed are the files of a platform, as they lie below the root of a system.
func (d *distribution) installed(system, arch string) ([]entry, error) {
	list := []entry{{d.program(system, arch), "usr/bin/ipguard", 0o755}}
	for _, folder := range []struct{ from, to string }{
		{"man", "usr/share/man/man1"}, {"doc", "usr/share/doc/ipguard"},
		{"completions/bash", "usr/share/bash-completion/completions"},
		{"completions/zsh", "usr/share/zsh/vendor-completions"},
		{"completions/fish", "usr/share/fish/vendor_completions.d"},
	} {
		names, err := fs.Glob(os.DirFS(d.input), path.Join(folder.from, "*"))
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s is empty", filepath.Join(d.input, folder.from))
		}
		for _, name := range names {
			list = append(list, entry{filepath.Join(d.input, name), path.Join(folder.to, path.Base(name)), 0o644})
		}
	}
	return list, nil
}

func (d *distribution) program(system, arch string) string {
	return filepath.Join(d.input, "bin", system+"-"+arch, "ipguard")
}

// archive writes ipguard-V-OS-ARCH.tar.gz: one folder to unpack anywhere.
func (d *distribution) archive(system, arch string) error {
	name := fmt.Sprintf("ipguard-%s-%s-%s", d.version, system, arch)
	installed, err := d.installed(system, arch)
	if err != nil {
		return err
	}
	for i := range installed {
		to := strings.TrimPrefix(installed[i].to, "usr/")
		installed[i].to = path.Join(name, to)
	}
	return d.write(name+".tar.gz", func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := d.tar(z, installed); err != nil {
			return err
		}
		return z.Close()
	})
}

// tar writes a tar archive with the files and the folders above them, sorted.
func (d *distribution) tar(w io.Writer, files []entry) error {
	t := tar.NewWriter(w)
	slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.to, b.to) })
	made := map[string]bool{".": true}
	for _, f := range files {
		if err := d.tarFolders(t, path.Dir(f.to), made); err != nil {
			return err
		}
		text, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.to, Size: int64(len(text)), Mode: f.mode, ModTime: d.date, Format: tar.FormatPAX}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(text); err != nil {
			return err
		}
	}
	return t.Close()
}

func (d *distribution) tarFolders(t *tar.Writer, folder string, made map[string]bool) error {
	if made[folder] {
		return nil
	}
	made[folder] = true
	if err := d.tarFolders(t, path.Dir(folder), made); err != nil {
		return err
	}
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: d.date, Format: tar.FormatPAX})
}

// write makes a file of the output folder.
func (d *distribution) write(name string, content func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(d.output, name))
	if err != nil {
		return err
	}
	if err := content(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// checksums writes SHA256SUMS, as sha256sum reads it.
func (d *distribution) checksums() error {
	names, err := fs.Glob(os.DirFS(d.output), "ipguard*")
	if err != nil {
		return err
	}
	return d.write("SHA256SUMS", func(w io.Writer) error {
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(d.output, name))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(text), name); err != nil {
				return err
			}
		}
		return nil
	})
}
