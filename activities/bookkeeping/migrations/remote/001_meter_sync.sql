comment on schema meter_sync is 'Bookkeeping of meter-sync. Made and upgraded by: meter-sync init';

create table meter_sync.custody (
  site text not null,
  seq bigint not null check (seq > 0),
  previous_digest bytea not null,
  content_digest bytea not null,
  rows bigint not null check (rows >= 0),
  already_there bigint not null check (already_there >= 0),
  columns json not null,
  day_column text,
  days json,
  first_timestamp text,
  last_timestamp text,
  claim uuid not null,
  sent_by text not null,
  sent_from text,
  committed_at timestamptz not null,
  digest bytea not null,
  primary key (site, seq)
);

comment on table meter_sync.custody is 'One record for each batch of readings, written in the batch''s own transaction. Each names the one before it, so that a record that was altered, removed or put in later is found: meter-sync verify';
comment on column meter_sync.custody.seq is 'Place in the chain of the site, from 1, without gaps';
comment on column meter_sync.custody.previous_digest is 'Digest of the record before it; 32 zero bytes in the first one';
comment on column meter_sync.custody.content_digest is 'SHA-256 of the bytes that were streamed';
comment on column meter_sync.custody.rows is 'Readings that this batch inserted';
comment on column meter_sync.custody.already_there is 'Readings of this batch that were there before, with the same content';
comment on column meter_sync.custody.columns is 'The columns that were sent, in order, each with the type in which it is hashed';
comment on column meter_sync.custody.day_column is 'The column whose UTC day sorts the readings into days; null: none';
comment on column meter_sync.custody.days is 'For each UTC day the readings inserted and the sum of their row hashes; null: day sums were off';
comment on column meter_sync.custody.claim is 'The run that sent it; the site keeps the claims of its own runs';
comment on column meter_sync.custody.sent_by is 'Host and process of the worker that sent it';
comment on column meter_sync.custody.sent_from is 'Address it came from, as this server saw it';
comment on column meter_sync.custody.committed_at is 'Clock of this server, just before the commit';
comment on column meter_sync.custody.digest is 'SHA-256 over all the other columns; docs/protocol.md has the definition';
