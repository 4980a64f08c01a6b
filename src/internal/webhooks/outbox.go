package webhooks

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// Add puts a message, which is JSON, into the outbox, as a part of the transaction that it
// is about: it is there if and only if what it tells is. Receivers show what it says in
// chats and mails: in each of its strings stands what a reader is to see.
func Add(ctx context.Context, tx *sql.Tx, webhook string, body []byte, now time.Time) error {
	_, err := tx.ExecContext(ctx, `insert into message (id, webhook, body, made, due) values ($1, $2, $3, $4, $4)`,
		"msg_"+rand.Text(), webhook, string(legible.ShownJSON(body)), now.UnixMicro())
	return err
}

// message is one that is to be sent.
type message struct {
	id, webhook, body string
	made              time.Time
	attempts          int
	// claimed is until when this server has it to itself.
	claimed int64
}

// outbox is the table message.
type outbox struct{ read, write *sql.DB }

// next claims one that is due, of a webhook of that name; nil if there is none. Until
// the claim ends nobody else gets it.
func (o outbox) next(ctx context.Context, webhook string, now time.Time, during time.Duration) (*message, error) {
	for range 10 { // others may be faster
		m := message{webhook: webhook}
		var made, before int64
		err := o.read.QueryRowContext(ctx, `select id, body, made, attempts, claimed from message
where ended is null and due <= $1 and claimed <= $1 and webhook = $2 order by due, id limit 1`, now.UnixMicro(), webhook).
			Scan(&m.id, &m.body, &made, &m.attempts, &before)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		m.made, m.claimed = time.UnixMicro(made).UTC(), now.Add(during).UnixMicro()
		result, err := o.write.ExecContext(ctx, `update message set claimed = $1, attempts = attempts + 1
where id = $2 and ended is null and claimed = $3 and attempts = $4`, m.claimed, m.id, before, m.attempts)
		if err != nil {
			return nil, err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			m.attempts++
			return &m, err
		}
	}
	return nil, nil
}

// end says that a message is not sent again.
func (o outbox) end(ctx context.Context, m *message, outcome string, now time.Time) error {
	_, err := o.write.ExecContext(ctx, `update message set ended = $1, outcome = $2, claimed = 0 where id = $3 and claimed = $4`, now.UnixMicro(), outcome, m.id, m.claimed)
	return err
}

// again says when it is sent again.
func (o outbox) again(ctx context.Context, m *message, outcome string, due time.Time) error {
	_, err := o.write.ExecContext(ctx, `update message set due = $1, outcome = $2, claimed = 0 where id = $3 and claimed = $4`, due.UnixMicro(), outcome, m.id, m.claimed)
	return err
}

// waiting counts those that are still to be sent.
func (o outbox) waiting(ctx context.Context) (n int, err error) {
	err = o.read.QueryRowContext(ctx, `select count(*) from message where ended is null`).Scan(&n)
	return n, err
}

// sweep forgets those that ended before a time, and gives up those of webhooks that are
// in no configuration any more and were made before.
func (o outbox) sweep(ctx context.Context, before time.Time) error {
	_, err := o.write.ExecContext(ctx, `delete from message where ended < $1 or ended is null and made < $1 and claimed <= $1`, before.UnixMicro())
	return err
}
