-- Batches overlap: the next one has its snapshot before this one has moved the state. So each batch adds a row of its own,
-- and the newest row of a site is its state; a claim clears the older ones.
alter table meter_sync.upload_state rename column seq to batch;
alter table meter_sync.upload_state drop constraint upload_state_pkey;
alter table meter_sync.upload_state add primary key (site, batch);
alter table meter_sync.upload_state add column seq bigint not null default 0;
alter table meter_sync.upload_state add column digest bytea;
alter table meter_sync.upload_state add column last_timestamp text;
alter table meter_sync.upload_state add constraint upload_state_link check ((seq = 0) = (digest is null));

comment on table meter_sync.upload_state is 'How far the upload of each site has come: the newest row. It is added in the transaction that removes the readings.';
comment on column meter_sync.upload_state.batch is 'Batches uploaded since the first one';
comment on column meter_sync.upload_state.seq is 'Place in the site''s custody chain: the sequence number of the newest record that this site knows; 0 before the first';
comment on column meter_sync.upload_state.digest is 'Digest of that record';
comment on column meter_sync.upload_state.last_timestamp is 'Value of the order column of the newest reading in that batch';

create table meter_sync.upload_claim (
  site text not null,
  claim uuid not null default gen_random_uuid(),
  number bigint generated always as identity,
  owner text,
  sent_by text not null,
  batch_rows bigint,
  claimed_at timestamptz not null default clock_timestamp(),
  primary key (site, claim)
);

comment on table meter_sync.upload_claim is 'Who has sent readings of a site from this database: one row for each run, written before its first batch. A custody record that carries a claim of this table was sent from here, and not from a copy.';
comment on column meter_sync.upload_claim.number is 'Later runs have higher numbers';
comment on column meter_sync.upload_claim.owner is 'The workflow that ordered the run';
comment on column meter_sync.upload_claim.sent_by is 'Host and process of the worker';
comment on column meter_sync.upload_claim.batch_rows is 'How large its batches were at the end';

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
comment on column meter_sync.quarantine.sqlstate is 'PostgreSQL''s code of the refusal; null: it is on the remote already, with other content';
comment on column meter_sync.quarantine.column_names is 'The columns that the refusal names, or that differ';
comment on column meter_sync.quarantine.is_released is 'True: the next batch may take it again';
