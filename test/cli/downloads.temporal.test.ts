import { beforeEach, expect, it, type TestContext } from 'vitest';
import { createActivities } from '../../activities/index.js';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import type { OwnedTable } from '../../src/model/table.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { type CliRun, runCli } from './run-cli.js';

const FILL = `insert into tenant (id, name) values (1, 'T'); insert into meter (id, name, tenant_id) select n, 'm' || n, 1 from generate_series(1, 40) n`;

let temporal: TestTemporal;
let databases: TestDatabases;
beforeEach(async (context: TestContext) => {
  temporal = await connectTemporal(context);
  databases = await createDatabases(context, 'ready');
  await ensureSiteKey(databases.local, temporal.siteId);
  const owned = (name: string): OwnedTable => ({ table: { schema: null, name }, key: ['id'], filter: null });
  const readings = {
    table: { schema: null, name: 'meter_readings' },
    key: ['id'],
    order: 'created_at',
    flag: 'is_synchronized',
  };
  const tables = { readings, meters: owned('meter'), tenants: owned('tenant') };
  const site = (): TestDatabases & { tables: typeof tables } => ({ ...databases, tables });
  await temporal.startWorker({ activities: { ...createActivities({ site, drain: new AbortController().signal }) } });
  return async () => {
    const handle = temporal.client.workflow.getHandle(`meter-sync:${temporal.siteId}`);
    await handle.terminate().catch(() => undefined); // a test that failed early has started none
  };
});

/** The command line as an operator has it. */
const cli = (...args: readonly string[]): Promise<CliRun> =>
  runCli([...args, '--site', temporal.siteId], {
    TEMPORAL_ADDRESS: temporal.address,
    METER_SYNC_TASK_QUEUE: temporal.taskQueue,
    METER_SYNC_INTERVAL_SECONDS: '3600',
    POSTGRES_SYNC_URL: databases.local.url,
    POSTGRES_CLIENT_URL: databases.remote.url,
  });

/** A site with 40 meters from the remote. */
async function startFilled(): Promise<string[]> {
  await databases.remote.sql(FILL);
  await cli('start');
  const run = await cli('sync-now', '--wait');
  expect(run.stdout).toContain('succeeded');
  return localMeters();
}

async function localMeters(): Promise<string[]> {
  const rows = await databases.local.sql<{ row: string }>('select to_json(m)::text as row from meter as m order by id');
  return rows.map(({ row }) => row);
}

it.each([
  ['that answers empty', 'delete from meter', 'the remote table is empty'],
  ['that has lost half its meters', 'delete from meter where id > 20', '20 of 40 rows (50 %) are gone from the remote'],
  ['that is another database', 'update meter set id = id + 1000', '40 of 40 rows (100 %) are gone from the remote'],
])(
  'a remote %s changes nothing at the site, and the operator is told what to do',
  async (_what, mishap, why) => {
    const before = await startFilled();
    await databases.remote.sql(mishap);
    const cycle = await cli('sync-now', '--wait');
    expect(cycle).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(why) as string });
    const next = `meter-sync downloads show --site ${temporal.siteId} --table meter`;
    const status = await cli('status');
    for (const told of [why, 'nothing was changed here', next, 'held for a person'])
      expect(status.stdout).toContain(told);
    expect((await cli('status', '--json')).json()).toMatchObject({
      state: 'degraded',
      meters: { ok: false, error: { kind: 'schema', held: { table: 'meter', decided: null } } },
      tenants: { ok: true },
    });
    const show = await cli('downloads', 'show', '--table', 'meter');
    for (const told of [why, 'approve: the next cycle', 'reject: the site keeps']) expect(show.stdout).toContain(told);
    expect(await localMeters()).toEqual(before);
  },
  60_000,
);

it('a person approves or rejects from the command line, and the history tells who', async () => {
  const before = await startFilled();
  expect((await cli('downloads', 'approve', '--table', 'meter', '--json')).json()).toMatchObject({
    ok: false,
    error: { code: 'invalidChange', message: expect.stringContaining('no download of table meter is held') as string },
  });
  await databases.remote.sql('delete from meter where id > 20');
  await cli('sync-now', '--wait');
  const shown = (await cli('downloads', 'show', '--json')).json() as { held: [{ change: string }] };
  const decide = (...args: string[]): Promise<CliRun> => cli('downloads', ...args, '--table', 'meter', '--by', 'anna');

  expect((await decide('reject')).stdout).toContain('Rejected by anna');
  expect((await cli('sync-now', '--wait')).exitCode).toBe(0);
  expect(await localMeters()).toEqual(before);
  const status = await cli('status');
  expect(status.exitCode).toBe(0);
  expect(status.stdout).toContain('changes of the remote were rejected by anna');

  expect((await decide('approve', '--change', shown.held[0].change)).stdout).toContain('Approved by anna');
  expect((await cli('sync-now', '--wait')).exitCode).toBe(0);
  expect((await cli('downloads', 'show')).stdout).toContain(`No download of site ${temporal.siteId} is held.`);
  const history = await cli('downloads', 'history', '--limit', '100');
  for (const told of ['approve, by anna', 'Rows that were changed']) expect(history.stdout).toContain(told);
  expect((await cli('downloads', 'history', '--key', '7', '--json')).json()).toMatchObject({
    changes: [{ kind: 'new', key: ['7'], cycle: 1, became: { name: 'm7' } }],
  });
}, 90_000);

it('a row that was refused is tried again when a full cycle is asked for', async () => {
  await databases.local.sql(`alter table meter add constraint short check (length(name) < 3)`);
  await databases.remote.sql(FILL);
  await cli('start');
  await cli('sync-now', '--wait');
  const refused = async (): Promise<unknown> => {
    const status = (await cli('status', '--json')).json() as { meters: { result: { refused: number } } };
    return status.meters.result.refused;
  };
  expect(await refused()).toBe(31);
  await databases.local.sql('alter table meter drop constraint short');
  await cli('sync-now', '--wait');
  expect(await refused()).toBe(31);
  expect((await cli('sync-now', '--full', '--wait')).exitCode).toBe(0);
  expect(await refused()).toBe(0);
}, 60_000);
