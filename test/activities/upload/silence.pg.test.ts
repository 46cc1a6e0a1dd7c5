import { expect, it } from 'vitest';
import { migrate } from '../../../activities/bookkeeping/migrations.js';
import { createDatabaseOn } from '../../support/postgres.js';
import { linkTo, SHORT_LIMITS } from '../../support/silent-link.js';
import { NO_OTHER_VERSION, startSystemPostgres } from '../../support/system-postgres.js';
import { until } from '../../support/wait.js';
import { openSite, PLAIN_READINGS, setForDatabase, toSite } from './site-under-test.js';

it.for([
  ['COPY', 'unreachable', { inserted: 3_000, alreadyThere: 0 }],
  ['COMMIT', 'unreachable', { inserted: 0, alreadyThere: 3_000 }],
] as const)('a remote that goes silent within %s is given up, and the next upload knows what became of it', async ([within, kind, then], context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 3_000);
  const left = await site.contents(site.local);
  const remote = await linkTo(site.remote);
  const linked = toSite({ ...site, remote }, site.ends.readings);
  remote.proxy.toServer = (chunk) => {
    const isNow = within === 'COPY' ? chunk.includes('copy "meter_readings"') : chunk.includes('meter_sync.custody (committed_at');
    if (isNow) setImmediate(() => remote.proxy.freeze()); // what was sent arrives, and nothing comes back
    return { pass: chunk, isCut: false };
  };
  await expect(linked.upload()).rejects.toMatchObject({ kind, place: { side: 'remote' }, isSilence: true });
  expect(remote.told.join()).toContain(within === 'COMMIT' ? 'the answer to COMMIT' : 'nothing comes while');
  const result = await site.upload();
  expect(result).toMatchObject({ queueSize: 0, removed: 3_000 });
  if (within === 'COMMIT') expect(result).toMatchObject(then);
  remote.proxy.thaw(); // what the zombie still has to say changes nothing
  expect(await site.contents(site.remote)).toEqual(left);
  expect(await site.count(site.local)).toBe(0);
  expect(await site.upload()).toMatchObject({ selected: 0 });
}); // prettier-ignore

it.skipIf(NO_OTHER_VERSION)('a commit that waits for a standby that is gone is given up, and is found when it comes after all', async (context) => {
  const server = await startSystemPostgres();
  const { local } = await openSite(context);
  const remote = await createDatabaseOn(server.url, 'remote', context);
  await migrate(remote);
  await remote.sql('create table meter_readings (id bigint primary key, created_at timestamptz not null, value numeric)');
  const limited = { ...remote, limits: SHORT_LIMITS };
  const site = toSite({ local, remote: limited, lockTimeoutMs: 1_000 }, PLAIN_READINGS);
  await site.queueReadings(1, 100);
  const left = await site.contents(local);
  const setStandby = (name: string): Promise<unknown> =>
    remote.sql(`alter system set synchronous_standby_names = '${name}'`).then(() => remote.sql('select pg_reload_conf()'));
  await setStandby('nosuch');
  const isAwaited = `select 1 from pg_stat_activity where wait_event = 'SyncRep'`;

  const first = site.upload();
  first.catch(() => undefined); // looked at below
  await until(() => remote.value(isAwaited), { what: 'the commit waits for the standby' });
  await expect(first).rejects.toMatchObject({
    kind: 'unreachable',
    isSilence: true,
    message: expect.stringContaining('the answer to COMMIT is waited for: the server waits for a synchronous standby'),
    next: expect.stringContaining('synchronous_standby_names'),
  });
  expect(await site.count(local)).toBe(100);

  // It still holds the keys of its readings: the next upload says by whom it is kept.
  await expect(site.upload()).rejects.toMatchObject({ kind: 'busy', sqlstate: '55P03' });
  expect(await site.count(local)).toBe(100);

  await setStandby('');
  await until(async () => (await remote.value(isAwaited)) === null, { what: 'the commit is through' });
  expect(await site.upload()).toMatchObject({ alreadyThere: 100, inserted: 0, removed: 100 });
  expect(await site.contents(remote)).toEqual(left);
  expect(await remote.value('select array_agg(already_there order by seq) from meter_sync.custody')).toBe('{0,100}');
}); // prettier-ignore

it('a technician who leaves a transaction open at the site is told, and nothing is sent for nothing', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  const holder = await site.local.admin.pool.connect();
  await holder.query('begin; update meter_readings set value = 0 where id = 3');
  const linked = await linkTo(site.local);
  const upload = toSite({ ...site, local: linked }, site.ends.readings).upload();
  upload.catch(() => undefined); // looked at below
  await until(() => linked.told[0], { what: 'the lock is told' });
  expect(linked.told[0]).toMatch(/^local database: .* a lock on meter_readings, held by session \d+ \(user /);
  await holder.query('rollback');
  holder.release();
  expect(await upload).toMatchObject({ removed: 10 });
  expect(linked.told.at(-1)).toBeNull();
});

/** PostgreSQL 17 brought `transaction_timeout`. */
const HAS_NO_LIMIT = ['system', '13', '14', '16'].includes(process.env['METER_SYNC_TEST_SERVER'] ?? '');

it.skipIf(HAS_NO_LIMIT)(
  'a limit of the site for transactions, shorter than a run, ends the run in time and costs it no batch',
  async (context) => {
    const site = await openSite(context);
    await site.local.sql(setForDatabase('transaction_timeout', '3s'));
    await site.queueReadings(1, 60_000);
    (await site.local.pool.connect()).release(new Error('the setting holds for new connections'));
    let batches = 0;
    const result = await site.upload({ batchRows: 100, onHeartbeat: () => void (batches += 1) });
    expect(result).toMatchObject({ more: true, batches });
    expect(batches).toBeGreaterThan(2);
    expect(result.removed).toBe(batches * 100);
  },
);
