import { expect, it } from 'vitest';
import type { Queue } from '../../../activities/upload/queue/queue.js';
import { readFiguresOf } from '../../../activities/upload/queue/queue-figures.js';
import type { UploadReadingsResult } from '../../../src/model/operations.js';
import { run } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { until } from '../../support/wait.js';
import { openSite, PLAIN_READINGS, setForDatabase } from './site-under-test.js';

it('batches take the oldest readings first, and at most as many as they may', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const earlyEnd = new AbortController();
  const result = await site.upload({ batchRows: 7, earlyEnd: earlyEnd.signal, onHeartbeat: () => earlyEnd.abort() });
  expect(result).toMatchObject({ batches: 2, removed: 14, more: true, queueSize: 86 }); // the one under way is finished
  expect(result.oldestUnsynced).toBe('2026-01-01T00:00:15.000000Z');
  expect(await site.remote.value('select max(id) from meter_readings')).toBe('14');
});

it('readings of one instant are told apart by their key', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql(`update meter_readings set created_at = '2026-01-01'`);
  expect(await site.upload({ batchRows: 9 })).toMatchObject({ batches: 12, removed: 100, queueSize: 0 });
});

it('a late reading below an earlier boundary moves in the next run', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(100, 200);
  await site.upload({ batchRows: 10 });
  await site.queueReadings(1, 5);
  expect(await site.upload({ batchRows: 10 })).toMatchObject({ removed: 5, queueSize: 0 });
});

it('readings without an instant, or with an infinite one, are neither lost nor in the way', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter_readings (id bigint primary key, created_at timestamptz, value numeric, is_synchronized boolean)',
    remote: 'create table meter_readings (id bigint primary key, created_at timestamptz, value numeric)',
  });
  await site.queueReadings(1, 20);
  await site.local.sql(`update meter_readings set created_at = null where id <= 8;
    update meter_readings set created_at = 'infinity' where id = 9;
    update meter_readings set created_at = '-infinity' where id = 10;
    update meter_readings set created_at = '0044-03-15 BC' where id = 11`);
  const before = await site.contents(site.local);
  const earlyEnd = new AbortController();
  const first = await site.upload({ batchRows: 3, earlyEnd: earlyEnd.signal, onHeartbeat: () => earlyEnd.abort() });
  expect(first).toMatchObject({ removed: 6, queueSize: 14, oldestUnsynced: '2026-01-01T00:00:16.000000Z' });
  const rest = await site.upload({ batchRows: 3 });
  expect(rest).toMatchObject({ removed: 14, queueSize: 0, oldestUnsynced: null, more: false });
  expect(await site.contents(site.remote)).toEqual(before);
});

it('the age of the queue is that of its oldest instant in UTC, whatever the session says', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter_readings (id bigint primary key, created_at timestamp(3), value numeric, is_synchronized boolean)',
    remote:
      'create table meter_readings (id bigint primary key, created_at timestamp, value numeric check (value > 1))',
  });
  await site.local.sql(setForDatabase('TimeZone', 'Asia/Kathmandu'));
  await site.local.sql(setForDatabase('DateStyle', 'SQL, DMY'));
  await site.local.sql(
    `insert into meter_readings values (1, '2026-02-03 04:05:06.789', 2), (2, '2026-02-03 04:05:06.790', 2), (3, '2026-02-03 04:05:06.791', 2)`,
  );
  await site.local.sql(`insert into meter_readings select n, '2026-02-03 04:05:07', 2 from generate_series(4, 9) n`);
  const earlyEnd = new AbortController();
  const result = await site.upload({ batchRows: 1, earlyEnd: earlyEnd.signal, onHeartbeat: () => earlyEnd.abort() });
  expect(result.oldestUnsynced).toBe('2026-02-03T04:05:06.791000Z');
  expect(await site.upload({ batchRows: 2 })).toMatchObject({ removed: 7, queueSize: 0 });
});

it('without a flag every reading is queued', async (context) => {
  const table = 'create table meter_readings (id bigint primary key, created_at timestamptz, value numeric)';
  const site = await openSite(context, { local: table, remote: table, readings: { flag: null } });
  await site.queueReadings(1, 50);
  expect(await site.upload({ batchRows: 20 })).toMatchObject({ batches: 3, removed: 50, queueSize: 0 });
});

it('keys may be of several columns, of any type and in any order', async (context) => {
  const columns = `logger varchar(8), channel "char", kind char(4), at numeric(20,6), created_at date, value real`;
  const site = await openSite(context, {
    local: `create table meter_readings (${columns}, is_synchronized boolean, primary key (logger, channel, kind, at))`,
    remote: `create table meter_readings (${columns}, primary key (at, kind, channel, logger))`,
    readings: { key: ['kind', 'logger', 'at', 'channel'] },
  });
  await site.local.sql(`insert into meter_readings
    select 'Zähler''' || n % 3, chr(97 + n % 5)::"char", 'k' || n % 2, n / 7.0, '2026-01-01'::date + n % 4, n from generate_series(1, 200) n`);
  const before = await site.contents(site.local, 'logger, channel, kind, at, created_at, value');
  expect(await site.upload({ batchRows: 11 })).toMatchObject({ batches: 19, removed: 200, queueSize: 0 });
  expect(await site.contents(site.remote, 'logger, channel, kind, at, created_at, value')).toEqual(before);
});

