package serverclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// DefaultMaxAge is how old what a server said may be, where the fleet file does not say.
const DefaultMaxAge = 24 * time.Hour

// written is how old the time in the cache may be of a plan that is still the same: a run
// that finds nothing new need not write.
const written = time.Minute

// Cache keeps what a server said last.
type Cache struct {
	// Folder is the user's for all servers.
	Folder string
	// Now is the clock.
	Now func() time.Time
}

// kept is the file of the cache: the plan as the server sent it.
type kept struct {
	URL     string          `json:"url"`
	ETag    string          `json:"etag"`
	Fetched time.Time       `json:"fetched"`
	Plan    json.RawMessage `json:"plan"`
}

// Stale is when a server that does not answer said what is used, and why it does not.
type Stale struct {
	Since time.Time
	Why   error
}

// Question is one for the plan that is under way.
type Question struct {
	cache  *Cache
	client *Client
	before kept
	seen   seen
	shown  string // of seen, to the server
	said   chan said
}

// said is what came of asking.
type said struct {
	answer answer
	err    error
}

// Ask begins to ask the server for its plan, and does not wait for the answer. Settle
// does.
func (c *Cache) Ask(ctx context.Context, client *Client) (*Question, error) {
	seen, err := client.readSeen()
	if err != nil {
		return nil, err
	}
	q := &Question{cache: c, client: client, before: c.load(client), seen: seen, shown: seen.header(), said: make(chan said, 1)}
	go func() {
		a, err := client.ask(ctx, http.MethodGet, "/plan", nil, "If-None-Match", q.before.ETag, protocol.SeenHeader, q.shown)
		q.said <- said{a, err}
	}()
	return q, nil
}

// Guess is what the server said last, while nobody knows whether it is still so: what
// comes of it counts only if Settle confirms it. It is nil where that is not all here.
func (q *Question) Guess(ctx context.Context) *workspace.Central {
	if q.before.Fetched.IsZero() || q.before.ETag == "" {
		return nil
	}
	p, err := q.client.plan(q.before.Plan)
	if err != nil {
		return nil
	}
	central, err := q.cache.central(ctx, q.client, p, false)
	if err != nil {
		return nil
	}
	return central
}

// Settle waits for the answer. It is called once. It gives what the server knows, or what it
// said last if it does not answer and that is not older than maxAge: then stale is not nil.
// Where the server says that bookings may be lost, it is what it said last, with that among
// its Troubles. confirmed says that the server told that what Guess gave is its plan of now.
func (q *Question) Settle(ctx context.Context, maxAge time.Duration) (central *workspace.Central, stale *Stale, confirmed bool, err error) {
	s := <-q.said
	c, client, before := q.cache, q.client, q.before
	a, err := s.answer, s.err
	now, fresh := c.Now().UTC(), false
	silent, fenced := (*UnreachableError)(nil), (*FencedError)(nil)
	switch {
	case errors.As(err, &silent), errors.As(err, &fenced):
		if stale, err = mayStand(before, now, maxAge, err); err != nil {
			return nil, nil, false, err
		}
	case err != nil:
		return nil, nil, false, err
	case a.status == http.StatusNotModified:
		confirmed = true
		if fresh = now.Sub(before.Fetched) < written && !before.Fetched.After(now); !fresh {
			before.Fetched = now
		}
	default:
		before = kept{URL: client.URL, ETag: a.etag, Fetched: now, Plan: a.body}
	}
	p, err := client.plan(before.Plan)
	if err != nil {
		return nil, nil, false, err
	}
	if stale != nil {
		q.seen.addTo(&p)
	} else if err := q.older(p, a); err != nil {
		return nil, nil, false, err
	}
	if central, err = c.central(ctx, client, p, stale == nil); err != nil {
		return nil, nil, false, err
	}
	if central.AsOf = now; stale != nil {
		central.AsOf = stale.Since
	}
	switch {
	case fenced != nil: // what is kept has more than the server, and perhaps not all
		central.Troubles = []trouble.Trouble{{
			Message: fmt.Sprintf("%s; what it said at %s is used", fenced, stale.Since.Format(time.RFC3339)),
			Hint:    "ask who runs it: until the fence is lifted nobody knows what is booked",
		}}
		return central, nil, false, nil
	case stale != nil:
		central.Stale = &workspace.Stale{URL: client.URL, Since: stale.Since, Why: stale.Why.Error()}
		return central, stale, false, nil
	}
	if err := client.sawPlan(q.seen, p); err != nil {
		return nil, nil, false, err
	}
	if !fresh {
		err = c.save(client, before)
	}
	if err != nil {
		return nil, nil, false, fmt.Errorf("what the server said cannot be kept: %w", err)
	}
	return central, nil, confirmed, nil
}

