import type { WorkflowHandle } from '@temporalio/client';
import { onTestFinished, type TestContext } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import { toSiteTaskQueue, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

/** A site with a meter and five readings, and the product's worker with metrics and health switched on. */
export interface WatchedSite extends TestDatabases {
  readonly temporal: TestTemporal;
  readonly metricsAddress: string;
  readonly worker: WorkerProcess;
  /** Another worker with the same settings. */
  readonly again: () => WorkerProcess;
  readonly health: (path: string) => Promise<{ status: number; body: Record<string, unknown> }>;
  /** The value of a series; null: there is none. */
  readonly metric: (series: string) => Promise<number | null>;
  /** Starts the site's workflow, with an interval of a second; ended with the test. */
  readonly start: () => Promise<WorkflowHandle>;
}

type Settings = Readonly<Record<string, string>>;

/** Opens it; its workflow is not started yet. */
export async function openWatchedSite(
  context: Pick<TestContext, 'task'>,
  settings: Settings | ((databases: TestDatabases, siteId: string) => Promise<Settings>) = {},
): Promise<WatchedSite> {
  const databases = await createDatabases(context);
  const temporal = await connectTemporal(context);
  const { siteId } = temporal;
  await ensureSiteKey(databases.local, siteId);
  await fill(databases);
  const [metricsPort, healthPort] = [await findFreePort(), await findFreePort()];
  const environment = {
    METER_SYNC_SITE: siteId,
    METER_SYNC_METRICS_ADDRESS: String(metricsPort),
    METER_SYNC_HEALTH_ADDRESS: `127.0.0.1:${healthPort}`,
    POSTGRES_SYNC_URL: databases.local.url,
    POSTGRES_CLIENT_URL: databases.remote.url,
    TEMPORAL_ADDRESS: temporal.address,
    ...(typeof settings === 'function' ? await settings(databases, siteId) : settings),
  };
  const health: WatchedSite['health'] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${healthPort}/health/${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const metric: WatchedSite['metric'] = async (series) => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? null : Number(line.slice(series.length));
  };
  const start = async (): Promise<WorkflowHandle> => {
    const { client } = temporal;
    const [workflowId, taskQueue] = [toWorkflowId(siteId), toSiteTaskQueue(siteId)];
    const handle = await client.workflow.start(WORKFLOW_TYPE, {
      ...{ workflowId, taskQueue },
      args: [{ siteId, intervalMs: 1_000 }],
    });
    onTestFinished(async () => void (await handle.terminate('the test has ended').catch(() => undefined)));
    return handle;
  };
  const metricsAddress = `127.0.0.1:${metricsPort}`;
  const again = (): WorkerProcess => spawnWorker(environment);
  return { ...databases, temporal, metricsAddress, worker: again(), again, health, metric, start };
}

async function fill({ local, remote }: TestDatabases): Promise<void> {
  await remote.sql(
    `insert into tenant (id, name) values (1, 'one'); insert into meter (id, name, tenant_id) values (1, 'm', 1)`,
  );
  await local.sql(
    `insert into meter_readings (meter_id, created_at) select 1, now() - make_interval(secs => n) from generate_series(1, 5) n`,
  );
}
