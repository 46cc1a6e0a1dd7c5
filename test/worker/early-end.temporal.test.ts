import type { WorkflowHandle } from '@temporalio/client';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { loadConfig } from '../../src/config/load.js';
import { UPLOAD_MAX_DURATION_MS } from '../../src/model/operations.js';
import type { Status } from '../../src/model/status.js';
import { GET_STATUS_QUERY, toSiteTaskQueue, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { createLogger } from '../../src/worker/logger.js';
import { startWorker } from '../../src/worker/main.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { connectTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';

/** One at a time they would take longer than the test may. */
const BACKLOG = 50_000;

interface BusySite {
  readonly handle: WorkflowHandle<() => Promise<Status>>;
  /** Readings at the site and at the customer. */
  readonly counts: () => Promise<[left: number, arrived: number]>;
  readonly status: () => Promise<Status>;
}

/** The product's worker in the midst of the upload of a long backlog. */
async function openBusySite(context: Pick<TestContext, 'task'>): Promise<BusySite> {
  const { local, remote } = await createDatabases(context);
  await fill({ local, remote });
  const { address, client, siteId } = await connectTemporal(context);
  await ensureSiteKey(local, siteId);
  const ends = { POSTGRES_SYNC_URL: local.url, POSTGRES_CLIENT_URL: remote.url };
  const config = loadConfig({ env: { METER_SYNC_SITE: siteId, TEMPORAL_ADDRESS: address, ...ends } });
  const worker = await startWorker([config], { logger: createLogger({ level: 'error', format: 'json' }) });
  onTestFinished(() => worker.drain());
  const workflowId = toWorkflowId(siteId);
  const args = [{ siteId, intervalMs: 3_600_000, batchRows: 1 }];
  await client.workflow.start(WORKFLOW_TYPE, { workflowId, taskQueue: toSiteTaskQueue(siteId), args });
  const handle = client.workflow.getHandle<() => Promise<Status>>(workflowId);
  const count = async ({ value }: TestDatabases['local']): Promise<number> =>
    Number(await value('select count(*) from meter_readings'));
  await until(async () => (await count(remote)) > 20, { what: 'readings on their way' });
  return {
    handle,
    counts: async () => [await count(local), await count(remote)],
    status: () => handle.query<Status>(GET_STATUS_QUERY),
  };
}

async function fill({ local, remote }: Pick<TestDatabases, 'local' | 'remote'>): Promise<void> {
  await remote.sql(
    `insert into tenant (id, name) values (1, 'one'); insert into meter (id, name, tenant_id) values (1, 'm', 1)`,
  );
  await local.sql(
    `insert into meter_readings (meter_id, created_at)
     select 1, now() - make_interval(secs => n) from generate_series(1, $1::integer) n`,
    [BACKLOG],
  );
}

test('a stop ends the upload of a long backlog within seconds: what has arrived is counted, and downloads have run', async (context) => {
  const { handle, counts } = await openBusySite(context);
  const stoppedAt = performance.now();
  await handle.signal('stop');
  const final = await handle.result();
  expect(performance.now() - stoppedAt).toBeLessThan(UPLOAD_MAX_DURATION_MS / 3);
  const [left, arrived] = await counts();
  expect(left).toBeGreaterThan(0); // else there was nothing to end
  expect(left + arrived).toBe(BACKLOG);
  expect(final).toMatchObject({
    ...{ state: 'stopped', lastSyncSuccess: true, cycles: 1, localMeterCount: 1, localTenantCount: 1 },
    ...{ queueSize: left, totalRecordsSynced: arrived, upload: { ok: true, result: { removed: arrived, more: true } } },
  });
});

test('a pause ends the upload of a long backlog within seconds, and resume goes on where it was', async (context) => {
  const { handle, counts, status } = await openBusySite(context);
  const becomes = (state: Status['state'], timeoutMs: number): Promise<unknown> =>
    until(async () => (await status()).state === state, { what: `the site is ${state}`, timeoutMs });
  await handle.signal('pause');
  await becomes('paused', UPLOAD_MAX_DURATION_MS / 3);
  const [left, arrived] = await counts();
  expect(left).toBeGreaterThan(0);
  expect(left + arrived).toBe(BACKLOG);
  expect(await status()).toMatchObject({ totalRecordsSynced: arrived, queueSize: left, localMeterCount: 1 });
  await handle.executeUpdate('configure', { args: [{ batchRows: BACKLOG }] });
  await handle.signal('resume');
  await becomes('idle', 30_000);
  expect(await counts()).toEqual([0, BACKLOG]);
  expect(await status()).toMatchObject({ totalRecordsSynced: BACKLOG, lastSyncSuccess: true });
  await handle.signal('stop');
  await handle.result();
});
