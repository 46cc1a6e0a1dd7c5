comment on schema meter_sync is 'Bookkeeping of meter-sync. Made and upgraded by: meter-sync init';

create table meter_sync.upload_state (
  site text primary key,
  seq bigint not null,
  rows bigint not null,
  moved_at timestamptz not null
);

comment on table meter_sync.upload_state is 'How far the upload of each site has come. It moves in the transaction that removes the readings.';
comment on column meter_sync.upload_state.site is 'Id of the site';
comment on column meter_sync.upload_state.seq is 'Batches uploaded since the first one';
comment on column meter_sync.upload_state.rows is 'Readings proved safe on the remote and removed here since the first batch';
comment on column meter_sync.upload_state.moved_at is 'When the last batch was removed here';