// older refuses a plan that says less than this client was told before.
func (q *Question) older(p protocol.Plan, a answer) error {
	if err := q.client.sameDatabase(&q.seen, p); err != nil {
		return err
	}
	if err := q.client.behind(q.seen, p, q.shown, a.seen); err != nil {
		return err
	}
	if a.status == http.StatusNotModified {
		return nil
	}
	before, err := q.client.plan(q.before.Plan) // not what another run kept meanwhile
	if err != nil || before.Database != p.Database {
		return nil // nothing is known of before
	}
	for _, d := range p.Directors {
		i := slices.IndexFunc(before.Directors, func(b protocol.SharedDirector) bool { return b.Name == d.Name })
		if i < 0 || d.Version == 0 || d.Version >= before.Directors[i].Version { // 0: its own files, or nothing
			continue
		}
		return &trouble.Trouble{
			Message: fmt.Sprintf("%s says less than before: of director %s push %d, and push %d was there", q.client.URL, d.Name, d.Version, before.Directors[i].Version),
			Hint:    fmt.Sprintf("ask who runs it; if a backup was put back, whoever has it runs ipguard push %s; then rm %s", d.Name, q.cache.file(q.client)),
		}
	}
	return nil
}

// mayStand says whether what a server said before may stand for the answer that it does
// not give: why is why not.
func mayStand(before kept, now time.Time, maxAge time.Duration, why error) (*Stale, error) {
	age := now.Sub(before.Fetched)
	if before.Fetched.IsZero() {
		return nil, &trouble.Trouble{Message: why.Error(), Hint: "nothing that it said before is kept here"}
	}
	if age > maxAge || age < 0 {
		return nil, &trouble.Trouble{
			Message: fmt.Sprintf("%s; what it said at %s is too old", why, before.Fetched.Format(time.RFC3339)),
			Hint:    "server: max_age allows " + maxAge.String(),
		}
	}
	return &Stale{before.Fetched, why}, nil
}

// Shared is the part of the server's fleet file that all teams have. It refuses a server
// that has another database than before, as Plan does.
func (c *Client) Shared(ctx context.Context) (*fleet.File, error) {
	seen, err := c.readSeen()
	if err != nil {
		return nil, err
	}
	shown := seen.header()
	a, err := c.ask(ctx, http.MethodGet, "/plan", nil, protocol.SeenHeader, shown)
	if err != nil {
		return nil, err
	}
	p, err := c.plan(a.body)
	if err != nil {
		return nil, err
	}
	if err := c.sameDatabase(&seen, p); err != nil {
		return nil, err
	}
	if err := c.behind(seen, p, shown, a.seen); err != nil {
		return nil, err
	}
	if seen.Database == "" { // who only pushes is to notice, too
		seen.Database = p.Database
		if err := c.writeSeen(seen); err != nil {
			return nil, err
		}
	}
	return shared(c, p)
}

// plan reads a plan. What lacks a part is none: an empty plan would let everything pass.
func (c *Client) plan(text []byte) (p protocol.Plan, err error) {
	if err := json.Unmarshal(text, &p); err != nil {
		return p, &UnreachableError{URL: c.URL, Err: errors.New("its plan cannot be read")}
	}
	if p.Form > protocol.PlanForm {
		return p, &trouble.Trouble{Message: fmt.Sprintf("%s tells the plan in a newer form than this ipguard reads", c.URL), Hint: "take the ipguard of the server's version"}
	}
	var has struct{ Fleet *string }
	if p.Form != protocol.PlanForm || p.Database == "" || p.Directors == nil || p.Pools == nil || json.Unmarshal(text, &has) != nil || has.Fleet == nil {
		return p, c.foreign()
	}
	for _, d := range p.Directors {
		if _, ok := fleet.ParseDuration(d.MaxAge); d.MaxAge != "" && !ok {
			return p, c.foreign()
		}
	}
	return p, nil
}

func shared(client *Client, p protocol.Plan) (*fleet.File, error) {
	if p.Fleet == "" {
		return &fleet.File{}, nil
	}
	file, errs := fleet.ParseShared(client.URL, []byte(p.Fleet))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return file, nil
}

// folder is that of one server and who asks it: others may see other things.
func (c *Cache) folder(client *Client) string {
	sum := sha256.Sum256([]byte(client.URL + "\x00" + client.token))
	return filepath.Join(c.Folder, hex.EncodeToString(sum[:8]))
}

func (c *Cache) file(client *Client) string { return filepath.Join(c.folder(client), "plan.json") }

