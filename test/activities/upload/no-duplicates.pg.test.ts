import { expect, it } from 'vitest';
import type { UploadReadingsResult } from '../../../src/model/operations.js';
import { untilLockIsAwaited } from '../../support/locks.js';
import { openSite, PLAIN_READINGS, type SiteUnderTest, toSite } from './site-under-test.js';

it('a batch that arrives twice leaves one copy', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 500);
  await site.local.sql('create table kept as table meter_readings');
  await site.upload();
  const once = await site.contents(site.remote);
  await site.local.sql('insert into meter_readings table kept');
  expect(await site.upload()).toMatchObject({
    selected: 500,
    inserted: 0,
    alreadyThere: 500,
    removed: 500,
    totalUploaded: 1_000,
  });
  expect(await site.contents(site.remote)).toEqual(once);
});

it('a reading that is there with other content is never overwritten, and stays in quarantine', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 500);
  await site.remote.sql(
    `insert into meter_readings values (7, '2026-01-01', 987654321), (500, '2026-01-01 00:08:20+00', 500)`,
  );
  expect(await site.upload()).toMatchObject({ inserted: 498, alreadyThere: 1, quarantined: 1, removed: 499 });
  const [warning] = site.logged.filter(({ level }) => level === 'warn');
  expect(warning?.facts).toMatchObject({
    readings: 1,
    reasons: '1 x in conflict with another reading of its key (created_at, value)',
    examples: [['7']],
  });
  expect(JSON.stringify(site.logged)).not.toContain('987654321');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 500]);
  expect(await site.remote.value('select value from meter_readings where id = 7')).toBe('987654321');
});

it('content is compared by its bytes, where = would take other values for the same', async (context) => {
  const { local, remote } = await openSite(context);
  const cases = [
    ['numeric', '1.0', '1.00'],
    ['double precision', '0', '-0'],
    ['json', '{"a":1}', '{"a": 1}'],
    ['box', '(0,0),(1,4)', '(0,0),(2,2)'], // = compares the areas
    ['interval', '1 day', '24 hours'],
    ['text', 'a', 'a '],
  ] as const;
  for (const [at, [type, there, here]] of cases.entries()) {
    const name = `readings_${at}`;
    const site = toSite({ local, remote }, { ...PLAIN_READINGS, table: { schema: null, name } });
    const columns = `id bigint primary key, created_at timestamptz, value ${type}, is_synchronized boolean`;
    for (const { sql } of [local, remote]) await sql(`create table ${name} (${columns})`);
    await local.sql(`insert into ${name} values (1, null, $1)`, [here]);
    await remote.sql(`insert into ${name} values (1, null, $1)`, [there]);
    expect(await site.upload()).toMatchObject({ quarantined: 1, removed: 0 });
    await remote.sql(`update ${name} set value = $1`, [here]);
    await local.sql('update meter_sync.quarantine set is_released = true');
    expect(await site.upload()).toMatchObject({ inserted: 0, alreadyThere: 1, removed: 1 });
  }
});

it('readings of one key twice in a batch are one reading when they are equal, and a conflict when they are not', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter_readings (id bigint not null, created_at timestamptz, value numeric, is_synchronized boolean)',
  });
  await site.local.sql(`insert into meter_readings select 1, '2026-01-01', 5 from generate_series(1, 3)`);
  expect(await site.upload({ batchRows: 2 })).toMatchObject({ selected: 3, inserted: 1, alreadyThere: 2, removed: 3 });
  await site.local.sql(`insert into meter_readings values (2, '2026-01-01', 5), (2, '2026-01-01', 6)`);
  expect(await site.upload()).toMatchObject({ selected: 2, quarantined: 2, removed: 0 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([2, 1]);
});

it('another unique column of the remote that is violated keeps back its culprit alone, and is named', async (context) => {
  const site = await openSite(context);
  await site.remote.sql('alter table meter_readings add constraint one_value unique (value)');
  await site.queueReadings(1, 10);
  await site.remote.sql(`insert into meter_readings values (99, '2026-01-01', 5)`);
  expect(await site.upload()).toMatchObject({ inserted: 9, quarantined: 1, removed: 9 });
  expect(await site.local.sql('select key, sqlstate, constraint_name from meter_sync.quarantine')).toEqual([
    { key: '{5}', sqlstate: '23505', constraint_name: 'one_value' },
  ]);
});

it('a reading that changes between its copy and its removal is sent anew, as it is then', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  const { upload } = await holdAtRemote(site, async () => {
    await site.local.sql('update meter_readings set value = -1 where id = 3');
  });
  await expect(upload).rejects.toMatchObject({ kind: 'busy', sqlstate: '40001' });
  expect(await site.upload()).toMatchObject({ inserted: 10, alreadyThere: 0, quarantined: 0, removed: 10 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([0, 10]);
  expect(await site.remote.value('select value from meter_readings where id = 3')).toBe('-1');
});

it('two attempts of one site do not work at once: the second is busy', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  const { upload } = await holdAtRemote(site, async () => {
    await expect(site.upload()).rejects.toMatchObject({ kind: 'busy', place: { side: 'local' } });
  });
  await expect(upload).resolves.toMatchObject({ inserted: 10, removed: 10 });
});

it('a reading that arrives while its batch is under way waits for the next one', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  const { upload } = await holdAtRemote(site, () => site.queueReadings(0, 0));
  expect(await upload).toMatchObject({
    selected: 10,
    removed: 10,
    queueSize: 1,
    oldestUnsynced: '2026-01-01T00:00:00.000000Z',
  });
  expect(await site.upload()).toMatchObject({ removed: 1, queueSize: 0 });
  expect(await site.count(site.remote)).toBe(11);
});

/** Starts an upload, lets the remote insert wait for a lock, acts meanwhile, and hands back the upload to go on. */
async function holdAtRemote(
  site: SiteUnderTest,
  act: () => Promise<void>,
): Promise<{ upload: Promise<UploadReadingsResult> }> {
  await site.remote.sql(`
    create or replace function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
    create trigger hold before insert on meter_readings for each statement execute function hold()`);
  const holder = await site.remote.admin.pool.connect();
  try {
    await holder.query('select pg_advisory_lock(1)');
    const upload = site.upload();
    upload.catch(() => undefined); // the test looks at it after it has acted
    await untilLockIsAwaited(site.remote);
    await act();
    return { upload };
  } finally {
    await holder.query('select pg_advisory_unlock(1)');
    holder.release();
  }
}
