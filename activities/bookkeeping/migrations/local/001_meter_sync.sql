comment on schema meter_sync is 'Bookkeeping of meter-sync. Made and upgraded by: meter-sync init';

create table meter_sync.upload_state (
  site text not null,
  batch bigint not null,
  rows bigint not null,
  moved_at timestamptz not null,
  seq bigint not null default 0,
  digest bytea,
  last_timestamp text,
  primary key (site, batch),
  constraint upload_state_link check ((seq = 0) = (digest is null))
);

comment on table meter_sync.upload_state is 'How far the upload of each site has come: the newest row. It is added in the transaction that removes the readings. Batches overlap: the next one has its snapshot before this one has moved the state, so each batch adds a row of its own; a claim clears the older ones.';
comment on column meter_sync.upload_state.site is 'Id of the site';
comment on column meter_sync.upload_state.batch is 'Batches uploaded since the first one';
comment on column meter_sync.upload_state.rows is 'Readings proved safe on the remote and removed here since the first batch';
comment on column meter_sync.upload_state.moved_at is 'When the last batch was removed here';
comment on column meter_sync.upload_state.seq is 'Place in the site''s custody chain: the sequence number of the newest record that this site knows; 0 before the first';
comment on column meter_sync.upload_state.digest is 'Digest of that record';
comment on column meter_sync.upload_state.last_timestamp is 'Value of the order column of the newest reading in that batch';

create table meter_sync.upload_claim (
  site text not null,
  claim uuid not null default gen_random_uuid(),
  number bigint generated always as identity,
  owner text,
  readings text,
  sent_by text not null,
  batch_rows bigint,
  is_resend boolean not null default false,
  claimed_at timestamptz not null default clock_timestamp(),
  primary key (site, claim)
);

comment on table meter_sync.upload_claim is 'Who has sent readings of a site from this database: one row for each run, written before its first batch. A custody record that carries a claim of this table was sent from here, and not from a copy.';
comment on column meter_sync.upload_claim.number is 'Later runs have higher numbers';
comment on column meter_sync.upload_claim.owner is 'The workflow that ordered the run';
comment on column meter_sync.upload_claim.readings is 'The table whose readings were sent, with its schema: another site that would send them, too, is not started';
comment on column meter_sync.upload_claim.sent_by is 'Host and process of the worker';
comment on column meter_sync.upload_claim.batch_rows is 'How large its batches were at the end';
comment on column meter_sync.upload_claim.is_resend is 'True: it sent kept readings again';

create table meter_sync.site_key (
  site text not null,
  number integer not null check (number > 0),
  public_key bytea not null,
  private_key bytea not null,
  made_at timestamptz not null default clock_timestamp(),
  primary key (site, number)
);

revoke all on meter_sync.site_key from public;

comment on table meter_sync.site_key is 'What a site signs its custody records with: Ed25519. Only the user whom the worker connects as may read it. Whoever has a private key can sign as this site.';
comment on column meter_sync.site_key.number is 'The key with the highest number signs';
comment on column meter_sync.site_key.public_key is '32 bytes; the remote has it in custody_key';
comment on column meter_sync.site_key.private_key is 'PKCS #8, DER. A secret';

create table meter_sync.day_state (
  site text not null,
  day text not null,
  digest bytea not null,
  state bytea not null,
  primary key (site, day, digest)
);

comment on table meter_sync.day_state is 'METER_SYNC_CUSTODY=strong: what is behind the digests of days in custody records, so that later readings of a day can be added. Readings cannot be told from it.';
comment on column meter_sync.day_state.day is 'UTC day; empty: readings without one';
comment on column meter_sync.day_state.digest is 'As the record says it: SHA-256 of the state';
comment on column meter_sync.day_state.state is 'Hash of all readings delivered of that day: LtHash, 1024 lanes of 16 bits';

create table meter_sync.quarantine (
  site text not null,
  key text[] not null,
  reading_time text,
  sqlstate text,
  constraint_name text,
  table_name text,
  column_names text[] not null default '{}',
  message text not null,
  first_tried_at timestamptz not null default clock_timestamp(),
  last_tried_at timestamptz not null default clock_timestamp(),
  tries integer not null default 1,
  is_released boolean not null default false,
  primary key (site, key)
);

comment on table meter_sync.quarantine is 'Readings that the remote refuses for a reason of their own. They stay in their own table; a row here keeps them out of the batches.';
comment on column meter_sync.quarantine.key is 'Key of the reading, one text a column';
comment on column meter_sync.quarantine.reading_time is 'Its value in the order column';
comment on column meter_sync.quarantine.sqlstate is 'PostgreSQL''s code of the refusal; null: in conflict with another reading of its key, there or at the site';
comment on column meter_sync.quarantine.column_names is 'The columns that the refusal names, or that differ';
comment on column meter_sync.quarantine.is_released is 'True: the next batch may take it again';

