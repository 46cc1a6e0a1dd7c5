import { createHash } from 'node:crypto';
import { to as copyTo } from 'pg-copy-streams';
import { expect, it, onTestFinished } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import { untilLockIsAwaited } from '../../support/locks.js';
import { until } from '../../support/wait.js';
import { openSite, PLAIN_READINGS, setForDatabase, type SiteUnderTest, toSite } from './site-under-test.js';

const RECORDS = `select seq, encode(digest, 'hex') as digest, rows, already_there from meter_sync.custody order by seq`;

it('each batch commits one record with its readings, and the site knows the newest one', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const { chainHead } = await site.upload({ batchRows: 30 });
  const records = await site.remote.sql(RECORDS);
  expect(chainHead).toEqual({ seq: 4, digest: records[3]?.['digest'] });
  expect((await site.upload()).chainHead).toEqual(chainHead); // nothing waits
  expect(records.map(({ seq, rows }) => [seq, rows])).toEqual([
    ['1', '30'],
    ['2', '30'],
    ['3', '30'],
    ['4', '10'],
  ]);
  expect(new Set(records.map(({ digest }) => digest)).size).toBe(4);
  const [state] = await site.local.sql(
    `select seq, encode(digest, 'hex') as digest, rows from meter_sync.upload_state order by batch desc limit 1`,
  );
  expect(state).toEqual({ seq: '4', digest: records[3]?.['digest'], rows: '100' });
});

it("an upload tells how far the servers' clocks are apart, however long its batch takes, and none without a batch", async (context) => {
  const site = await openSite(context);
  await site.local.sql(`
    create schema ahead;
    grant usage on schema ahead to public;
    create function ahead.clock_timestamp() returns timestamptz language sql as
      $$ select pg_catalog.clock_timestamp() + interval '1 hour' $$;
    create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(1); return null; end';
    create trigger slow before delete on meter_readings for each statement execute function slow()`);
  await site.local.sql(
    `do $$begin execute format('alter database %I set search_path to ahead, pg_catalog, public', current_database()); end$$`,
  );
  await site.queueReadings(1, 5);
  const { clockDifferenceMs } = await site.upload();
  expect(Math.abs((clockDifferenceMs ?? 0) - 3_600_000)).toBeLessThan(500);
  expect((await site.upload()).clockDifferenceMs ?? null).toBeNull();
});

it('a record says from when to when its readings are, who sent it and with which columns', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.upload();
  const [record] = await site.remote.sql(
    `select extract(epoch from first_timestamp)::bigint as first, extract(epoch from last_timestamp)::bigint as last, sent_by,
       columns, day_column, days from meter_sync.custody c join meter_sync.custody_columns l on l.id = c.columns_id`,
  );
  expect(record).toMatchObject({
    first: String(Date.parse('2026-01-01T00:00:01Z') / 1_000),
    last: String(Date.parse('2026-01-01T00:00:10Z') / 1_000),
    sent_by: expect.stringMatching(/, process \d+$/) as unknown,
    columns: '[["created_at","timestamp with time zone"],["id","bigint"],["value","numeric"]]',
    day_column: 'created_at',
    days: expect.stringMatching(/^2026-01-01,10,-?\d+$/) as unknown,
  });
});

it('a record holds the digest of the bytes that were streamed: those of a binary COPY of its readings in their order', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 500);
  await site.local.sql('create table kept as table meter_readings');
  await site.upload();
  const client = await site.local.admin.pool.connect();
  onTestFinished(() => client.release());
  const query = 'select created_at, id, value from kept order by created_at, id';
  const hash = createHash('sha256');
  for await (const chunk of client.query(copyTo(`copy (${query}) to stdout (format binary)`)))
    hash.update(chunk as Buffer);
  const record = `select encode(content_digest, 'hex') from meter_sync.custody`;
  expect(await site.remote.value(record)).toBe(hash.digest('hex'));
});

