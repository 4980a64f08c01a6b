package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Peer is somebody who must be able to send to us: a director, a gateway.
type Peer struct {
	Address netip.Addr
	// Port of TCP to connect to if the peer answers no echo; 0 means ICMP.
	Port uint16
}

// String is ADDRESS or ADDRESS:PORT.
func (p Peer) String() string {
	if p.Port == 0 {
		return p.Address.String()
	}
	return netip.AddrPortFrom(p.Address, p.Port).String()
}

// ParsePeer reads ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.
func ParsePeer(text string) (Peer, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return Peer{Address: a}, nil
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap.Port() == 0 {
		return Peer{}, fmt.Errorf("%q is neither ADDRESS nor ADDRESS:PORT", text)
	}
	return Peer{Address: ap.Addr(), Port: ap.Port()}, nil
}

// Moving are addresses that move between stations, one owner at a time, and the
// stations that may have them; none means that any may.
type Moving map[netip.Addr][]frame.MAC

// ParseMoving reads words of the form ADDRESS or ADDRESS=MAC[,MAC…].
func ParseMoving(words []string) (Moving, error) {
	moving := Moving{}
	for _, text := range words {
		name, list, given := strings.Cut(text, "=")
		a, err := netip.ParseAddr(name)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("%q: %q is no address", text, name)
		}
		moving[a.Unmap()] = nil
		if !given {
			continue
		}
		for word := range strings.SplitSeq(list, ",") {
			m, err := frame.ParseMAC(word)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", text, err)
			}
			moving[a.Unmap()] = append(moving[a.Unmap()], m)
		}
	}
	return moving, nil
}

// Config is what the configuration file says, joined with the options.
type Config struct {
	Shared map[netip.Addr]acd.Sharing
	Peers  []Peer
	// Inventory are addresses of other hosts and the stations that may have
	// them; no station means that the first one seen is believed.
	Inventory map[netip.Addr][]frame.MAC
	Moving    Moving
}

// configFile is its form.
type configFile struct {
	Shared    []string               `yaml:"shared"`
	Peers     []string               `yaml:"peers"`
	Inventory map[string]stationList `yaml:"inventory"`
	VIPs      []string               `yaml:"vips"`
}

// stationList is one MAC, a list of them, or nothing.
type stationList []string

func (l *stationList) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(l))
	}
	if n.Tag == "!!null" {
		return nil
	}
	*l = []string{n.Value}
	return nil
}

func readConfig(o Options) (Config, error) {
	c := Config{Shared: maps.Clone(o.Shared), Peers: append([]Peer(nil), o.Peers...), Inventory: map[netip.Addr][]frame.MAC{}, Moving: maps.Clone(o.Moving)}
	if c.Moving == nil {
		c.Moving = Moving{}
	}
	if c.Shared == nil {
		c.Shared = map[netip.Addr]acd.Sharing{}
	}
	if o.ConfigFile == "" {
		return c, nil
	}
	b, err := regularfile.Read(o.ConfigFile)
	if err != nil {
		return c, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := c.parse(b); err != nil {
		return c, fmt.Errorf("%s: %w", o.ConfigFile, err)
	}
	return c, nil
}

func (c *Config) parse(b []byte) error {
	var f configFile
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, text := range f.Shared {
		a, s, err := acd.ParseSharing(text)
		if err != nil {
			return fmt.Errorf("shared: %w", err)
		}
		c.Shared[a] = s
	}
	for _, text := range f.Peers {
		p, err := ParsePeer(text)
		if err != nil {
			return fmt.Errorf("peers: %w", err)
		}
		c.Peers = append(c.Peers, p)
	}
	moving, err := ParseMoving(f.VIPs)
	if err != nil {
		return fmt.Errorf("vips: %w", err)
	}
	maps.Copy(c.Moving, moving)
	for text, stations := range f.Inventory {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("inventory: %s is no address", strconv.Quote(text))
		}
		c.Inventory[a] = nil
		for _, s := range stations {
			m, err := frame.ParseMAC(s)
			if err != nil {
				return fmt.Errorf("inventory: %s: %w", a, err)
			}
			c.Inventory[a] = append(c.Inventory[a], m)
		}
	}
	return nil
}
