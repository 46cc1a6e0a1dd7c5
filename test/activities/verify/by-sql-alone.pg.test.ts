import { expect, it } from 'vitest';
import { openSite, type SiteUnderTest } from '../upload/site-under-test.js';

// A verifier that was written from docs/protocol.md alone: it shares no code with the product.

const SESSION = `set DateStyle = 'ISO, YMD'; set IntervalStyle = 'postgres'; set TimeZone = 'UTC'; set extra_float_digits = 3;
  set bytea_output = 'hex'`;

const BROKEN_RECORDS = `
  with facts as (
    select c.seq, c.digest, c.columns_id,
      row_number() over (order by c.seq) as wanted_seq,
      NETSTRINGS(array['columns', l.columns::text, l.day_column]) as columns_digest,
      array[
        'record', c.site, c.seq::text, encode(lag(c.digest, 1, decode(repeat('00', 32), 'hex')) over (order by c.seq), 'hex'),
        encode(c.content_digest, 'hex'), c.rows::text, c.already_there::text,
        encode(NETSTRINGS(array['columns', l.columns::text, l.day_column]), 'hex'), c.days,
        to_char(c.first_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        to_char(c.last_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        c.claim::text, c.sent_by, host(c.sent_from),
        to_char(c.committed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      ] as texts
    from meter_sync.custody c
    join meter_sync.custody_columns l on l.id = c.columns_id
    where c.site = 'test'
  ), digested as (
    select f.*, NETSTRINGS(f.texts) as right_digest
    from facts f
  )
  select seq from digested
  where digest <> right_digest or columns_id <> substr(columns_digest, 1, 8) or seq <> wanted_seq`.replace(
  /NETSTRINGS\((.*?\]|f\.texts)\)/g,
  `(
    select sha256(convert_to(string_agg(coalesce(octet_length(convert_to(t.text, 'UTF8')) || ':' || t.text, '-') || ',', '' order by t.n), 'UTF8'))
    from unnest($1) with ordinality as t(text, n)
  )`,
);

const DELIVERED_DAYS = `
  select nullif(split_part(d, ',', 1), '') as day, sum(split_part(d, ',', 2)::bigint)::text as rows, sum(split_part(d, ',', 3)::numeric)::text as sum
  from meter_sync.custody c, unnest(string_to_array(c.days, ';')) as d
  where c.site = 'test'
  group by 1 having sum(split_part(d, ',', 2)::bigint) > 0 order by 1`;

const SENT_AS: Readonly<Record<string, string>> = {
  real: 'float4send',
  'double precision': 'float8send',
  numeric: 'numeric_send',
  bigint: 'int8send',
  'timestamp with time zone': 'timestamptz_send',
  'timestamp without time zone': 'timestamp_send',
  'time with time zone': 'timetz_send',
  'time without time zone': 'time_send',
  interval: 'interval_send',
};
const AS_THEY_ARE = ['smallint', 'integer', 'boolean', 'uuid', 'bytea', 'date'];

function toForm(name: string, type: string): string {
  const base = type.replace(/\([\d,]*\)/, '');
  if (SENT_AS[base] !== undefined) return `${SENT_AS[base]}("${name}")`;
  return AS_THEY_ARE.includes(base) ? `"${name}"` : `convert_to("${name}"::text, 'UTF8')`;
}

/** The columns and their types are read from the records, as the page says. */
async function daysOnRemote(site: SiteUnderTest): Promise<unknown> {
  const { columns = '[]', day_column: day } =
    (await site.remote.sql('select columns::text as columns, day_column from meter_sync.custody_columns'))[0] ?? {};
  const values = (JSON.parse(columns ?? '[]') as [string, string][]).map(([name, type]) => toForm(name, type));
  return site.remote.sql(`${SESSION};
    select ("${day}" at time zone 'UTC')::date::text as day, count(*)::text as rows,
      sum(hashtextextended('', hash_record_extended(row(${values.join(', ')}), 0)))::text as sum
    from meter_readings group by 1 order by 1`);
}

it('plain SQL, written from the protocol page alone, verifies a site and finds what was changed', async (context) => {
  const columns = `id uuid primary key default gen_random_uuid(), created_at timestamptz not null, meter_id integer,
    value double precision, exact numeric(18, 6), unit varchar(20), tags text[], extra jsonb, at interval, code char(4)`;
  const site = await openSite(context, {
    local: `create table meter_readings (${columns}, is_synchronized boolean)`,
    remote: `create table meter_readings (${columns.replace('meter_id integer', 'meter_id bigint').replace('varchar(20)', 'text')})`,
  });
  const insert = `insert into meter_readings (created_at, meter_id, value, exact, unit, tags, extra, at, code)
    select '2026-03-28 20:00:00+00'::timestamptz + n * interval '10 min', n % 7, case n % 5 when 0 then 'NaN' else n / 3.0 end, n / 7.0,
      case n % 3 when 0 then null else 'm³/h ✓' end, array['a', null, n::text], jsonb_build_object('n', n, 'ö', 1.10), n * interval '1 s', 'x'
    from generate_series(1, 500) as n`;
  await site.local.sql(insert);
  await site.local.sql('create table kept as table meter_readings');
  await site.upload({ batchRows: 110 });
  await site.local.sql('insert into meter_readings select * from kept limit 60'); // a batch that is there already, in part
  await site.local.sql(insert);
  await site.upload({ batchRows: 300 });

  expect(await site.remote.sql(BROKEN_RECORDS)).toEqual([]);
  expect(await daysOnRemote(site)).toEqual(await site.remote.sql(DELIVERED_DAYS));
  expect(await site.remote.value('select sum(already_there) from meter_sync.custody')).toBe('60');

  await site.remote.sql(`update meter_readings set extra = '{}' where id = (select id from meter_readings limit 1)`);
  expect(await daysOnRemote(site)).not.toEqual(await site.remote.sql(DELIVERED_DAYS));
  await site.remote.sql(`update meter_sync.custody set sent_by = 'somebody else' where seq = 2`);
  expect(await site.remote.sql(BROKEN_RECORDS)).toEqual([{ seq: '2' }]);
});
