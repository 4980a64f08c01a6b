-- +goose Up
-- collected is when the director of a push was asked; 0: not known.
alter table push add column collected integer not null default 0;

-- turn has one row for each thing that one server does at a time.
create table turn (
  name     text    not null primary key,
  holder   text    not null,
  until    integer not null                -- microseconds since 1970, UTC, as all times here
);
insert into turn (name, holder, until) values ('recording', '', 0);

-- recorded are the versions of directors that a record is as of.
create table recorded (
  record   text    not null,               -- conflicts, claims
  director text    not null,
  version  integer not null,
  digest   text    not null,
  at       integer not null,
  primary key (record, director)
);

create table conflict (
  fingerprint text not null,               -- what it is about, as lint knows it again
  opened   integer not null,
  seen     integer not null,               -- when it was seen last
  ended    integer,                        -- null: it is open
  unsure   integer,                        -- since when it is neither seen nor known to be gone
  content  text    not null,               -- JSON
  primary key (fingerprint, opened)
);
create unique index conflict_open on conflict (fingerprint) where ended is null;
create index conflict_ended on conflict (ended);

-- message is the outbox of webhooks.
create table message (
  id       text    not null primary key,
  webhook  text    not null,               -- its name in the configuration
  body     text    not null,
  made     integer not null,
  attempts integer not null default 0,
  due      integer not null,               -- when it is sent next
  claimed  integer not null default 0,     -- until when a server is sending it
  ended    integer,                        -- null: it is still to be sent
  outcome  text    not null default ''
);
create index message_due on message (due) where ended is null;

-- claimant is who has addresses, and how.
create table claimant (
  id       integer primary key,
  director text    not null,
  what     text    not null,               -- declared, granted
  owner    text    not null,
  unique (director, what, owner)
);

-- claim_open are the claims that are not known to be gone.
create table claim_open (
  address  blob not null,                -- as of event
  length   integer not null,
  claimant integer not null,
  since    integer not null,
  unsure   integer,                        -- as of conflict
  primary key (address, length, claimant)
) without rowid;
create index claim_open_claimant on claim_open (claimant);

-- claim_past are those that are over.
create table claim_past (
  address  blob not null,
  length   integer not null,
  since    integer not null,
  claimant integer not null,
  until    integer not null,
  unsure   integer,
  primary key (address, length, since, claimant)
) without rowid;

-- asked is what became of it when a server asked a director.
create table asked (
  director text    not null primary key,
  at       integer not null,               -- when it was asked last
  answered integer not null,               -- when it answered last; 0: never
  error    text    not null                -- why it did not; empty: it did
);
-- +goose StatementBegin
create trigger claim_past_is_not_changed before update on claim_past
begin
  select raise(abort, 'the history of an address is never changed');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger claim_past_is_not_deleted before delete on claim_past
begin
  select raise(abort, 'the history of an address is never deleted');
end;
-- +goose StatementEnd
