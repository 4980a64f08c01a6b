-- +goose Up
create table push (
  director text    not null,
  version  bigint not null,            -- from 1 for each director, without a gap
  uuid     text    not null,            -- the director's own; empty where files alone tell of it
  at       bigint not null,            -- microseconds since 1970, UTC
  by_whom  text    not null,
  digest   text    not null,            -- SHA-256 of the snapshot, in hexadecimal
  snapshot bytea   not null,            -- gzip
  primary key (director, version)
);
create index push_uuid on push (uuid);

create table token (
  digest   text    not null primary key, -- SHA-256 of the token, which is nowhere
  name     text    not null unique,
  scopes   text    not null,            -- separated by spaces
  ends     bigint not null,
  made     bigint not null,
  by_whom  text    not null
);

create table session (
  digest   text    not null primary key,
  content  bytea   not null,
  ends     bigint not null
);

create table action (
  serial   bigint not null primary key, -- from 1, without a gap
  at       bigint not null,
  actor    text    not null,
  what     text    not null,
  about    text    not null
);
-- +goose StatementBegin
create function trail_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'the audit trail is never changed or deleted';
end
$$;
-- +goose StatementEnd
create trigger action_only_grows before update or delete on action
  for each row execute function trail_only_grows();
create trigger action_is_not_emptied before truncate on action
  for each statement execute function trail_only_grows();
