-- +goose Up
create table event (
  pool    text     not null,
  serial  bigint   not null,         -- from 1 in each pool, without a gap
  address bytea    not null,         -- 16 bytes; IPv4 as ::ffff:a.b.c.d, so that they sort
  length  smallint not null,         -- of the block, in 128 bits: 128 is one address
  at      bigint   not null,         -- microseconds since 1970, UTC
  what    text     not null,
  owner   text     not null,
  number  integer  not null,
  team    text     not null,
  until   bigint,                    -- as at; null: never
  by_whom text     not null,
  why     text     not null,
  primary key (pool, serial)
);
create index event_address on event (address, length);

create table booking (
  pool    text     not null,
  address bytea    not null,
  length  smallint not null,
  state   text     not null check (state in ('held', 'booked', 'quarantined', 'released')),
  owner   text     not null,
  number  integer  not null,
  team    text     not null,
  until   bigint
);
create unique index booking_address on booking (pool, address, length) where state <> 'released';
create unique index booking_owner on booking (pool, owner, number) where state in ('held', 'booked');
create index booking_find on booking (address, length);

-- +goose StatementBegin
create function history_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'the history of an address is never changed or deleted';
end
$$;
-- +goose StatementEnd
create trigger event_only_grows before update or delete on event
  for each row execute function history_only_grows();
create trigger event_is_not_emptied before truncate on event
  for each statement execute function history_only_grows();