it('two batches overlap, and the remote is never more than one ahead of the site', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 400);
  // The site's commits wait: the next batch may stream meanwhile, and must not commit its record.
  await site.local.sql(`
    create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
    create trigger hold after insert on meter_sync.upload_state execute function hold()`);
  const holder = await site.local.admin.pool.connect();
  await holder.query('select pg_advisory_lock(1)');
  const upload = site.upload({ batchRows: 100 });
  await untilLockIsAwaited(site.local);
  await untilIdleAfterCopy(site);
  expect(await site.remote.value('select count(*) from meter_sync.custody')).toBe('1');
  expect(await site.count(site.remote)).toBe(100);
  await holder.query('select pg_advisory_unlock(1)');
  holder.release();
  expect(await upload).toMatchObject({ batches: 4, removed: 400 });
});

it('when a batch fails the one that overlaps with it is rolled back, and both are sent again', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 400);
  await site.local.sql(`
    create function fail() returns trigger language plpgsql as
      $$begin perform pg_advisory_xact_lock(1); raise exception 'no' using errcode = 'lock_not_available'; end$$;
    create trigger fail after insert on meter_sync.upload_state execute function fail()`);
  const holder = await site.local.admin.pool.connect();
  await holder.query('select pg_advisory_lock(1)');
  const upload = site.upload({ batchRows: 100 });
  upload.catch(() => undefined); // looked at below
  await untilLockIsAwaited(site.local);
  await untilIdleAfterCopy(site);
  await holder.query('select pg_advisory_unlock(1)');
  holder.release();
  await expect(upload).rejects.toMatchObject({ kind: 'busy', place: { side: 'local' } });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([400, 100]);
  await site.local.sql('drop trigger fail on meter_sync.upload_state');
  expect(await site.upload({ batchRows: 100 })).toMatchObject({ inserted: 300, alreadyThere: 100, removed: 400 });
  expect((await site.remote.sql(RECORDS)).map(({ seq }) => seq)).toEqual(['1', '2', '3', '4', '5']);
});

it('a site that crashes between the commits again and again stays one behind, and goes on', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql(`
    create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create trigger crash after insert on meter_sync.upload_state for each row when (new.last_timestamp is not null) execute function crash()`);
  for (let crash = 0; crash < 3; crash += 1) {
    await expect(site.upload({ batchRows: 40 })).rejects.toMatchObject({ kind: 'unreachable' });
  }
  await site.local.sql('drop trigger crash on meter_sync.upload_state');
  expect(await site.upload()).toMatchObject({ inserted: 60, alreadyThere: 40, removed: 100 });
  expect(await site.remote.value('select sum(rows) from meter_sync.custody')).toBe('100');
});

it('a record of another sender at the same place is refused, and nothing is removed', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 20);
  await site.remote.sql(`
    create function intrude() returns trigger language plpgsql as $$begin
      insert into meter_sync.custody (site, seq, content_digest, rows, already_there, columns_id, claim, sent_by, committed_at, digest, signature)
        values ('test', 1, '', 0, 0, '', gen_random_uuid(), 'x', now(), '', '');
      return null; end$$;
    create trigger intrude after insert on meter_readings for each statement execute function intrude()`);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'busy',
    message: expect.stringContaining('another sender has just written custody record 1') as unknown,
  });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([20, 0]);
});

it('without custody nothing is lost and nothing doubled: keys alone tell what is there already', async (context) => {
  const open = await openSite(context, { readings: { custody: 'off' } });
  await open.remote.sql('drop schema meter_sync cascade');
  await open.queueReadings(1, 100);
  await open.local.sql('create table kept as table meter_readings');
  expect(await open.upload({ batchRows: 30 })).toMatchObject({ inserted: 100, removed: 100, totalUploaded: 100 });
  await open.local.sql('insert into meter_readings table kept');
  expect(await open.upload({ batchRows: 40 })).toMatchObject({ alreadyThere: 100, removed: 100, totalUploaded: 200 });
});

