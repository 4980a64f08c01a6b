package snapshot

import (
	"encoding/json"
	"errors"
	"time"
)

// head reads the mapping that a snapshot is, up to the key that ends its head. summed is
// what the head's checksum is of, rest what stands behind the head. Nothing may stand
// between that checksum and the end of the head.
func (p *parser) head(known keptTexts) (h head, summed, rest []byte, err error) {
	switch p.decoder.PeekKind() {
	case '{', 0: // what is wrong is told by the next read
	default:
		return h, nil, nil, p.wrong("a mapping belongs here")
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return h, nil, nil, err
	}
	for p.decoder.PeekKind() == '"' {
		name, err := p.decoder.ReadValue()
		if err != nil {
			return h, nil, nil, err
		}
		key := string(name[1 : len(name)-1])
		switch {
		case key == firstBehind:
			return h, summed, p.data[p.decoder.InputOffset():], nil
		case summed != nil:
			return h, nil, nil, errors.New("something stands behind the checksum of its head")
		case key == lastOfHead:
			summed = p.data[:p.decoder.InputOffset()-int64(len(name))]
		}
		if err := p.headValue(&h, key, known); err != nil {
			return h, nil, nil, err
		}
	}
	_, err = p.decoder.ReadToken() // the end, if it is one
	return h, summed, nil, err
}

// headKeys are those of the head but for its checksums.
var headKeys = []string{"ipguard_snapshot", "collected", "director", "covers", "uses", "routers", "unplaced", "segments", "deployed", "unseen", "kept"}

// headValue reads the value of a key; keys that are not known are passed over.
func (p *parser) headValue(h *head, key string, known keptTexts) (err error) {
	switch key {
	case "ipguard_snapshot":
		h.version, err = p.count()
	case "collected":
		h.Collected, err = p.moment()
	case "director":
		return p.members(map[string]*string{"name": &h.Director.Name, "uuid": &h.Director.UUID, "version": &h.Director.Version, "cpi": &h.Director.CPI}, nil)
	case "covers":
		h.covers, err = list(p, p.unique)
	case "uses":
		h.uses, err = list(p, p.unique)
	case "routers":
		h.Routers, err = list(p, p.count)
	case "unplaced":
		h.Unplaced, err = list(p, p.count)
	case "segments":
		h.Segments, err = list(p, p.unique)
	case "deployed":
		h.Deployed, err = p.count()
	case "unseen":
		h.Unseen, err = list(p, p.unique)
	case "kept":
		h.Kept, err = p.kept(known)
	case "rest":
		h.rest = &checksum{}
		return p.members(map[string]*string{"crc32c": &h.rest.CRC32C}, map[string]*int{"bytes": &h.rest.Bytes})
	case lastOfHead:
		h.head = &checksum{}
		return p.members(map[string]*string{"crc32c": &h.head.CRC32C}, map[string]*int{"bytes": &h.head.Bytes})
	default:
		return p.decoder.SkipValue()
	}
	return err
}

// list reads a list of values.
func list[T any](p *parser, read func() (T, error)) ([]T, error) {
	if p.decoder.PeekKind() != '[' {
		return nil, p.wrong("a list belongs here")
	}
	values := make([]T, 0, 16)
	err := p.each(func() error {
		value, err := read()
		values = append(values, value)
		return err
	})
	return values, err
}

// members reads a mapping of strings and counts; other keys are passed over.
func (p *parser) members(texts map[string]*string, counts map[string]*int) error {
	if p.decoder.PeekKind() != '{' {
		return p.wrong("a mapping belongs here")
	}
	return p.each(func() error {
		key, err := p.unique()
		if err != nil {
			return err
		}
		if text := texts[key]; text != nil {
			*text, err = p.unique()
			return err
		}
		if count := counts[key]; count != nil {
			*count, err = p.count()
			return err
		}
		return p.decoder.SkipValue()
	})
}

func (p *parser) moment() (time.Time, error) {
	text, err := p.unique()
	if err != nil {
		return time.Time{}, err
	}
	moment, err := time.Parse(timeFormat, text)
	if err != nil {
		return moment, p.wrong("collected is no time") // the error's text quotes the value
	}
	return moment, nil
}

// kept reads what a snapshot kept; a text that is known is not read again.
func (p *parser) kept(known keptTexts) (Kept, error) {
	text, err := p.decoder.ReadValue()
	if err != nil {
		return Kept{}, err
	}
	if kept, ok := known[string(text)]; ok {
		return kept, nil
	}
	var kept struct {
		VIPProperties   []string `json:"vip_properties"`
		CloudProperties []string `json:"cloud_properties"`
		RouterIDs       bool     `json:"router_ids"`
		Types           bool     `json:"vm_types"`
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return Kept{}, p.wrong("kept has the wrong form")
	}
	known[string(text)] = Kept(kept)
	return Kept(kept), nil
}
