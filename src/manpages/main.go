// Command manpages writes the manual pages of ipguard's commands.
//
//	manpages -version V -time SECONDS FOLDER
//
// The pages are made of the same texts as --help. The same input makes the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/ipguard/ipguard/src/internal/cli"
)

func main() {
	version := flag.String("version", "", "version of the program, such as 1.2.3")
	seconds := flag.Int64("time", 0, "date of the pages, in seconds since 1970")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: manpages -version V -time SECONDS FOLDER")
		os.Exit(2)
	}
	if err := write(flag.Arg(0), *version, time.Unix(*seconds, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

func write(folder, version string, date time.Time) error {
	root := cli.Commands(cli.Streams{})
	root.DisableAutoGenTag = true // it would be today's date
	return doc.GenManTree(root, &doc.GenManHeader{Title: "IPGUARD", Section: "1", Date: &date, Source: "ipguard " + version, Manual: "ipguard"}, folder)
}
