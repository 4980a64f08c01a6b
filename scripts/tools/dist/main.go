// Command dist packs a built program for those who install it: packages for Debian
// and Red Hat, an image archive, plain archives, checksums.
//
//	dist -version V -time SECONDS -input DIR -output DIR
//
// DIR of -input holds what scripts/dist made: bin/OS-ARCH/ipguard, man, completions,
// doc. The same input makes the same bytes: every date is -time, in seconds since
// 1970, and lists are sorted.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var d distribution
	seconds := flag.Int64("time", 0, "date of all files, in seconds since 1970")
	flag.StringVar(&d.version, "version", "", "version of the program, such as 1.2.3")
	flag.StringVar(&d.input, "input", "", "folder with what was built")
	flag.StringVar(&d.output, "output", "", "folder for what is made; it must exist")
	flag.Parse()
	if flag.NArg() > 0 || d.version == "" || d.input == "" || d.output == "" {
		fmt.Fprintln(os.Stderr, "usage: dist -version V -time SECONDS -input DIR -output DIR")
		os.Exit(2)
	}
	d.date = time.Unix(*seconds, 0).UTC()
	if err := d.make(); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// distribution is what one run makes.
type distribution struct {
	version, input, output string
	date                   time.Time
}

// targets are the platforms of the archives; linux has packages and images, too.
var targets = []struct{ os, arch string }{
	{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"},
}

func (d *distribution) make() error {
	for _, t := range targets {
		if err := d.archive(t.os, t.arch); err != nil {
			return fmt.Errorf("archive of %s-%s: %w", t.os, t.arch, err)
		}
		if t.os != "linux" {
			continue
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := d.pack(format, t.arch); err != nil {
				return fmt.Errorf("%s of %s: %w", format, t.arch, err)
			}
		}
	}
	if err := d.image(); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return d.checksums()
}
