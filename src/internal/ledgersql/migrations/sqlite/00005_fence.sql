-- +goose Up
create table origin (
  id      text    not null primary key, -- of this database, which clients remember
  secret  text    not null,             -- signs what clients are told of serials
  copied  integer                       -- when this file was made as a copy of another; null: it was not
);
insert into origin (id, secret) values (lower(hex(randomblob(8))), lower(hex(randomblob(32))));

create table fence (
  number    integer not null primary key, -- from 1, without a gap
  pool      text    not null,             -- empty: every pool
  found     integer not null,             -- microseconds since 1970, UTC
  why       text    not null,
  seen      integer not null,             -- the last serial that somebody was told; 0: nobody knows
  lifted    integer,                      -- null: nothing is given yet
  lifted_by text    not null default '',
  next      integer not null default 0    -- the first serial after it
);
create unique index fence_open on fence (pool) where lifted is null;