create table meter_sync.delivered_batch (
  site text not null,
  seq bigint not null,
  digest bytea not null,
  rows bigint not null,
  days json,
  columns_id text not null,
  first_timestamp text,
  last_timestamp text,
  committed_at timestamptz not null default clock_timestamp(),
  primary key (site, seq)
);

comment on table meter_sync.delivered_batch is 'What the site remembers of its custody records, one row each, written in the transaction that removes or marks the readings: so it knows what a remote lacks that was restored from an older backup.';
comment on column meter_sync.delivered_batch.digest is 'Digest of the record';
comment on column meter_sync.delivered_batch.rows is 'Readings that the batch inserted';
comment on column meter_sync.delivered_batch.days is 'The same by UTC day, as in the record: [day, rows, sum]; null: without day sums';
comment on column meter_sync.delivered_batch.columns_id is 'What the sums were made of: a row of delivered_columns';

create table meter_sync.delivered_columns (
  id text primary key,
  columns json not null,
  day_column text
);

comment on table meter_sync.delivered_columns is 'The lists of columns that the sums of delivered batches were made of, each once.';
comment on column meter_sync.delivered_columns.columns is 'In order, each with the type in which it was hashed';
comment on column meter_sync.delivered_columns.day_column is 'The column whose UTC day sorts the readings into days; null: none';

create table meter_sync.lost_at_remote (
  id bigint generated always as identity primary key,
  site text not null,
  since timestamptz not null,
  batches bigint not null,
  day text,
  rows bigint not null,
  sum numeric,
  columns_id text,
  first_timestamp text,
  last_timestamp text,
  ended text constraint lost_at_remote_ended check (ended in ('found', 'sent again', 'written off')),
  ended_at timestamptz,
  ended_by text,
  reason text,
  constraint lost_at_remote_is_ended check ((ended is null) = (ended_at is null))
);

create index lost_at_remote_open on meter_sync.lost_at_remote (site) where ended is null;

comment on table meter_sync.lost_at_remote is 'Delivered readings that the remote has no more, by UTC day. A row stays open until the readings are there again or a person has written them off, and is never deleted.';
comment on column meter_sync.lost_at_remote.since is 'When adopt noted the loss, the same for all its days';
comment on column meter_sync.lost_at_remote.batches is 'Batches of that loss, all days together';
comment on column meter_sync.lost_at_remote.day is 'UTC day as in the custody records; null: not known';
comment on column meter_sync.lost_at_remote.rows is 'Readings that are missing still; once it has ended, those that ended so';
comment on column meter_sync.lost_at_remote.sum is 'Sum of their hashes; null: without day sums';
comment on column meter_sync.lost_at_remote.first_timestamp is 'The oldest reading of the batches that had readings of this day';
comment on column meter_sync.lost_at_remote.ended is 'found: verify has found them on the remote, where somebody had put them back; sent again: meter-sync resend; written off: meter-sync adopt --accept-loss';

create table meter_sync.kept_reading (
  id bigint generated always as identity primary key,
  site text not null,
  kept_at timestamptz not null default clock_timestamp(),
  first_day date,
  last_day date,
  rows integer not null,
  keys text[] not null,
  columns text[],
  contents text[]
);

create index kept_reading_kept_at on meter_sync.kept_reading (site, kept_at);

comment on table meter_sync.kept_reading is 'Readings that have arrived and stay at the site for METER_SYNC_READINGS_KEEP_DAYS, up to some thousands of one batch a row. Where the readings have a flag they stay in their table, marked, and only what is listed here is ever removed from there; where they have none they are moved here.';
comment on column meter_sync.kept_reading.first_day is 'The oldest day of the order column; null: it has none';
comment on column meter_sync.kept_reading.keys is 'Their keys, each a JSON array of texts';
comment on column meter_sync.kept_reading.columns is 'The columns of contents';
comment on column meter_sync.kept_reading.contents is 'Where the readings have no flag: the readings themselves, each a JSON array of texts';

create table meter_sync.download_table (
  site text not null,
  table_name text not null,
  id integer generated always as identity unique,
  signature text,
  columns text[],
  remote_rows bigint not null default 0,
  remote_sum numeric not null default 0,
  local_rows bigint not null default 0,
  local_sum numeric not null default 0,
  refused bigint not null default 0,
  waiting bigint not null default 0,
  gone bigint not null default 0,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (site, table_name)
);

