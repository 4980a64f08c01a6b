package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// MaxFileSize is the largest file that is read, in bytes. It stops a lint that
// was pointed at a disk image; the largest public manifest has 90 kB.
const MaxFileSize = 256 << 20

// Files reads texts and keeps them, so that a finding can show its lines also
// when the text came from standard input or from a pipe that is gone. It is
// safe for concurrent use.
type Files struct {
	// Named reports whether a person named a path, who may mean a pipe by it: it is
	// waited for. Nil: nobody named any.
	Named func(path string) bool
	stdin io.Reader
	// Names are the names that came through variables into what was read; nil if
	// nobody asks for them.
	Names *Names

	mu    sync.Mutex
	texts map[string][]byte
	pipes map[string]bool     // those of the texts that cannot be read twice
	lines map[string][]string // of texts of which a line was asked for
}

// NewFiles returns an empty store; stdin is what the path "-" reads.
func NewFiles(stdin io.Reader) *Files {
	return &Files{stdin: stdin, texts: map[string][]byte{}, pipes: map[string]bool{}, lines: map[string][]string{}}
}

// Anew returns a store that has read nothing yet but what cannot be read twice: standard
// input and pipes.
func (f *Files) Anew() *Files {
	anew := NewFiles(f.stdin)
	anew.Names, anew.Named = f.Names, f.Named
	f.mu.Lock()
	defer f.mu.Unlock()
	for path := range f.pipes {
		anew.texts[path], anew.pipes[path] = f.texts[path], true
	}
	return anew
}

// Read returns the text at path ("-": standard input), reading it once. The
// error is an *trouble.Trouble whose place names the path.
func (f *Files) Read(path string) ([]byte, error) {
	f.mu.Lock()
	text, ok := f.texts[path]
	f.mu.Unlock()
	if ok {
		return text, nil
	}
	return f.ReadAs(path, path)
}

// ReadAs reads the text at path and keeps it under another name, which stands for
// it from then on. The error is an *trouble.Trouble whose place has that name.
func (f *Files) ReadAs(name, path string) ([]byte, error) {
	f.Names.Open(path)
	text, again, err := f.readOnce(path)
	if err != nil {
		return nil, readError(name, path, err)
	}
	f.Keep(name, text)
	if !again {
		f.mu.Lock()
		f.pipes[name] = true
		f.mu.Unlock()
	}
	return text, nil
}

// Keep stores a text under a name, so that Line can show it.
func (f *Files) Keep(name string, text []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.texts[name] = text
	delete(f.lines, name)
}

// Len is how many texts were read or kept so far.
func (f *Files) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.texts)
}

// Each calls visit for every text that was read or kept, in the order of names.
func (f *Files) Each(visit func(name string, text []byte)) {
	f.mu.Lock()
	texts := maps.Clone(f.texts)
	f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		visit(name, texts[name])
	}
}

// Line returns line n (from 1) of a text that was read before, without its
// line end.
func (f *Files) Line(name string, n int) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, ok := f.texts[name]
	if !ok || n < 1 {
		return "", false
	}
	lines, ok := f.lines[name]
	if !ok {
		lines = strings.Split(string(text), "\n")
		f.lines[name] = lines
	}
	if n > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[n-1], "\r"), true
}

// readOnce reads a text; again says that it could be read once more.
func (f *Files) readOnce(path string) (text []byte, again bool, err error) {
	if path == "-" {
		text, err = readLimited(f.stdin, 0)
		return text, false, err
	}
	open := regularfile.Open
	if f.Named != nil && f.Named(path) {
		open = regularfile.OpenNamed
	}
	file, info, err := open(path)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	text, err = readLimited(file, info.Size())
	return text, info.Mode().IsRegular(), err
}

// readLimited reads to the end; size is how long the text probably is. Of what has no end it
// holds no more than the limit.
func readLimited(r io.Reader, size int64) ([]byte, error) {
	const piece = 1 << 20
	rest := io.LimitReader(r, MaxFileSize+1)
	text := make([]byte, 0, min(size, MaxFileSize)+bytes.MinRead) // what it needs to see the end
	text, err := readInto(text, rest)
	pieces, total := [][]byte{text}, len(text)
	for err == nil {
		var next []byte
		next, err = readInto(make([]byte, 0, piece), rest)
		pieces, total = append(pieces, next), total+len(next)
	}
	switch {
	case err != io.EOF:
		return nil, err
	case total > MaxFileSize:
		return nil, fmt.Errorf("it is larger than %d MiB", MaxFileSize>>20)
	case len(pieces) == 1:
		return text, nil
	}
	return bytes.Join(pieces, nil), nil
}

// readInto fills what is free of b. The error is io.EOF at the end.
func readInto(b []byte, r io.Reader) ([]byte, error) {
	for len(b) < cap(b) {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

func readError(name, path string, err error) *trouble.Trouble {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	e := &trouble.Trouble{At: place.Place{File: name}, Message: "cannot read this file: " + err.Error()}
	if errors.Is(err, fs.ErrNotExist) {
		e.Message = Missing(path)
		if variable, ok := assignment(name); ok {
			e.At.File, e.Message = variable+"=…", "no such file, but perhaps a variable: -v NAME=VALUE sets one"
		}
	}
	return e
}

// assigned is a text of the form of -v, which may have got to where a path belongs.
var assigned = lazyregexp.New(`^([A-Za-z_][\w.-]*)=`)

// assignment tells the name of a variable from a path that is none: what follows it may
// be a secret.
func assignment(path string) (name string, ok bool) {
	found := assigned().FindStringSubmatch(path)
	if found == nil || slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path)) {
		return "", false
	}
	return found[1], true
}
