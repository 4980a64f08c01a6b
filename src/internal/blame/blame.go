// Package blame asks git who wrote a line last, and when.
//
// It is a courtesy: that there is no git, no checkout, no commit or no time is
// no error, and what is not known is left out. One git process answers for all
// lines of one file.
package blame

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/gitcommand"
	"github.com/ipguard/ipguard/src/internal/place"
)

// Line is one line of a file, counted from 1.
type Line struct {
	File string
	Line int
}

// Change is the last change of a line.
type Change struct {
	// Commit is the commit's full name; empty for a line that is not committed.
	Commit string
	Author place.Name
	// When is the author's time, in the author's time zone.
	When time.Time
}

// processes is how many git processes run at a time.
const processes = 4

// Lines returns the last changes of those lines that git knows. complete is
// false if ctx ended before git had answered for all files.
func Lines(ctx context.Context, lines []Line) (changes map[Line]Change, complete bool) {
	changes = map[Line]Change{}
	byFile := map[string][]int{}
	var checkouts checkouts
	for _, l := range lines {
		if l.Line > 0 && checkouts.hold(l.File) {
			byFile[l.File] = append(byFile[l.File], l.Line)
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		return changes, true
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, processes)
	for file, numbers := range byFile {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found := ofFile(ctx, file, numbers)
			mu.Lock()
			defer mu.Unlock()
			for number, change := range found {
				changes[Line{file, number}] = change
			}
		})
	}
	group.Wait()
	return changes, ctx.Err() == nil
}

// ofFile asks git about some lines of one file.
func ofFile(ctx context.Context, file string, numbers []int) map[int]Change {
	// A textconv would be a program of the configuration's, and counts lines of its own.
	args := []string{"--no-optional-locks", "blame", "--no-textconv", "--line-porcelain"}
	for _, n := range numbers {
		args = append(args, "-L", strconv.Itoa(n)+","+strconv.Itoa(n))
	}
	cmd := gitcommand.New(ctx, filepath.Dir(file), append(args, "--", filepath.Base(file))...)
	cmd.WaitDelay = 100 * time.Millisecond // for a child of git that keeps the pipe
	out, err := cmd.Output()
	if err != nil {
		return nil // not committed, no such line, no repository of git's liking
	}
	return parse(out)
}

// parse reads the porcelain format of git-blame(1) with the headers of every
// line repeated. What it does not understand it leaves out.
func parse(porcelain []byte) map[int]Change {
	found := map[int]Change{}
	var change Change
	var seconds int64
	number, zone := 0, time.UTC
	scanner := bufio.NewScanner(bytes.NewReader(porcelain))
	scanner.Buffer(nil, len(porcelain)+1)
	for scanner.Scan() {
		line := scanner.Text()
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "\t"): // the line itself: the entry ends
			if number > 0 {
				change.When = time.Unix(seconds, 0).In(zone)
				found[number] = change
			}
			change, seconds, number, zone = Change{}, 0, 0, time.UTC
		case key == "author":
			change.Author = place.Name(value)
		case key == "author-time":
			seconds, _ = strconv.ParseInt(value, 10, 64)
		case key == "author-tz":
			zone = parseZone(value)
		case number == 0:
			change.Commit, number = parseHeader(line)
		}
	}
	return found
}

// parseHeader reads "COMMIT ORIGINAL-LINE FINAL-LINE [LINES]". The commit of a
// line that is not committed consists of zeros.
func parseHeader(line string) (commit string, number int) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", 0
	}
	number, err := strconv.Atoi(fields[2])
	if err != nil || number < 1 {
		return "", 0
	}
	if strings.Trim(fields[0], "0") == "" {
		return "", number
	}
	return fields[0], number
}

// parseZone reads "+0130".
func parseZone(text string) *time.Location {
	at, err := time.Parse("-0700", text)
	if err != nil {
		return time.UTC
	}
	return at.Location()
}

// checkouts knows which folders lie in a git checkout, so that no process is
// started for those that do not.
type checkouts map[string]bool

func (c *checkouts) hold(file string) bool {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return false
	}
	if *c == nil {
		*c = checkouts{}
	}
	return c.folder(dir)
}

func (c checkouts) folder(dir string) bool {
	if inside, ok := c[dir]; ok {
		return inside
	}
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	inside := err == nil
	if parent := filepath.Dir(dir); !inside && parent != dir {
		inside = c.folder(parent)
	}
	c[dir] = inside
	return inside
}
