package serverclient

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// seen is how far a server's records went when it told them last: what its database must
// still have. Shown to the server, it finds out that a backup was put back.
type seen struct {
	URL      string            `json:"url"`
	Database string            `json:"database"`
	Pools    map[string]string `json:"pools"`
	// Written are what this client wrote since the plan that is kept, for whoever has to
	// write it again (ipguard-server restore --replay).
	Written map[string][]protocol.Entry `json:"written,omitempty"`
}

// Remember keeps what the server said of its records in a file below a folder, whoever
// asks it.
func (c *Client) Remember(folder string) {
	sum := sha256.Sum256([]byte(c.URL))
	c.seen = filepath.Join(folder, "seen-"+hex.EncodeToString(sum[:8])+".json")
}

// readSeen is what the server said last; nothing, if there is no file.
func (c *Client) readSeen() (seen, error) {
	s := seen{URL: c.URL, Pools: map[string]string{}}
	if c.seen == "" {
		return s, nil
	}
	text, err := regularfile.Read(c.seen)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || s.URL != c.URL || s.Pools == nil {
		return s, &trouble.Trouble{Message: fmt.Sprintf("%s, which has what %s said last, cannot be read", c.seen, c.URL), Hint: "take it away: rm " + c.seen}
	}
	return s, nil
}

func (c *Client) writeSeen(s seen) error {
	if c.seen == "" {
		return nil
	}
	text, err := json.Marshal(s)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(c.seen), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(c.seen, atomicfile.Private, text)
	}
	if err != nil {
		return fmt.Errorf("what the server said cannot be kept: %w", err)
	}
	return nil
}

// longestSeen is how many bytes a header takes. Of more pools than fit in, others are
// told each time: a map has no order.
const longestSeen = 16 << 10

func (s *seen) header() string {
	var b strings.Builder
	for pool, head := range s.Pools {
		part := url.QueryEscape(pool) + "=" + head
		if b.Len()+len(part) >= longestSeen {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(part)
	}
	return b.String()
}

// addTo adds to a plan that was kept what this client wrote since.
func (s *seen) addTo(p *protocol.Plan) {
	for i := range p.Pools {
		pool := &p.Pools[i]
		for _, e := range s.Written[pool.Pool] {
			at := slices.IndexFunc(pool.Records, func(r protocol.Record) bool { return r.Address == e.Address })
			if at < 0 {
				at = len(pool.Records)
				pool.Records = append(pool.Records, protocol.Record{Address: e.Address})
			}
			pool.Records[at].Events = append(pool.Records[at].Events, e.Event)
		}
	}
}

// sawPlan remembers what a plan tells of pools. A plan of another database than before is
// refused: what was booked in that one is not known any more.
func (c *Client) sawPlan(s seen, p protocol.Plan) error {
	if err := c.sameDatabase(&s, p); err != nil {
		return err
	}
	changed := s.Database != p.Database || len(s.Written) > 0
	s.Database, s.Written = p.Database, nil
	for _, pool := range p.Pools {
		if pool.Serial > 0 && s.Pools[pool.Pool] != pool.Head {
			s.Pools[pool.Pool], changed = pool.Head, true
		}
	}
	if !changed {
		return nil
	}
	return c.writeSeen(s)
}

// sameDatabase refuses a plan of another database than before.
func (c *Client) sameDatabase(s *seen, p protocol.Plan) error {
	if s.Database == "" || s.Database == p.Database {
		return nil
	}
	return &trouble.Trouble{
		Message: fmt.Sprintf("%s has another database than before: what was booked may be lost", c.URL),
		Hint:    "ask who runs it; if that is meant: rm " + c.seen,
	}
}

// behind refuses a plan with fewer records of a pool than were told before: something else
// answers than the server with its database. A server that took notice of what it was
// shown fences such a pool itself, unless the loss was accepted.
func (c *Client) behind(s seen, p protocol.Plan, shown, noticed string) error {
	if shown == noticed {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Pools)) {
		number, _, _ := strings.Cut(s.Pools[name], "-")
		serial, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return &trouble.Trouble{Message: fmt.Sprintf("%s, which has what %s said last, cannot be read", c.seen, c.URL), Hint: "take it away: rm " + c.seen}
		}
		i := slices.IndexFunc(p.Pools, func(r protocol.Records) bool { return r.Pool == name })
		now := protocol.Records{}
		if i >= 0 {
			now = p.Pools[i]
		}
		if now.Head == s.Pools[name] || now.Serial > serial {
			continue
		}
		return &trouble.Trouble{
			Message: fmt.Sprintf("%s says less than before: pool %s ends with event %d, and event %d was there; what was booked may be lost", c.URL, name, now.Serial, serial),
			Hint:    "ask who runs it: a cache before it may keep old answers; if that is meant: rm " + c.seen,
		}
	}
	return nil
}

// sawHead remembers the records of a pool after a change, by their ETag.
func (c *Client) sawHead(pool, etag string, written []protocol.Entry) error {
	head := strings.Trim(etag, `"`)
	if head == "" || head == "0" || c.seen == "" {
		return nil
	}
	s, err := c.readSeen()
	if err != nil {
		return err
	}
	s.Pools[pool] = head
	if s.Written == nil {
		s.Written = map[string][]protocol.Entry{}
	}
	s.Written[pool] = append(s.Written[pool], written...)
	return c.writeSeen(s)
}
