-- +goose Up
-- Whose a session is, so that it can be ended for them. Of those that began before, and of those
-- of nobody yet, it is empty until the next request.
alter table session add column actor text not null default '';
alter table session add column through text not null default '';  -- the door, see login.Provider.Through
alter table session add column since bigint not null default 0;  -- when they logged in
alter table session add column ended bigint not null default 0;  -- when it was ended before its time; 0: it was not
