alter table meter_sync.download_table
  add column parts integer not null default 1,
  add column columns text[];

comment on column meter_sync.download_table.parts is 'Into how many parts its rows are divided, a power of two';

comment on column meter_sync.download_table.columns is 'The columns that came from the remote; null: not known';

-- About 64 rows a part, as new downloads divide them.
update meter_sync.download_table
set parts = power(2, least(14, ceil(log(2, greatest(remote_rows, local_rows, 64) / 64.0))))::integer;

create table meter_sync.download_part (
  table_id integer not null,
  part integer not null,
  key_hash bigint[] not null,
  remote_hash bigint[] not null,
  local_hash bigint[] not null,
  is_brought boolean[] not null,
  state text[] not null,
  remote_rows bigint not null,
  remote_sum numeric not null,
  local_rows bigint not null,
  local_sum numeric not null,
  common_rows bigint not null,
  refused bigint not null,
  waiting bigint not null,
  gone bigint not null,
  primary key (table_id, part)
);

alter table meter_sync.download_part
  alter column key_hash set storage external,
  alter column remote_hash set storage external,
  alter column local_hash set storage external;

comment on table meter_sync.download_part is 'Each row as both ends had it after the last download, many to a part: so an edit here is told from a change on the remote, a row that only the site knows from one that is gone, and only parts that differ are looked into.';
comment on column meter_sync.download_part.part is 'The lowest bits of the hash of the key, as many as count the parts';
comment on column meter_sync.download_part.key_hash is 'Hashes of the keys, in their order; the arrays that follow have one element for each';
comment on column meter_sync.download_part.remote_hash is 'Hash of the remote row; null: the remote has none';
comment on column meter_sync.download_part.local_hash is 'Hash of the local row; null: there is none';
comment on column meter_sync.download_part.is_brought is 'True: the local row came from the remote once';
comment on column meter_sync.download_part.state is 'What keeps the local row from being equal: refused, waiting, gone; null: nothing';
comment on column meter_sync.download_part.remote_sum is 'Sum of the hashes of the remote rows';
comment on column meter_sync.download_part.local_sum is 'Sum of the hashes of the local rows';
comment on column meter_sync.download_part.common_rows is 'Rows that both ends have';

insert into meter_sync.download_part
  (table_id, part, key_hash, remote_hash, local_hash, is_brought, state, remote_rows, remote_sum, local_rows, local_sum,
   common_rows, refused, waiting, gone)
select table_id, (key_hash & (t.parts - 1))::integer, array_agg(key_hash order by key_hash), array_agg(remote_hash order by key_hash),
  array_agg(local_hash order by key_hash), array_agg(is_brought order by key_hash), array_agg(state order by key_hash),
  count(remote_hash), coalesce(sum(remote_hash), 0), count(local_hash), coalesce(sum(local_hash), 0),
  count(*) filter (where remote_hash is not null and local_hash is not null), count(*) filter (where state = 'refused'), count(*) filter (where state = 'waiting'),
  count(*) filter (where state = 'gone')
from meter_sync.download_row as r
join meter_sync.download_table as t on t.id = r.table_id
group by 1, 2;

drop table meter_sync.download_row;
