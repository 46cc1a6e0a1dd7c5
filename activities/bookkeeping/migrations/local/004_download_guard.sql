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
comment on column meter_sync.download_run.listed_rows is 'Rows of it in download_change; new rows of a large first fill are only counted';
comment on column meter_sync.download_run.hold_id is 'The hold whose approval it needed; null: none';

create table meter_sync.download_change (
  run_id bigint not null,
  place bigint not null,
  kind text not null constraint download_change_kind check (kind in ('new', 'changed', 'gone', 'set back')),
  key jsonb not null,
  name text,
  fields text[] not null,
  was jsonb,
  became jsonb,
  primary key (run_id, place)
);

comment on table meter_sync.download_change is 'Each row that a download has changed: what was, what became. Values of secret columns are left out.';
comment on column meter_sync.download_change.kind is 'set back: the site had changed the row, the remote had not';
comment on column meter_sync.download_change.key is 'Key of the row, one text a column';
comment on column meter_sync.download_change.was is 'Values as text: of the columns that changed, or of all of a row that was deleted';
