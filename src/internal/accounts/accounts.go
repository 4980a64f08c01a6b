// Package accounts knows who may do what on the server: scopes, tokens, sessions, and
// the trail of what everybody did.
//
// A scope is a right. A token has scopes and an end; only its digest is kept. Nothing
// here speaks HTTP.
package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/sharedread"
)

// The scopes. Between the two parts of the others stands a name, or * for all.
const (
	Read  = "ipguard.read"
	Admin = "ipguard.admin"
)

// BookFor is the scope to take addresses for a team.
func BookFor(team string) string { return "ipguard.teams." + team + ".book" }

// PushFor is the scope to tell what a director has.
func PushFor(director string) string { return "ipguard.directors." + director + ".push" }

// ApproveFor is the scope to decide about what teams ask of a pool beyond their quota.
func ApproveFor(pool string) string { return "ipguard.pools." + pool + ".approve" }

// CheckScope refuses a text that is no scope.
func CheckScope(scope string) error {
	if scope == Read || scope == Admin {
		return nil
	}
	for _, form := range [][2]string{{"ipguard.teams.", ".book"}, {"ipguard.directors.", ".push"}, {"ipguard.pools.", ".approve"}} {
		name, ok := strings.CutPrefix(scope, form[0])
		if name, isForm := strings.CutSuffix(name, form[1]); ok && isForm && name != "" && !strings.Contains(name, " ") && !hides(name) {
			if strings.Contains(name, "*") && name != "*" {
				return fmt.Errorf("%q: * stands for all names, and for no part of one", scope)
			}
			return nil
		}
	}
	return fmt.Errorf("%q is no scope: ipguard.read, ipguard.admin, ipguard.teams.NAME.book, ipguard.directors.NAME.push or ipguard.pools.NAME.approve", scope)
}

