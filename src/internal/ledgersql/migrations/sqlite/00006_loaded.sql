-- +goose Up
-- loaded is the set of pools that a server loaded last: nothing is given under another.
create table loaded (
  one     integer not null primary key check (one = 1),
  pools   text    not null,             -- digest; empty: none were loaded yet
  at      integer not null,             -- microseconds since 1970, UTC
  by_whom text    not null              -- the server
);
insert into loaded (one, pools, at, by_whom) values (1, '', 0, '');
