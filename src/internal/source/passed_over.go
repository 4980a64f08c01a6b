package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/linebreak"
	"github.com/ipguard/ipguard/src/internal/place"
)

// PassedOver is a part of a text that no reader of it looks at.
type PassedOver struct {
	At place.Place
	// Key stands again behind it, and that one counts; empty for a document behind
	// the first one.
	Key   string
	Again place.Place
	// Marker is where the first document ends: at its "---" or "...". A Stray text has
	// none before it, and Marker is where the first document begins.
	Marker place.Place
	Stray  bool
}

// PassedOver are the parts of the text that nobody who reads the document sees:
// documents behind the first one, and all but the last of equal keys.
func (d *Document) PassedOver() []PassedOver { return d.passedOver }

// Inherit takes over what was passed over in the text that d was made of, and in what
// was put into it.
func (d *Document) Inherit(from *Document, inputs ...PassedOver) *Document {
	d.passedOver = slices.Concat(from.passedOver, inputs)
	return d
}

// HasMore reports whether anything but comments stands behind the first document, be it a
// second one without a value.
func (d *Document) HasMore() bool { return d.more }

// findNext notes what rest has behind the first document, YAML or not: a reader of YAML
// stops where that ends (YAML 1.2.2, sections 9.1.2 to 9.2).
func (d *Document) findNext(text []byte, rest *yaml.Decoder) {
	for {
		var next yaml.Node
		err := rest.Decode(&next)
		if errors.Is(err, io.EOF) {
			return
		}
		d.more = true
		if err == nil && (len(next.Content) == 0 || next.Content[0].Kind == yaml.ScalarNode && next.Content[0].Value == "") {
			continue
		}
		d.passedOver = append(d.passedOver, d.behind(text, err))
		return
	}
}

// behind finds where what stands behind the first document begins; err is the library's
// if it is no YAML.
func (d *Document) behind(text []byte, err error) PassedOver {
	if isUTF16(text) {
		text = fromUTF16(text)
	}
	var marker place.Place // where the first document ends, once it has
	begun := false
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		content, column := line, 1
		isMarker := markerAt(line)
		if isMarker {
			content, column = line[len("---"):], 1+len("---")
		}
		switch {
		case isMarker && begun && !marker.IsValid():
			marker = place.Place{File: d.file, Line: number, Column: 1}
		case isMarker:
			begun = begun || line[0] == '-'
		}
		trimmed := bytes.TrimLeft(content, " \t\r\n")
		directive := line[0] == '%' && (!begun || marker.IsValid())
		if len(trimmed) == 0 || trimmed[0] == '#' || directive {
			continue
		}
		if marker.IsValid() {
			return PassedOver{At: place.Place{File: d.file, Line: number, Column: column + len(content) - len(trimmed)}, Marker: marker}
		}
		begun = true
	}
	stray := PassedOver{At: d.PlaceOf(d.root), Marker: d.PlaceOf(d.root), Stray: true}
	if err != nil {
		line := libraryLine(err)
		if strings.HasPrefix(err.Error(), "yaml: line ") && strings.HasSuffix(err.Error(), "<document start>") {
			line++ // the library counts these from 0
		}
		stray.At.Line, _ = linebreak.Find(text).Position(line, 1)
		stray.At.Column = 1
	}
	return stray
}

// markerAt reports whether a line begins or ends a document.
func markerAt(line []byte) bool {
	return (bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))) && (len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0)
}

// fromUTF16 is a text with a byte order mark in UTF-8.
func fromUTF16(text []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if text[0] == 0xfe {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(text)/2)
	for i := 2; i+1 < len(text); i += 2 {
		units = append(units, order.Uint16(text[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}
