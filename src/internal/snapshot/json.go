package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// deepest is how deep values of a snapshot may be nested; what Write writes has a
// dozen levels.
const deepest = 100

// MaxAddresses is how many addresses a VM may have, and how many values any other list
// that is part of what a director tells of one thing.
const MaxAddresses = 4096

// maxRead is how many values, VMs and addresses a snapshot may have. Each takes some 200
// bytes of memory; collect keeps far less.
const maxRead = 2_000_000

// parse reads JSON into nodes that know their line and column. YAML's own reader
// could do it, at a tenth of the speed, and a snapshot of a large fleet has some
// hundred thousand values.
//
// VMs are most of a snapshot, and nobody but Read looks at them: where a list of
// them belongs, the node is empty, and the VMs are in the result's lists.
func parse(file string, data []byte) (*parsed, error) {
	p := newParser(file, data)
	node, err := p.value(0)
	if err == nil {
		if _, err = p.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return &parsed{node, p.lists}, nil
		}
		if err == nil {
			err = errors.New("something stands behind its end")
		}
	}
	var placed *trouble.Trouble
	if errors.As(err, &placed) {
		return nil, placed
	}
	p.move()
	return nil, &trouble.Trouble{
		At:      place.Place{File: file, Line: p.line, Column: p.column()},
		Message: "this is no complete snapshot: " + jsonMessage(err),
		Hint:    collectAgain,
	}
}

// parsed is a snapshot's text, read.
type parsed struct {
	root  *yaml.Node
	lists map[*yaml.Node][]VM
}

const collectAgain = "ipguard collect writes it anew"

// jsonMessage is what is wrong with a JSON text.
func jsonMessage(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends in the middle"
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return syntax.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

type parser struct {
	decoder *jsontext.Decoder
	data    []byte
	file    string
	// at is the offset that line and column (from 0) count to.
	at, line, before int
	lists            map[*yaml.Node][]VM
	words            map[string]string // texts that come again and again
	nodes            []yaml.Node       // made, and not yet used
	vms              []VM              // of the list that is being read
	read             int               // values, VMs and addresses
}

func newParser(file string, data []byte) *parser {
	return &parser{
		decoder: jsontext.NewDecoder(bytes.NewBuffer(data)), data: data, line: 1, file: file,
		lists: map[*yaml.Node][]VM{}, words: map[string]string{},
	}
}

// another counts a value, a VM or an address.
func (p *parser) another() error {
	if p.read++; p.read > maxRead {
		return p.wrong(fmt.Sprintf("a snapshot has no more than %d values", maxRead))
	}
	return nil
}

// node makes a node at the next token. Memory is asked for many at a time, since
// there are many.
func (p *parser) node(kind yaml.Kind) *yaml.Node {
	const atOnce = 64
	if len(p.nodes) == 0 {
		p.nodes = make([]yaml.Node, atOnce)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	p.move()
	n.Kind, n.Line, n.Column = kind, p.line, p.column()
	return n
}

func (p *parser) place() place.Place {
	return place.Place{File: p.file, Line: p.line, Column: p.column()}
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
		p.before = 0
	}
	p.before += utf8.RuneCount(p.data[p.at:to])
	p.at = to
}

func (p *parser) column() int { return p.before + 1 }

func (p *parser) value(depth int) (*yaml.Node, error) {
	if err := p.another(); err != nil {
		return nil, err
	}
	n := p.node(yaml.ScalarNode)
	if p.decoder.PeekKind() == '"' {
		var err error
		n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
		n.Value, err = p.text()
		return n, err
	}
	token, err := p.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	if depth > deepest {
		return nil, fmt.Errorf("it is nested more than %d levels deep", deepest)
	}
	switch token.Kind() {
	case '{', '[':
		return n, p.parts(n, token.Kind(), depth)
	case '0':
		n.Tag, n.Value = "!!int", token.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case 't', 'f':
		n.Tag, n.Value = "!!bool", token.String()
	case 'n':
		n.Tag, n.Value = "!!null", token.String()
	}
	return n, nil
}

// parts reads what stands between brackets. The keys of a mapping are values, as
// they are in YAML.
func (p *parser) parts(n *yaml.Node, open jsontext.Kind, depth int) error {
	end := jsontext.Kind(']')
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	if open == '{' {
		end = '}'
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for p.decoder.PeekKind() != end {
		child, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
		if open == '{' && holdsVMs(child.Value, depth) {
			list, err := p.vmList()
			if err != nil {
				return err
			}
			n.Content = append(n.Content, list)
		} else if open == '{' {
			value, err := p.value(depth + 1)
			if err != nil {
				return err
			}
			n.Content = append(n.Content, value)
		}
	}
	_, err := p.decoder.ReadToken()
	return err
}