it('a chain without day sums has records without days, and custody may be switched on later', async (context) => {
  const { local, remote } = await openSite(context);
  for (const [custody, first] of [
    ['off', 1],
    ['chain', 11],
    ['full', 21],
  ] as const) {
    const site = toSite({ local, remote }, { ...PLAIN_READINGS, custody });
    await site.queueReadings(first, first + 9);
    expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10, totalUploaded: first + 9 });
  }
  const days = await remote.sql('select seq, (days is null)::text as without from meter_sync.custody order by seq');
  expect(days).toEqual([
    { seq: '1', without: 'true' },
    { seq: '2', without: 'false' },
  ]);
});

it('what a run has learned of the size of its batches lasts to the next one', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 400);
  await site.upload();
  const learned = async (): Promise<string | null> =>
    site.local.value('select batch_rows from meter_sync.upload_claim order by number desc limit 1');
  expect(await learned()).toBe('10000'); // nothing was learned from a batch that was not full
  const claimed = 'select distinct readings from meter_sync.upload_claim';
  expect(await site.local.value(claimed)).toBe('public.meter_readings'); // `start` knows by it who uploads this table
  await site.local.sql('update meter_sync.upload_claim set batch_rows = 100');
  await site.queueReadings(401, 900);
  const { batches } = await site.upload();
  expect(batches).toBeGreaterThan(1);
  expect(Number(await learned())).toBeGreaterThan(100);
});

/** Waits until the second batch has streamed: its backend on the remote waits for the client in its transaction. */
async function untilIdleAfterCopy(site: SiteUnderTest): Promise<void> {
  await until(
    () =>
      site.remote.value(
        `select pid from pg_stat_activity
         where datname = current_database() and state = 'idle in transaction' and query ilike 'copy%'`,
      ),
    { what: 'a batch that has streamed and waits for its turn' },
  );
}

it('a batch that fails on time before anything was claimed is smaller at the next attempt, until all has arrived', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 600);
  await site.remote.sql(`
    create function dawdle() returns trigger language plpgsql as $$begin perform pg_sleep(0.001); return new; end$$;
    create trigger dawdle before insert on meter_readings for each row execute function dawdle();
    ${setForDatabase('statement_timeout', '400ms')}`);
  const pool = createPool(site.remote.settings, () => undefined); // the setting holds for new connections
  onTestFinished(() => pool.end());
  const limited = toSite({ ...site, remote: { ...site.remote, pool } }, PLAIN_READINGS);
  const failures: unknown[] = [];
  const attempt = (): Promise<boolean> =>
    limited.upload().then(
      () => true,
      (error: unknown) => failures.push(error) < 0,
    );
  while (!(await attempt()) && failures.length < 20);
  expect(failures.length).toBeGreaterThan(0);
  for (const failure of failures) expect(failure).toMatchObject({ kind: 'busy', sqlstate: '57014' });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([0, 600]);
});

it('a workflow that was taken over knows it for good, and the site keeps few claims', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 1);
  await site.upload({ owner: 'first' });
  for (let run = 2; run <= 110; run += 1) {
    await site.queueReadings(run, run);
    await site.upload({ owner: 'second' });
  }
  await site.queueReadings(111, 111);
  await expect(site.upload({ owner: 'first' })).rejects.toMatchObject({ kind: 'fenced' });
  expect(await site.upload({ owner: 'second' })).toMatchObject({ removed: 1 });
  expect(Number(await site.local.value('select count(*) from meter_sync.upload_claim'))).toBeLessThan(105);
  expect(await site.local.value('select count(*) from meter_sync.upload_state')).toBe('2'); // the newest, and the one that its claim kept
});

it('a remote that refuses at its commit never waits for the batch behind the one that it refuses', async (context) => {
  const site = await openSite(context);
  await site.remote.sql(`
    alter table meter_readings add constraint one_value unique (value) deferrable initially deferred;
    insert into meter_readings values (99, '2026-01-01', 5)`);
  await site.queueReadings(1, 20);
  await site.local.sql('update meter_readings set value = value - 10 where id > 10'); // the values of the first batch again
  expect(await site.upload({ batchRows: 10 })).toMatchObject({ inserted: 9, quarantined: 11, removed: 9 });
});
