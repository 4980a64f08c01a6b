-- +goose Up
-- Who agreed to a booking beyond the quota; empty: nobody had to.
alter table event add column approved_by text not null default '';
