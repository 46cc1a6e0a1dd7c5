comment on schema meter_sync is 'Bookkeeping of meter-sync. Made and upgraded by: meter-sync init';

create table meter_sync.custody (
  committed_at timestamptz not null,
  first_timestamp timestamptz,
  last_timestamp timestamptz,
  seq integer not null check (seq > 0),
  rows integer not null check (rows >= 0),
  already_there integer not null check (already_there >= 0),
  claim uuid not null,
  site text not null,
  columns_id bytea not null,
  content_digest bytea not null,
  digest bytea not null,
  signature bytea not null,
  sent_by text not null,
  sent_from inet,
  days text,
  primary key (site, seq)
);
-- The widest columns come first, so that none is padded: a record a minute must stay small for years.

comment on table meter_sync.custody is 'One record for each batch of readings, written in the batch''s own transaction. Each digest covers the one of the record before it, and the site signs it, so that a record that was altered, removed or put in later is found: meter-sync verify';
comment on column meter_sync.custody.seq is 'Place in the chain of the site, from 1, without gaps';
comment on column meter_sync.custody.content_digest is 'SHA-256 of the bytes that were streamed';
comment on column meter_sync.custody.rows is 'Readings that this batch inserted';
comment on column meter_sync.custody.already_there is 'Readings of this batch that were there before, with the same content';
comment on column meter_sync.custody.columns_id is 'The columns that were sent: a row of custody_columns';
comment on column meter_sync.custody.days is 'For each UTC day the readings inserted and the sum of their row hashes: day,rows,sum, divided by semicolons; null: day sums were off';
comment on column meter_sync.custody.first_timestamp is 'The oldest reading of the batch; null: it held none with an instant';
comment on column meter_sync.custody.claim is 'The run that sent it; the site keeps the claims of its own runs';
comment on column meter_sync.custody.sent_by is 'Host and process of the worker that sent it';
comment on column meter_sync.custody.sent_from is 'Address it came from, as this server saw it; null: over a Unix socket';
comment on column meter_sync.custody.committed_at is 'Clock of this server when the transaction of the batch began';
comment on column meter_sync.custody.digest is 'SHA-256 over the other columns and the digest of the record before; docs/protocol.md has the definition';
comment on column meter_sync.custody.signature is 'Ed25519 over the digest, by the key of the site that is in force: see custody_key';

create table meter_sync.custody_columns (
  id bytea primary key,
  columns json not null,
  day_column text
);

comment on table meter_sync.custody_columns is 'The lists of columns that custody records name, each once.';
comment on column meter_sync.custody_columns.id is 'The first 8 bytes of the digest of the list; a record''s digest covers all 32';
comment on column meter_sync.custody_columns.columns is 'The columns that were sent, in order, each with the type in which it is hashed';
comment on column meter_sync.custody_columns.day_column is 'The column whose UTC day sorts the readings into days; null: none';

create table meter_sync.custody_key (
  site text not null,
  from_seq integer not null check (from_seq > 0),
  public_key bytea not null,
  previous_key bytea,
  signature bytea not null,
  previous_signature bytea,
  primary key (site, from_seq, public_key)
);

comment on table meter_sync.custody_key is 'The public keys that a site signs its custody records with, each from a record on. A new key is signed by itself and by the one before it.';
comment on column meter_sync.custody_key.from_seq is 'The first record that it signs; written in the transaction of that record';
comment on column meter_sync.custody_key.public_key is 'Ed25519, 32 bytes';
comment on column meter_sync.custody_key.previous_key is 'The key that it follows; null: the first one, or one of a database that was made anew';
comment on column meter_sync.custody_key.signature is 'By this key, over the digest of this row''s facts';
comment on column meter_sync.custody_key.previous_signature is 'By the key that it follows, over the same';

create table meter_sync.custody_seal (
  site text not null,
  seq integer not null check (seq > 0),
  previous_seq integer not null,
  record_digest bytea not null,
  rows bigint not null,
  already_there bigint not null,
  totals text not null,
  unsummed text,
  last_committed_at timestamptz not null,
  sealed_at timestamptz not null,
  digest bytea not null,
  signature bytea not null,
  primary key (site, seq)
);

comment on table meter_sync.custody_seal is 'Signed sums of custody records, one a month and whenever somebody asks: what they add up to by days. Records under a seal can be removed (meter-sync custody prune), and verify need not walk them.';
comment on column meter_sync.custody_seal.seq is 'The last record that it sums up';
comment on column meter_sync.custody_seal.previous_seq is 'The seal before it; its records begin after that one. 0: it is the first';
comment on column meter_sync.custody_seal.record_digest is 'Digest of its last record';
comment on column meter_sync.custody_seal.totals is 'For each list of columns the digest of the list, and for each day the readings and the sum of their hashes';
comment on column meter_sync.custody_seal.unsummed is 'Records without day sums: how many, the first and the last day that they reach over; null: none';
comment on column meter_sync.custody_seal.last_committed_at is 'committed_at of its last record';
comment on column meter_sync.custody_seal.sealed_at is 'Clock of this server when it was made';
comment on column meter_sync.custody_seal.digest is 'SHA-256 over the other columns and the digest of the seal before; docs/protocol.md has the definition';
