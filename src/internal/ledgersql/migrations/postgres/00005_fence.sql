-- +goose Up
create table origin (
  id       text   not null primary key, -- of this database, which clients remember
  secret   text   not null,             -- signs what clients are told of serials
  -- Who wrote this row, and the number of the table event. A dump that is restored has the
  -- same values, and they are not those of its own rows and tables any more.
  xid      bigint not null,
  relation bigint not null
);
insert into origin (id, secret, xid, relation) values (
  left(replace(gen_random_uuid()::text, '-', ''), 16),
  replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
  txid_current() % 4294967296, 'event'::regclass::oid::bigint
);

create table fence (
  number    bigint not null primary key, -- from 1, without a gap
  pool      text   not null,             -- empty: every pool
  found     bigint not null,             -- microseconds since 1970, UTC
  why       text   not null,
  seen      bigint not null,             -- the last serial that somebody was told; 0: nobody knows
  lifted    bigint,                      -- null: nothing is given yet
  lifted_by text   not null default '',
  next      bigint not null default 0    -- the first serial after it
);
create unique index fence_open on fence (pool) where lifted is null;
