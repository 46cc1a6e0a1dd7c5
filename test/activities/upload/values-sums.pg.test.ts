import { describe, expect, it } from 'vitest';
import { parseDays, readingHash, utcDay } from '../../../activities/custody/days/day-sums.js';
import { planUpload } from '../../../activities/upload/plan/plan-upload.js';
import { readQueueFigures } from '../../../activities/upload/queue/queue-figures.js';
import { run, runAll } from '../../../src/postgres/session.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';

/** Pairs of types, the remote's second, with a value that one of the two may print, cast or hash in a way of its own. */
const PAIRS: readonly (readonly [local: string, remote: string, value: string])[] = [
  ['int4', 'int8', '-7'],
  ['int8', 'int4', '7'],
  ['int4', 'numeric(12,2)', '7'],
  ['numeric(9,0)', 'int8', '7'],
  ['int2', 'float4', '7'],
  ['float4', 'float8', '0.1'],
  ['float4', 'float8', '-0'],
  ['float8', 'text', '0.1'],
  ['numeric(9,3)', 'numeric', '1.500'],
  ['jsonb', 'json', '{"b": 1.00, "a": [null]}'],
  ['char(5)', 'text', 'ab'],
  ['bool', 'text', 't'],
  ['bytea', 'text', '\\x00ff'],
  ['interval', 'text', '1 mon -3 days'],
  ['inet', 'text', '10.0.0.1/32'],
  ['timestamptz', 'text', '2026-01-01 00:00:00.5+00'],
  ['int4[]', 'int8[]', '{1,NULL}'],
  ['text', 'varchar(9)', 'é\t"x"'],
  ['mood', 'temper', 'ok'],
  ['text', 'temper', 'bad'],
  ['mood', 'mood', 'ok'],
  ['timestamp', 'timestamptz', '2026-07-01 12:00:00.123456'],
  ['timestamptz', 'timestamp', '2026-07-01 12:00:00.123456+00'],
  ['timestamp', 'timestamptz(0)', '2026-07-01 12:00:00.523456'],
  ['numeric(9,3)', 'numeric(9,1)', '1.25'],
  ['numeric(9,3)[]', 'numeric(9,1)[]', '{1.25}'],
  ['float8', 'float4', '0.1234567890123'],
  ['float8', 'numeric', '0.12345678901234567'],
  ['float4', 'numeric', '0.123456789'],
  ['float8', 'numeric(9,2)', '0.125'],
  ['int8', 'float8', '9007199254740993'],
  ['int8', 'float4', '16777217'],
  ['numeric', 'float8', '0.1000000000000000055511151231257827'],
  ['json', 'jsonb', '{"b":1, "a":1.00, "b":2}'],
  ['char(5)', 'char(3)', 'ab'],
  ['text[]', 'varchar(3)[]', '{"ab   "}'],
  ['interval', 'interval day to second(0)', '1 day 00:00:01.5'],
  ['time(6)', 'time(0)', '00:00:01.5'],
];

const NAMES = PAIRS.map((_, at) => `c${at}`);

async function openPairs(context: Parameters<typeof openSite>[0], order: string, remoteOrder: string): Promise<SiteUnderTest> {
  const columns = (end: 0 | 1): string => PAIRS.map((types, at) => `c${at} ${types[end]}`).join(', ');
  return openSite(context, {
    local: `create type mood as enum ('ok', 'bad'); create table meter_readings (id bigint primary key, instant ${order}, ${columns(0)}, is_synchronized boolean)`,
    remote: `create type mood as enum ('bad', 'ok'); create type temper as enum ('bad', 'ok'); create table meter_readings (id bigint primary key, instant ${remoteOrder}, ${columns(1)})`,
    readings: { order: 'instant', timeZone: 'Europe/Berlin', mayRound: NAMES },
  });
} // prettier-ignore

describe('the sums of the days that the site makes', () => {
  it.for([
    ['timestamptz', 'timestamptz'],
    ['timestamp', 'timestamptz'],
    ['timestamptz', 'timestamp'],
    ['date', 'date'],
  ] as const)('are those of what the remote has stored, whatever its types: by %s into %s', async (types, context) => {
    const site = await openPairs(context, types[0], types[1]);
    const values = PAIRS.map(([type, , value]) => `'${value}'::${type}`).join(', ');
    await site.local.sql(`insert into meter_readings select i, '2026-07-01 23:30:00'::timestamp + i * interval '8 hours', ${values} from generate_series(1, 9) as i`);
    await site.local.sql(`insert into meter_readings (id, instant) values (10, '2026-07-02 12:00'), (11, null)`);
    expect(await site.upload()).toMatchObject({ inserted: 11, removed: 11 });
    const records = await site.remote.sql<{ columns: string; days: string }>(
      'select columns, days from meter_sync.custody c join meter_sync.custody_columns l on l.id = c.columns_id order by seq',
    );
    const columns = (JSON.parse(records[0]?.columns ?? '[]') as [string, string][]).map(([name, type]) => ({ name, type }));
    const day = columns.find(({ name }) => name === 'instant') ?? null;
    const text = `
      select ${utcDay(day, 'r')}::text as day, count(*)::text as rows, sum(${readingHash(columns, 'r')})::text as sum
      from meter_readings as r
      group by 1
      order by 1`;
    const made = await withTransaction(site.remote, { isolation: 'read committed' }, async (session) => {
      await runAll(session, TEXT_FORMS);
      return run<{ day: string | null; rows: string; sum: string }>(session, { text, values: [] });
    });
    const told = records.flatMap(({ days }) => parseDays(days) ?? []);
    expect(made.length).toBeGreaterThan(3);
    expect(told.map(({ day: name, rows, sum }) => ({ day: name, rows: String(rows), sum }))).toEqual(made);
  }); // prettier-ignore

  it('and the age of the queue read a local time in the zone of the site', async (context) => {
    const site = await openPairs(context, 'timestamp', 'timestamptz');
    await site.local.sql(`insert into meter_readings (id, instant) values (1, '2026-07-01 12:00'), (2, '2026-07-01 13:00')`);
    const { signal } = new AbortController();
    const { queue } = await planUpload(site.ends, signal);
    expect((await readQueueFigures(site.local, queue, signal)).oldestUnsynced).toBe('2026-07-01T10:00:00.000000Z');
    await site.upload();
    expect(await site.remote.value(`select min(first_timestamp) at time zone 'UTC' from meter_sync.custody`)).toBe('2026-07-01 10:00:00');
  }); // prettier-ignore
});