// load is what is kept; nothing, if that cannot be read or is of another server.
func (c *Cache) load(client *Client) kept {
	var k kept
	text, err := regularfile.Read(c.file(client))
	if err != nil || json.Unmarshal(text, &k) != nil || k.URL != client.URL {
		return kept{}
	}
	return k
}

func (c *Cache) save(client *Client, k kept) error {
	if err := os.MkdirAll(c.folder(client), 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.file(client), atomicfile.Private, text)
}

// central makes a plan of the answer, and sees to it that the snapshots are here.
func (c *Cache) central(ctx context.Context, client *Client, p protocol.Plan, ask bool) (*workspace.Central, error) {
	at := place.Place{File: client.URL, Line: 1, Column: 1}
	file, err := shared(client, p)
	if err != nil {
		return nil, err
	}
	central := &workspace.Central{File: file, URL: client.URL, Teams: p.Teams}
	for _, d := range p.Directors {
		if d.Digest == "" { // it is known to be there, and that nobody told what it has
			central.File.Directors = append(central.File.Directors, fleet.Director{At: at, Server: client.URL + snapshotPath(d.Name), Damaged: d.Damaged, Name: fleet.Text{Value: d.Name, At: at}})
			continue
		}
		path, err := c.snapshot(ctx, client, d, ask)
		if err != nil {
			return nil, err
		}
		director := fleet.Director{At: at, Server: client.URL + snapshotPath(d.Name), Name: fleet.Text{Value: d.Name, At: at}, Snapshot: fleet.Text{Value: path, At: at}}
		if length, ok := fleet.ParseDuration(d.MaxAge); ok {
			director.MaxAge = fleet.Duration{Length: length, At: at}
		}
		central.File.Directors = append(central.File.Directors, director)
	}
	for _, v := range p.Vanished {
		addresses, err := netipx.ParseIPRange(v.Addresses)
		if err != nil {
			return nil, client.foreign()
		}
		central.Vanished = append(central.Vanished, survey.Vanished{
			Director: v.Director, Deployment: v.Deployment, Group: v.Group, Range: addresses, Stopped: v.Stopped, At: place.Place{File: client.URL + snapshotPath(v.Director), Line: 1, Column: 1},
		})
	}
	for _, pool := range p.Pools {
		list, err := listOf(pool)
		if err == nil {
			_, err = ledger.NewRecords(list)
		}
		if err != nil {
			return nil, &UnreachableError{URL: client.URL, Err: fmt.Errorf("the bookings of pool %s cannot be read: %w", pool.Pool, err)}
		}
		for i := range list {
			list[i].At = at
		}
		central.Bookings = append(central.Bookings, bookfile.PoolBookings{Pool: pool.Pool, Records: list})
		for _, m := range pool.Moved {
			central.Bookings = append(central.Bookings, movedOf(pool.Pool, m, list))
		}
	}
	return central, nil
}

// movedOf are the bookings of a pool that lie in another segment, too.
func movedOf(pool string, m protocol.Moved, list []ledger.Record) bookfile.PoolBookings {
	b := bookfile.PoolBookings{Pool: pool, Moved: true, Segment: m.Segment}
	for i := range list {
		booking, err := list[i].Booking()
		if busy := booking.State.Taken() || booking.State == ledger.Quarantined; err == nil && busy && slices.Contains(m.Addresses, ledger.RangeText(list[i].Range)) {
			b.Records = append(b.Records, list[i])
		}
	}
	return b
}

// snapshotPath is where the server tells what a director has.
func snapshotPath(director string) string {
	return protocol.Base + "/directors/" + url.PathEscape(director) + "/snapshot"
}

// snapshot is the path of a director's snapshot, which is fetched if it is not here.
func (c *Cache) snapshot(ctx context.Context, client *Client, d protocol.SharedDirector, ask bool) (string, error) {
	if sum, err := hex.DecodeString(d.Digest); err != nil || len(sum) != sha256.Size {
		return "", &UnreachableError{URL: client.URL, Err: errors.New("a digest in its plan is none")}
	}
	path := filepath.Join(c.folder(client), "snapshots", d.Digest+".json")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if !ask {
		return "", &UnreachableError{URL: client.URL, Err: fmt.Errorf("the snapshot of director %s is not here", d.Name)}
	}
	a, err := client.ask(ctx, http.MethodGet, strings.TrimPrefix(snapshotPath(d.Name), protocol.Base)+fmt.Sprintf("?version=%d", d.Version), nil)
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256(a.body); hex.EncodeToString(sum[:]) != d.Digest {
		return "", &UnreachableError{URL: client.URL, Err: fmt.Errorf("the snapshot of director %s is not the one of its plan", d.Name)}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, atomicfile.Write(path, atomicfile.Private, a.body)
}
