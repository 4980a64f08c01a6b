-- +goose Up
create table request (
  id        integer not null primary key, -- from 1, without a gap
  pool      text    not null,
  owner     text    not null,            -- with its index, if it has one
  team      text    not null,
  ask       text    not null,            -- JSON: the question that the quota refused
  at        integer not null,            -- microseconds since 1970, UTC
  by_whom   text    not null,
  state     text    not null check (state in ('open', 'approved', 'booked', 'declined', 'withdrawn')),
  decided   integer,                     -- as at; null: nobody has decided
  judge     text    not null,            -- who decided
  reason    text    not null             -- what they said about it
);
create unique index request_open on request (pool, owner) where state in ('open', 'approved');
