//go:build !race

package accounts_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/databasetest"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// kept is what scs commits of a session.
func kept(t *testing.T, actor, through string, since time.Time) []byte {
	t.Helper()
	values := map[string]any{}
	if actor != "" {
		values = map[string]any{accounts.SessionActor: actor, accounts.SessionThrough: through, accounts.SessionSince: since.UnixMicro()}
	}
	content, err := scs.GobCodec{}.Encode(since, values)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestSessionsEnd commits, ends and forgets sessions at random, beside a list of what was done.
// One that was ended counts never again: requests under way write it once more.
func TestSessionsEnd(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, d ledgersql.Database) {
		type session struct {
			actor, through string
			since, ends    time.Time
			ended          time.Time
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
		s := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }}
		sessions := accounts.Sessions{Store: s}
		all := map[string]*session{}
		end := func(which func(*session) bool) (n int64) {
			for _, v := range all {
				if v.ended.IsZero() && which(v) {
					v.ended = now
					n++
				}
			}
			return n
		}
		var did []string
		steps := 200
		if strings.HasSuffix(t.Name(), "postgres") { // it is slow, and knows the same
			steps = 30
		}
		for step := range steps {
			token := fmt.Sprintf("browser-%d", rng.IntN(6))
			actor, door := []string{"", "jane", "joe", "x\u202ey"}[rng.IntN(4)], []string{"link", "a", "b"}[rng.IntN(3)]
			switch what := rng.IntN(7); what {
			case 0, 1, 2:
				v := all[token]
				if v == nil {
					v = &session{actor: actor, since: now}
					if actor != "" {
						v.through = door
					}
					all[token] = v
				}
				if err := sessions.CommitCtx(t.Context(), token, kept(t, v.actor, v.through, v.since), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				v.ends = now.Add(time.Hour)
				did = append(did, "commit "+token)
			case 3:
				if err := sessions.DeleteCtx(t.Context(), token); err != nil {
					t.Fatal(err)
				}
				end(func(v *session) bool { return v == all[token] })
				did = append(did, "delete "+token)
			case 4:
				n, err := s.EndOf(t.Context(), actor, "root")
				want := end(func(v *session) bool { return v.actor == actor && actor != "" && v.ends.After(now) })
				if did = append(did, "end of "+actor); err != nil || n != want {
					t.Fatalf("%q: %d, want %d, %v", did, n, want, err)
				}
			case 5:
				n, err := s.EndOthers(t.Context(), []string{"link", door})
				want := end(func(v *session) bool { return v.through != "" && v.through != "link" && v.through != door })
				if did = append(did, "only by "+door); err != nil || n != want {
					t.Fatalf("%q: %d, want %d, %v", did, n, want, err)
				}
			case 6:
				now = now.Add(time.Duration(rng.IntN(40)) * time.Minute)
				if err := sessions.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				for token, v := range all { // an hour later no request is under way any more
					if !v.ends.After(now) && !v.ended.After(now.Add(-time.Hour)) {
						delete(all, token)
					}
				}
				did = append(did, "sweep at "+now.String())
			}
			counted := map[string]*accounts.LoggedIn{}
			for token, v := range all {
				counts := v.ended.IsZero() && v.ends.After(now)
				if _, found, err := sessions.FindCtx(t.Context(), token); err != nil || found != counts {
					t.Fatalf("step %d: %s is found: %t, want %t, %v; %q", step, token, found, counts, err, did)
				}
				if !counts || v.actor == "" {
					continue
				}
				l := counted[v.actor]
				if l == nil {
					l = &accounts.LoggedIn{Actor: v.actor, Since: v.since}
					counted[v.actor] = l
				}
				l.Number++
				if v.since.Before(l.Since) {
					l.Since = v.since
				}
			}
			list, err := s.LoggedIn(t.Context())
			if err != nil || len(list) != len(counted) {
				t.Fatalf("%v are logged in, want %v, %v; %q", list, counted, err, did)
			}
			for _, got := range list {
				want := counted[got.Actor]
				if want == nil || got.Number != want.Number || !got.Since.Equal(want.Since) || !got.Until.After(now) {
					t.Fatalf("%+v, want %+v; %q", got, want, did)
				}
			}
		}
		actions, err := s.Trail(t.Context(), 0, 1000)
		if err != nil || slices.ContainsFunc(actions, func(a accounts.Action) bool { return a.What != "ended sessions" || a.Actor != "root" || a.About == "" }) {
			t.Errorf("the trail: %+v, %v; %s", actions, err, strings.Join(did, ", "))
		}
	})
}