// hides reports whether a text has characters that nobody sees.
func hides(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Actor is who does something.
type Actor struct {
	// Name is written beside what they do.
	Name   string
	Scopes []string
}

// Has reports whether the actor has a scope; who has ipguard.admin has all.
func (a *Actor) Has(scope string) bool {
	return slices.ContainsFunc(a.Scopes, func(has string) bool { return has == Admin || has == scope || covers(has, scope) })
}

// covers reports whether a scope for all names is the other one for one of them.
func covers(all, one string) bool {
	before, behind, isForm := strings.Cut(all, ".*.")
	return isForm && strings.HasPrefix(one, before+".") && strings.HasSuffix(one, "."+behind) && len(one) > len(all)-1
}

// MayRead reports whether the actor may see the plan: whoever has any scope.
func (a *Actor) MayRead() bool { return len(a.Scopes) > 0 }

// Token is what is kept of a token.
type Token struct {
	Name   string
	Scopes []string
	Ends   time.Time
	Made   time.Time
	By     string
}

// Store keeps tokens, sessions and the trail in the tables token, session and action.
type Store struct {
	// Read and Write are the database's; they may be one.
	Read, Write *sql.DB
	// Now is the clock.
	Now func() time.Time

	shown sharedread.Reader[string, *Token]
}

// prefix is how every token begins, so that scanners for secrets find them.
const prefix = "ipguard_"

// LongestToken is how long a token may be valid.
const LongestToken = 366 * 24 * time.Hour

// Secret returns a new secret that nobody can guess.
func Secret() string {
	bytes := make([]byte, 32)
	_, _ = rand.Read(bytes) // does not fail (crypto/rand)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bytes))
}

// digest is what is kept of a secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// RefusedError says why a token is not made.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return e.Message }

// Make makes a token. It is told once. What is wrong with the wish is a *RefusedError.
func (s *Store) Make(ctx context.Context, t Token) (secret string, err error) {
	for _, scope := range t.Scopes {
		if err := CheckScope(scope); err != nil {
			return "", &RefusedError{err.Error()}
		}
	}
	now := s.Now()
	switch {
	case t.Name == "" || len(t.Name) > 100:
		return "", &RefusedError{"a token has a name of at most 100 bytes"}
	case hides(t.Name): // it is written beside all that is done with it
		return "", &RefusedError{fmt.Sprintf("a token's name has characters that cannot be shown: %q", t.Name)}
	case len(t.Scopes) == 0:
		return "", &RefusedError{"a token has at least one scope"}
	case !t.Ends.After(now) || t.Ends.Sub(now) > LongestToken:
		return "", &RefusedError{"a token ends within a year"}
	}
	// One that has ended makes room for another one of its name.
	if _, err := s.Write.ExecContext(ctx, `delete from token where name = $1 and ends <= $2`, t.Name, now.UnixMicro()); err != nil {
		return "", fmt.Errorf("the token cannot be made: %w", err)
	}
	var known int
	if err := s.Read.QueryRowContext(ctx, `select count(*) from token where name = $1`, t.Name).Scan(&known); err != nil {
		return "", err
	}
	if known > 0 {
		return "", &RefusedError{"there is a token of that name already"}
	}
	secret = prefix + Secret()
	_, err = s.Write.ExecContext(ctx, `insert into token (digest, name, scopes, ends, made, by_whom) values ($1, $2, $3, $4, $5, $6)`,
		digest(secret), t.Name, strings.Join(t.Scopes, " "), t.Ends.UnixMicro(), now.UnixMicro(), t.By)
	if err != nil {
		return "", fmt.Errorf("the token cannot be made: %w", err)
	}
	return secret, s.Note(ctx, t.By, "made a token", t.Name+": "+strings.Join(t.Scopes, " "))
}

// Whose returns who shows a token; nil if it is none, or has ended. It is looked up each
// time, by readings that many share: a token that was revoked lets nobody in who comes
// later.
func (s *Store) Whose(ctx context.Context, secret string) (*Actor, error) {
	if !strings.HasPrefix(secret, prefix) {
		return nil, nil
	}
	t, err := s.shown.Get(ctx, digest(secret), s.byDigest)
	if err != nil || t == nil || !s.Now().Before(t.Ends) {
		return nil, err
	}
	return &Actor{Name: "token " + t.Name, Scopes: t.Scopes}, nil
}

// byDigest reads tokens by their digests.
func (s *Store) byDigest(ctx context.Context, digests []string) (map[string]*Token, error) {
	// Statements of few lengths, which the database keeps: the last digest fills up.
	var places []string
	var values []any
	for i := 0; i < len(digests) || i&(i-1) != 0; i++ {
		places = append(places, fmt.Sprintf("$%d", i+1))
		values = append(values, digests[min(i, len(digests)-1)])
	}
	rows, err := s.Read.QueryContext(ctx, `select digest, name, scopes, ends from token where digest in (`+strings.Join(places, ", ")+`)`, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]*Token{}
	for rows.Next() {
		t := &Token{}
		var key, scopes string
		var ends int64
		if err := rows.Scan(&key, &t.Name, &scopes, &ends); err != nil {
			return nil, err
		}
		t.Scopes, t.Ends = strings.Fields(scopes), time.UnixMicro(ends)
		found[key] = t
	}
	return found, rows.Err()
}

// Tokens lists all tokens that have not ended, by name.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.Read.QueryContext(ctx, `select name, scopes, ends, made, by_whom from token where ends > $1 order by name`, s.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Token
	for rows.Next() {
		var t Token
		var scopes string
		var ends, made int64
		if err := rows.Scan(&t.Name, &scopes, &ends, &made, &t.By); err != nil {
			return nil, err
		}
		t.Scopes, t.Ends, t.Made = strings.Fields(scopes), time.UnixMicro(ends).UTC(), time.UnixMicro(made).UTC()
		list = append(list, t)
	}
	return list, rows.Err()
}

// Revoke ends a token; ok is false if there is none of that name.
func (s *Store) Revoke(ctx context.Context, name, by string) (ok bool, err error) {
	result, err := s.Write.ExecContext(ctx, `delete from token where name = $1`, name)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.Note(ctx, by, "revoked a token", name)
}
