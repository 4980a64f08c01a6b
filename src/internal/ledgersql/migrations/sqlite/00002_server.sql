-- +goose Up
create table push (
  director text    not null,
  version  integer not null,            -- from 1 for each director, without a gap
  uuid     text    not null,            -- the director's own; empty where files alone tell of it
  at       integer not null,            -- microseconds since 1970, UTC
  by_whom  text    not null,
  digest   text    not null,            -- SHA-256 of the snapshot, in hexadecimal
  snapshot blob   not null,            -- gzip
  primary key (director, version)
);
create index push_uuid on push (uuid);

create table token (
  digest   text    not null primary key, -- SHA-256 of the token, which is nowhere
  name     text    not null unique,
  scopes   text    not null,            -- separated by spaces
  ends     integer not null,
  made     integer not null,
  by_whom  text    not null
);

create table session (
  digest   text    not null primary key,
  content  blob   not null,
  ends     integer not null
);

create table action (
  serial   integer not null primary key, -- from 1, without a gap
  at       integer not null,
  actor    text    not null,
  what     text    not null,
  about    text    not null
);
-- +goose StatementBegin
create trigger action_is_not_changed before update on action
begin
  select raise(abort, 'the audit trail is never changed');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger action_is_not_deleted before delete on action
begin
  select raise(abort, 'the audit trail is never deleted');
end;
-- +goose StatementEnd