it('names of tables and columns may be anything that PostgreSQL takes', async (context) => {
  const columns = `"i""d; --" uuid primary key, "select" timestamptz, "Wert in %s $1 \\" text, "is synced" boolean`;
  const site = await openSite(context, {
    local: `create schema "Anlage ""A"""; create table "Anlage ""A"""."meter readings; drop" (${columns})`,
    remote: `create schema "Anlage ""A"""; create table "Anlage ""A"""."meter readings; drop" (${columns})`,
    readings: {
      table: { schema: 'Anlage "A"', name: 'meter readings; drop' },
      key: ['i"d; --'],
      order: 'select',
      flag: 'is synced',
    },
  });
  const table = `"Anlage ""A"""."meter readings; drop"`;
  const insert = `insert into ${table} select gen_random_uuid(), null, 'a' || n from generate_series(1, 20) n`;
  await site.local.sql(`${insert}; create table kept as table ${table}`);
  expect(await site.upload({ batchRows: 6 })).toMatchObject({ batches: 4, inserted: 20, queueSize: 0 });
  await site.local.sql(`insert into ${table} table kept`);
  expect(await site.upload({ batchRows: 6 })).toMatchObject({ batches: 4, alreadyThere: 20, queueSize: 0 });
  await site.remote.sql(`update ${table} set "Wert in %s $1 \\" = 'other'`);
  await site.local.sql(`insert into ${table} table kept`);
  expect(await site.upload()).toMatchObject({ quarantined: 20, removed: 0 });
  expect(await site.local.value('select distinct column_names from meter_sync.quarantine')).toBe(
    '{"Wert in %s $1 \\\\"}',
  );
});

it('an empty queue takes no batch and says so', async (context) => {
  const site = await openSite(context);
  expect(await site.upload()).toMatchObject({
    batches: 0,
    selected: 0,
    more: false,
    queueSize: 0,
    oldestUnsynced: null,
    totalUploaded: 0,
  });
});

it('with an index of the queue no batch reads the whole table, whatever the statistics say', async (context) => {
  const site = await openSite(context);
  await site.local.sql('create index on meter_readings (created_at, id) where is_synchronized is not true');
  await site.queueReadings(1, 300);
  await site.local.sql('analyze meter_readings');
  await site.upload({ batchRows: 10 });
  await until(async () => Number(await site.local.value(SCANS('idx_scan'))) >= 60, {
    what: 'the statistics of the scans',
  });
  expect(Number(await site.local.value(SCANS('seq_scan')))).toBeLessThan(10);
});

const SCANS = (kind: string): string => `select ${kind} from pg_stat_user_tables where relname = 'meter_readings'`;

it('a queue of more than 100,000 readings is told as an estimate, and says so', async (context) => {
  const site = await openSite(context);
  await site.local.sql('create index on meter_readings (created_at, id) where is_synchronized is not true');
  await site.queueReadings(1, 100_000);
  const count = async (): Promise<UploadReadingsResult> => site.upload({ batchRows: 1, earlyEnd: AbortSignal.abort() });
  await site.local.sql('analyze meter_readings');
  expect(await count()).toMatchObject({ queueSize: 100_000, queueSizeIsEstimate: false });
  await site.queueReadings(100_001, 150_000);
  await site.local.sql('analyze meter_readings');
  const estimated = await count();
  expect(estimated.queueSizeIsEstimate).toBe(true);
  expect(Math.abs(estimated.queueSize - 150_000)).toBeLessThan(15_000);
  expect(estimated.oldestUnsynced).not.toBeNull();
});

it('a count that would take too long is given up for an estimate, and the transaction goes on', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 1_000);
  // Reading the flag of a row takes its time, as a cold disk would.
  await site.local.sql(`
    analyze meter_readings;
    alter table meter_readings rename to slow_readings;
    create function slow(flag boolean) returns boolean language plpgsql as $$begin perform pg_sleep(0.001); return flag; end$$;
    create view meter_readings as select id, created_at, value, slow(is_synchronized) as is_synchronized from slow_readings`);
  const startedAt = performance.now();
  const queue: Queue = {
    ...{ readings: PLAIN_READINGS, orderType: 'timestamp with time zone', keyTypes: ['bigint'], quarantineOf: null },
    ...{ orderMayBeNull: false, orderIsTime: true, cuts: [] },
  };
  const figures = await withTransaction(site.local, { isolation: 'repeatable read, read only' }, async (session) => {
    const figuresOf = await readFiguresOf(session, queue);
    await run(session, plain('select 1'));
    return figuresOf;
  });
  expect(figures.queueSizeIsEstimate).toBe(true);
  expect(figures.queueSize).toBeGreaterThan(0);
  expect(performance.now() - startedAt).toBeLessThan(1_000); // two statements of 90 ms, and a busy machine
});
