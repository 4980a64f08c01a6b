package snapshot

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// holdsVMs reports whether the value of a key is a list of VMs: of the whole
// snapshot, or of one deployment.
func holdsVMs(key string, depth int) bool {
	return key == "orphaned_vms" && depth == 0 || key == "vms" && depth == 2
}

// vmList reads a list of VMs into the parser's lists, under the node that it
// returns.
func (p *parser) vmList() (*yaml.Node, error) {
	n := p.node(yaml.SequenceNode)
	n.Tag = "!!seq"
	if p.decoder.PeekKind() != '[' {
		return nil, p.wrong("a list belongs here")
	}
	p.vms = p.vms[:0]
	err := p.each(func() error {
		if err := p.another(); err != nil {
			return err
		}
		vm, err := p.vm()
		p.vms = append(p.vms, vm)
		return err
	})
	p.lists[n] = slices.Clone(p.vms)
	return n, err
}

func (p *parser) wrong(message string) error {
	p.move()
	return &trouble.Trouble{At: p.place(), Message: message, Hint: collectAgain}
}

// each reads a list or mapping and calls read for each of its elements, or keys.
func (p *parser) each(read func() error) error {
	if _, err := p.decoder.ReadToken(); err != nil {
		return err
	}
	for {
		switch p.decoder.PeekKind() {
		case ']', '}':
			_, err := p.decoder.ReadToken()
			return err
		case 0: // what is wrong is told by the next read
			_, err := p.decoder.ReadToken()
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
}

func (p *parser) vm() (vm VM, err error) {
	p.move()
	vm.At, vm.Index = p.place(), Untold
	if p.decoder.PeekKind() != '{' {
		return vm, p.wrong("a mapping belongs here")
	}
	err = p.each(func() error {
		key, err := p.text()
		if err != nil {
			return err
		}
		switch key {
		case "deployment":
			vm.Deployment, err = p.text()
		case "group":
			vm.Group, err = p.text()
		case "id":
			vm.ID, err = p.unique()
		case "az":
			vm.AZ, err = p.text()
		case "index":
			vm.Index, err = p.count()
		case "inactive":
			vm.Inactive, err = p.flag()
		case "absent":
			vm.Absent, err = p.flag()
		case "expected":
			vm.Expected, err = p.flag()
		case "ips":
			vm.Addresses, err = p.addresses()
		default:
			err = p.decoder.SkipValue()
		}
		return err
	})
	return vm, err
}

// unique reads a string that stands nowhere else.
func (p *parser) unique() (string, error) {
	value, err := p.stringValue()
	return string(value), err
}

// text reads a string. Names come again and again: each is kept once.
func (p *parser) text() (string, error) {
	value, err := p.stringValue()
	if known, ok := p.words[string(value)]; ok || err != nil {
		return known, err
	}
	s := string(value)
	p.words[s] = s
	return s, nil
}

// stringValue reads what stands between quotes; it is good until the next read.
func (p *parser) stringValue() ([]byte, error) {
	if p.decoder.PeekKind() != '"' {
		return nil, p.wrong("a string belongs here")
	}
	value, err := p.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(value, '\\') >= 0 {
		return jsontext.AppendUnquote(nil, value)
	}
	return value[1 : len(value)-1], nil
}

func (p *parser) flag() (bool, error) {
	if kind := p.decoder.PeekKind(); kind != 't' && kind != 'f' {
		return false, p.wrong("true or false belongs here")
	}
	token, err := p.decoder.ReadToken()
	return token.Kind() == 't', err
}

// count reads a number from 0.
func (p *parser) count() (int, error) {
	if p.decoder.PeekKind() != '0' {
		return 0, p.wrong("a number belongs here")
	}
	token, err := p.decoder.ReadToken()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(token.String())
	if err != nil || n < 0 {
		return 0, p.wrong("a whole number from 0 belongs here")
	}
	return n, nil
}

func (p *parser) addresses() ([]Address, error) {
	if p.decoder.PeekKind() != '[' {
		return nil, p.wrong("a list belongs here")
	}
	var list []Address
	err := p.each(func() error {
		if err := p.another(); err != nil {
			return err
		}
		if len(list) == MaxAddresses {
			return p.wrong(fmt.Sprintf("a VM has no more than %d addresses", MaxAddresses))
		}
		p.move()
		at := p.place()
		s, err := p.unique()
		if err != nil {
			return err
		}
		granted, ok := parseGranted(s)
		if !ok {
			return &trouble.Trouble{At: at, Message: "an address belongs here", Hint: collectAgain}
		}
		list = append(list, Address{Text: s, Block: bosh.Block{Range: granted, At: at}})
		return nil
	})
	return list, err
}
