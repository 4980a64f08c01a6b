package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/bookingcsv"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Import is what is to be booked that somebody has already.
type Import struct {
	CSV    string   `json:"csv,omitempty" doc:"A table of addresses and owners: as ipguard bookings --format csv writes it, or an export of NetBox or phpIPAM"`
	Pools  []string `json:"pools,omitempty" maxItems:"1000" doc:"Without a table: of these pools what is declared or granted"`
	DryRun bool     `json:"dry_run,omitempty" doc:"Tell the difference, and write nothing"`
	Why    string   `json:"why,omitempty" maxLength:"500"`
}

type importInput struct{ Body Import }

// Adopted is what becomes of one address.
type Adopted struct {
	Pool    string `json:"pool,omitempty" doc:"Left out: no pool delegates it"`
	Address string `json:"address"`
	Owner   string `json:"owner"`
	Status  string `json:"status" enum:"new,same,conflict,unfit,outside" doc:"It is booked; it was already; another has booked it; its owner's name cannot be one of a booking; no pool delegates it"`
	Other   string `json:"other,omitempty" doc:"Who has booked it"`
	Line    int    `json:"line,omitempty" doc:"Of the table"`
}

type importOutput struct {
	Body struct {
		Adopted []Adopted `json:"adopted"`
		New     int       `json:"new" doc:"How many are booked, or would be"`
	}
}

// largestImport is how many bytes a table may have, and mostRows how many rows.
const (
	largestImport = 4 << 20
	mostRows      = 20_000
)

// tableName is what a table is called in errors.
const tableName = "table"

func (a *API) importing(routes huma.API) {
	o := operation("import", http.MethodPost, "/import", "Book what somebody has already: the second time changes nothing", 404, 422, 503)
	o.MaxBodyBytes = 2 * largestImport // JSON escapes
	huma.Register(routes, o, a.adopt)
}

func (a *API) adopt(ctx context.Context, in *importInput) (*importOutput, error) {
	actor, err := need(ctx, accounts.Admin)
	if err != nil {
		return nil, err
	}
	picture, err := a.Plan.Read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	var rows []bookingcsv.Row
	pools := picture.Pools
	switch {
	case (in.Body.CSV == "") == (len(in.Body.Pools) == 0):
		return nil, huma.Error422UnprocessableEntity("either a table or pools have to be named")
	case len(in.Body.CSV) > largestImport:
		return nil, huma.Error422UnprocessableEntity("a table has at most 4 MiB: import it in parts")
	case in.Body.CSV != "":
		if rows, err = bookingcsv.Read(tableName, []byte(in.Body.CSV)); err != nil {
			return nil, huma.Error422UnprocessableEntity(told(err))
		}
		if len(rows) > mostRows {
			return nil, huma.Error422UnprocessableEntity("a table has at most 20000 rows: import it in parts")
		}
	default:
		pools = nil
		for _, name := range in.Body.Pools {
			pool := picture.Pool(name)
			if pool == nil {
				return nil, huma.Error404NotFound("there is no pool " + name)
			}
			pools = append(pools, pool)
		}
	}
	out := &importOutput{}
	out.Body.Adopted = []Adopted{}
	for _, pool := range pools {
		list, err := a.adoptOf(ctx, picture, pool, rows, in.Body, actor.Name)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, v := range list {
			out.Body.Adopted = append(out.Body.Adopted, adoptedOf(pool.Name, v))
			if v.Status == ledger.AdoptNew {
				out.Body.New++
			}
		}
	}
	for _, row := range bookingcsv.OfNone(rows, pools) {
		out.Body.Adopted = append(out.Body.Adopted, adoptedOf(row.Pool, ledger.Adoption{Found: row.Found, Status: ledger.AdoptOutside}))
	}
	return out, nil
}

// adoptOf books what of a pool stands in rows, or is in use where there are none.
func (a *API) adoptOf(ctx context.Context, picture *central.Picture, pool *ledger.Pool, rows []bookingcsv.Row, in Import, by string) (list []ledger.Adoption, err error) {
	look := picture.Look(pool, a.now())
	found := look.Found()
	if in.CSV != "" {
		if found = bookingcsv.Of(rows, pool); len(found) == 0 {
			return nil, nil
		}
	}
	for i := range found {
		if found[i].Team, err = a.teamFor(ctx, picture, pool, found[i].For.Owner); err != nil {
			return nil, err
		}
		found[i].Why = cmp.Or(in.Why, found[i].Why)
	}
	apply := func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if list, entries, err = ledger.Adopt(pool, rs, look.World(""), found, by); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		return entries, nil
	}
	if !in.DryRun {
		err = a.Ledger.Under(picture.Under).Update(ctx, pool.Name, apply)
		return list, err
	}
	rs, err := a.Ledger.Records(ctx, pool.Name)
	if err == nil {
		_, err = apply(rs)
	}
	return list, err
}

func adoptedOf(pool string, v ledger.Adoption) Adopted {
	out := Adopted{Pool: pool, Address: ledger.RangeText(v.Found.Range), Owner: v.Found.For.String(), Status: string(v.Status)}
	if v.Status == ledger.AdoptConflict {
		out.Other = v.Other.For()
	}
	if v.Found.At.File == tableName {
		out.Line = v.Found.At.Line
	}
	return out
}

// told is an error with its hint, as one text.
func told(err error) string {
	var t *trouble.Trouble
	if errors.As(err, &t) && t.Hint != "" {
		return err.Error() + "; " + t.Hint
	}
	return err.Error()
}
