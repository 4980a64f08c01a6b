-- +goose Up
-- SQLite has an index here, for it would read a snapshot to find what stands behind it.
-- PostgreSQL keeps snapshots apart, and needs none.
select 1;
