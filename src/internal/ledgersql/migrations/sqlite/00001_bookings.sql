-- +goose Up
create table event (
  pool    text    not null,
  serial  integer not null,          -- from 1 in each pool, without a gap
  address blob    not null,          -- 16 bytes; IPv4 as ::ffff:a.b.c.d, so that they sort
  length  integer not null,          -- of the block, in 128 bits: 128 is one address
  at      integer not null,          -- microseconds since 1970, UTC
  what    text    not null,
  owner   text    not null,
  number  integer not null,
  team    text    not null,
  until   integer,                   -- as at; null: never
  by_whom text    not null,
  why     text    not null,
  primary key (pool, serial)
) without rowid;
create index event_address on event (address, length);

create table booking (
  pool    text    not null,
  address blob    not null,
  length  integer not null,
  state   text    not null check (state in ('held', 'booked', 'quarantined', 'released')),
  owner   text    not null,
  number  integer not null,
  team    text    not null,
  until   integer
);
create unique index booking_address on booking (pool, address, length) where state <> 'released';
create unique index booking_owner on booking (pool, owner, number) where state in ('held', 'booked');
create index booking_find on booking (address, length);

-- +goose StatementBegin
create trigger event_is_not_changed before update on event
begin
  select raise(abort, 'the history of an address is never changed');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger event_is_not_deleted before delete on event
begin
  select raise(abort, 'the history of an address is never deleted');
end;
-- +goose StatementEnd
