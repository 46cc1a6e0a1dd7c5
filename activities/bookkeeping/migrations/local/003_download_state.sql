create table meter_sync.download_table (
  site text not null,
  table_name text not null,
  id integer generated always as identity unique,
  signature text,
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

create table meter_sync.download_row (
  table_id integer not null,
  key_hash bigint not null,
  remote_hash bigint,
  local_hash bigint,
  is_brought boolean not null,
  state text constraint download_row_state check (state in ('refused', 'waiting', 'gone')),
  primary key (table_id, key_hash)
);

comment on table meter_sync.download_row is 'Each row as both ends had it after the last download: so an edit here is told from a change on the remote, and a row that only the site knows from one that is gone.';
comment on column meter_sync.download_row.remote_hash is 'Hash of the remote row; null: the remote has none';
comment on column meter_sync.download_row.local_hash is 'Hash of the local row; null: there is none';
comment on column meter_sync.download_row.is_brought is 'True: the local row came from the remote once';
comment on column meter_sync.download_row.state is 'What keeps the local row from being equal; null: nothing';
