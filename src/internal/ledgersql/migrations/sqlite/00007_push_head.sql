-- +goose Up
-- The newest versions are read with each question, and collected stands behind the snapshot:
-- without this, all of it would be read.
create index push_head on push (director, version, uuid, at, by_whom, digest, collected);
