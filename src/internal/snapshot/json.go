package snapshot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// deepest is how deep values of a snapshot may be nested; what Write writes has a
// dozen levels.
const deepest = 100

// parse reads JSON into nodes that know their line and column. YAML's own reader
// could do it, at a tenth of the speed, and a snapshot of a large fleet has some
// hundred thousand values.
func parse(file string, data []byte) (*yaml.Node, error) {
	p := &parser{decoder: json.NewDecoder(bytes.NewReader(data)), data: data, line: 1}
	p.decoder.UseNumber()
	node, err := p.value(0)
	if err == nil {
		if _, err = p.decoder.Token(); errors.Is(err, io.EOF) {
			return node, nil
		}
		if err == nil {
			err = errors.New("something stands behind its end")
		}
	}
	p.move()
	return nil, &source.Error{
		Place:   place.Place{File: file, Line: p.line, Column: p.column()},
		Message: "this is no complete snapshot: " + jsonMessage(err),
		Hint:    collectAgain,
	}
}

const collectAgain = "ipguard collect writes it anew"

// jsonMessage is what is wrong with a JSON text.
func jsonMessage(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends in the middle"
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return cmp.Or(wrongType.Field, "it") + " has the wrong type"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

type parser struct {
	decoder *json.Decoder
	data    []byte
	// at is the offset that line counts to, begin that of the line.
	at, begin, line int
}

// move goes to the next token.
func (p *parser) move() {
	to := min(int(p.decoder.InputOffset()), len(p.data))
	for to < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[to]) >= 0 {
		to++
	}
	for {
		i := bytes.IndexByte(p.data[p.at:to], '\n')
		if i < 0 {
			break
		}
		p.line++
		p.at += i + 1
		p.begin = p.at
	}
	p.at = to
}

func (p *parser) column() int { return utf8.RuneCount(p.data[p.begin:p.at]) + 1 }

func (p *parser) value(depth int) (*yaml.Node, error) {
	p.move()
	n := &yaml.Node{Line: p.line, Column: p.column()}
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	if depth > deepest {
		return nil, fmt.Errorf("it is nested more than %d levels deep", deepest)
	}
	switch v := token.(type) {
	case json.Delim:
		return n, p.parts(n, v, depth)
	case string:
		n.Kind, n.Tag, n.Style, n.Value = yaml.ScalarNode, "!!str", yaml.DoubleQuotedStyle, v
	case json.Number:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!bool", fmt.Sprint(v)
	case nil:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!null", "null"
	}
	return n, nil
}

// parts reads what stands between brackets. The keys of a mapping are values, as
// they are in YAML.
func (p *parser) parts(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for p.decoder.More() {
		child, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	_, err := p.decoder.Token()
	return err
}
