-- +goose Up
-- pool_segment is the segment of a pool from an event on: what was booked behind that event, and
-- before that of the pool's next row, was booked in it.
create table pool_segment (
  pool    text    not null,
  serial  integer not null,             -- of the pool's last event then; 0: there was none
  segment text    not null,             -- empty: the pool named none
  meant   text    not null,             -- what the fleet file said of the segment
  primary key (pool, serial)
);
