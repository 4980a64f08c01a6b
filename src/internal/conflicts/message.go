package conflicts

import (
	"encoding/json"
	"time"
)

// mostTold is how many conflicts of a kind a message tells; of others it tells how many
// there are.
const mostTold = 100

// told is the content of a message: what anybody may know, and so no place in a file.
type told struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Opened     []toldConflict `json:"opened"`
		MoreOpened int            `json:"more_opened,omitempty"`
		Ended      []toldConflict `json:"ended"`
		MoreEnded  int            `json:"more_ended,omitempty"`
	} `json:"data"`
}

type toldConflict struct {
	ID      string      `json:"id"`
	Rule    string      `json:"rule"`
	Range   string      `json:"range,omitempty"`
	Segment string      `json:"segment,omitempty"`
	Message string      `json:"message"`
	Since   time.Time   `json:"since"`
	Ended   *time.Time  `json:"ended,omitempty"`
	Parties []toldParty `json:"parties"`
}

type toldParty struct {
	Owner    string `json:"owner"`
	Director string `json:"director,omitempty"`
	Range    string `json:"range,omitempty"`
}

// message tells webhooks what has begun and what has ended: one message, however many
// conflicts a push makes.
func (c *changes) message(now time.Time) ([]byte, error) {
	v := told{Type: "conflicts.changed", Timestamp: now}
	v.Data.Opened, v.Data.MoreOpened = toldOf(c.opened)
	v.Data.Ended, v.Data.MoreEnded = toldOf(c.ended)
	return json.Marshal(v)
}

func toldOf(list []Conflict) (all []toldConflict, more int) {
	all = []toldConflict{}
	if more = len(list) - mostTold; more > 0 {
		list = list[:mostTold]
	}
	for _, c := range list {
		t := toldConflict{ID: c.Fingerprint, Rule: c.Rule, Range: c.Range, Segment: c.Segment, Message: c.Message, Since: c.Opened}
		if !c.Ended.IsZero() {
			t.Ended = &c.Ended
		}
		for _, p := range c.Parties {
			t.Parties = append(t.Parties, toldParty{p.Owner, p.Director, p.Range})
		}
		all = append(all, t)
	}
	return all, max(more, 0)
}