comment on table meter_sync.download_table is 'What both ends held after the last download of a table that found something to do. While both still have these sums, nothing is to be done.';
comment on column meter_sync.download_table.signature is 'How the sums were made: columns, types and filter. Sums of another signature say nothing';
comment on column meter_sync.download_table.remote_sum is 'Sum of the row hashes of the remote rows';
comment on column meter_sync.download_table.local_sum is 'Sum of the row hashes of the local rows of the same tenants';
comment on column meter_sync.download_table.refused is 'Rows that the local table refuses';
comment on column meter_sync.download_table.waiting is 'Rows that wait for a row of another table';
comment on column meter_sync.download_table.gone is 'Rows here that the remote once had';
comment on column meter_sync.download_table.columns is 'The columns that came from the remote; null: not known';

create table meter_sync.download_row (
  key_hash bigint not null,
  remote_hash bigint,
  local_hash bigint,
  table_id integer not null,
  is_brought boolean not null,
  state text constraint download_row_state check (state in ('refused', 'waiting', 'gone')),
  primary key (table_id, key_hash)
) with (fillfactor = 45);

-- A row that changes finds room beside its old form, which leaves the index as it is: of 10,000 rows half the time.

comment on table meter_sync.download_row is 'Each row of a downloaded table as both ends had it after the last download: so an edit here is told from a change on the remote, and a row that only the site knows from one that is gone.';
comment on column meter_sync.download_row.table_id is 'The id of its download_table';
comment on column meter_sync.download_row.key_hash is 'Hash of the key';
comment on column meter_sync.download_row.remote_hash is 'Hash of the remote row; null: the remote has none';
comment on column meter_sync.download_row.local_hash is 'Hash of the local row; null: there is none';
comment on column meter_sync.download_row.is_brought is 'True: the local row came from the remote once';
comment on column meter_sync.download_row.state is 'What keeps the local row from being equal: refused, waiting, gone; null: nothing';

create table meter_sync.download_hold (
  id bigint generated always as identity primary key,
  site text not null,
  table_name text not null,
  fingerprint text not null,
  numbers jsonb not null,
  examples jsonb not null,
  since timestamptz not null default clock_timestamp(),
  decision text constraint download_hold_decision check (decision in ('approve', 'reject')),
  decided_by text,
  decided_at timestamptz,
  ended_at timestamptz,
  ended text constraint download_hold_ended check (ended in ('applied', 'recovered', 'replaced')),
  constraint download_hold_is_decided check ((decision is null) = (decided_by is null) and (decision is null) = (decided_at is null)),
  constraint download_hold_is_ended check ((ended is null) = (ended_at is null))
);

create unique index download_hold_open on meter_sync.download_hold (site, table_name) where ended_at is null;

comment on table meter_sync.download_hold is 'Downloads that look like a mistake of the remote: nothing of them is applied until a person decides, or the remote is itself again.';
comment on column meter_sync.download_hold.fingerprint is 'Names the very change set that is held';
comment on column meter_sync.download_hold.numbers is 'What it would do, in rows, and why it is held';
comment on column meter_sync.download_hold.examples is 'Keys and names of some of its rows';
comment on column meter_sync.download_hold.ended is 'applied: it was approved and applied; recovered: the remote is itself again; replaced: after the decision another change set came';

create table meter_sync.download_run (
  id bigint generated always as identity primary key,
  site text not null,
  table_name text not null,
  applied_at timestamptz not null default clock_timestamp(),
  workflow_run text,
  cycle bigint,
  new_rows bigint not null,
  changed_rows bigint not null,
  gone_rows bigint not null,
  listed_rows bigint not null,
  hold_id bigint
);

create index download_run_applied_at on meter_sync.download_run (applied_at);

comment on table meter_sync.download_run is 'Each download that has changed a table here. Kept for METER_SYNC_DOWNLOAD_HISTORY_DAYS.';
comment on column meter_sync.download_run.workflow_run is 'Run id of the workflow that ordered it';
comment on column meter_sync.download_run.listed_rows is 'Rows of it in download_change; the new rows of a large fill are only counted';
comment on column meter_sync.download_run.hold_id is 'The hold whose approval it needed; null: none';

create table meter_sync.download_change (
  run_id bigint not null,
  place bigint not null,
  kind text not null constraint download_change_kind check (kind in ('new', 'changed', 'gone', 'set back')),
  key jsonb not null,
  name text,
  fields text[] not null,
  was json,
  became json,
  primary key (run_id, place)
);

comment on table meter_sync.download_change is 'Each row that a download has changed: what was, what became. Values of secret columns are left out.';
comment on column meter_sync.download_change.kind is 'set back: the site had changed the row, the remote had not';
comment on column meter_sync.download_change.key is 'Key of the row, one text a column';
comment on column meter_sync.download_change.was is 'Values as text: of the columns that changed, or of all of a row that was deleted';
