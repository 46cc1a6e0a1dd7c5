import { expect, inject, onTestFinished, test, type TestContext } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import { toSiteTaskQueue, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { openProxy, passAll } from '../support/tcp-proxy.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { spawnWorker } from './worker-process.js';

interface WatchedSite extends TestDatabases {
  readonly temporal: TestTemporal;
  readonly worker: ReturnType<typeof spawnWorker>;
  readonly health: (path: string) => Promise<{ status: number; body: Record<string, unknown> }>;
  /** The value of a series; null: there is none. */
  readonly metric: (series: string) => Promise<number | null>;
}

async function openWatchedSite(
  context: Pick<TestContext, 'task'>,
  settings: Readonly<Record<string, string>> = {},
): Promise<WatchedSite> {
  const databases = await createDatabases(context);
  const temporal = await connectTemporal(context);
  const { siteId } = temporal;
  await ensureSiteKey(databases.local, siteId);
  const [metricsPort, healthPort] = [await findFreePort(), await findFreePort()];
  const worker = spawnWorker({
    METER_SYNC_SITE: siteId,
    METER_SYNC_METRICS_ADDRESS: String(metricsPort),
    METER_SYNC_HEALTH_ADDRESS: `127.0.0.1:${healthPort}`,
    POSTGRES_SYNC_URL: databases.local.url,
    POSTGRES_CLIENT_URL: databases.remote.url,
    TEMPORAL_ADDRESS: temporal.address,
    ...settings,
  });
  const health: WatchedSite['health'] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${healthPort}/health/${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const metric: WatchedSite['metric'] = async (series) => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? null : Number(line.slice(series.length));
  };
  return { ...databases, temporal, worker, health, metric };
}

test('metrics and health follow a site: healthy, stuck within seconds, healthy again, stopped', async (context) => {
  const { local, remote, temporal, worker, health, metric } = await openWatchedSite(context);
  const { client, siteId } = temporal;
  await remote.sql(
    `insert into tenant (id, name) values (1, 'one'); insert into meter (id, name, tenant_id) values (1, 'm', 1)`,
  );
  await local.sql(
    `insert into meter_readings (meter_id, created_at) select 1, now() - make_interval(secs => n) from generate_series(1, 5) n`,
  );
  await worker.line('worker started');
  expect(await health('live')).toMatchObject({ status: 200 });
  await until(async () => (await health('ready')).status === 200, { what: 'a worker that is ready' });
  expect(await health('sites')).toMatchObject({ status: 200, body: { sites: [{ site: siteId, verdict: null }] } });

  const handle = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: toWorkflowId(siteId),
    taskQueue: toSiteTaskQueue(siteId),
    args: [{ siteId, intervalMs: 1_000 }],
  });
  onTestFinished(async () => void (await handle.terminate('the test has ended').catch(() => undefined)));
  const verdictIs = (verdict: string, status: number): Promise<unknown> =>
    until(
      async () => {
        const seen = await health('sites');
        const [site] = seen.body['sites'] as { verdict: string }[];
        return seen.status === status && site?.verdict === verdict;
      },
      { what: `the verdict ${verdict}`, timeoutMs: 15_000 },
    );
  await verdictIs('healthy', 200);
  const site = `site="${siteId}"`;
  await until(async () => (await metric(`meter_sync_verdict{${site},verdict="healthy"}`)) === 1, { what: 'metrics' });
  expect(await metric(`meter_sync_uploaded_readings_total{${site}}`)).toBe(5);
  expect(await metric(`meter_sync_queue_readings{${site}}`)).toBe(0);
  expect(await metric(`meter_sync_verdict{${site},verdict="stuck"}`)).toBe(0);

  await remote.sql('alter table meter_readings rename to elsewhere');
  await local.sql(`insert into meter_readings (meter_id, created_at) values (1, now())`);
  await verdictIs('stuck', 503);
  const failures = `meter_sync_operation_failures_total{kind="schema",operation="upload",side="remote",${site}}`;
  expect(await metric(failures)).toBeGreaterThan(0);
  await until(async () => Number(await metric(`meter_sync_verdict{${site},verdict="stuck"}`)) === 1, { what: 'stuck' });
  expect(await metric(`meter_sync_queue_readings{${site}}`)).toBeNaN(); // 0 was before the trouble

  await remote.sql('alter table elsewhere rename to meter_readings');
  await verdictIs('healthy', 200);
  const warnings = worker.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  expect(warnings.filter((message) => message === 'upload fails')).toHaveLength(1);
  expect(warnings.filter((message) => !message.startsWith('upload'))).toEqual([]);
  expect(await worker.line('upload works again')).toMatchObject({ site: siteId, level: 'info' });

  await handle.signal('stop');
  await verdictIs('stopped', 503);
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

test('a worker that loses Temporal says so within 15 seconds, once, and is ready again when Temporal is back', async (context) => {
  const [host = '', port] = inject('stack').temporalAddress.split(':');
  const proxy = await openProxy({ host, port: Number(port) });
  onTestFinished(() => proxy.close());
  const { worker, health, metric } = await openWatchedSite(context, { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` });
  await until(async () => (await health('ready')).status === 200, { what: 'a worker that is ready' });
  const lost = Date.now();
  proxy.toServer = () => ({ pass: Buffer.alloc(0), isCut: true });
  await until(async () => (await health('ready')).status === 503, { what: 'the loss', timeoutMs: 15_000 });
  await until(async () => (await metric('meter_sync_temporal_connected')) === 0, { what: 'the loss in the metrics' });
  expect(Date.now() - lost).toBeLessThan(15_000);
  proxy.toServer = passAll;
  await until(async () => (await health('ready')).status === 200, { what: 'the way back', timeoutMs: 15_000 });
  const told = worker.lines.filter(({ level }) => level !== 'info').map(({ message }) => message);
  expect(told).toEqual(['Temporal lost: no work comes until it answers; readings wait at their sites']);
  await worker.line('Temporal is back');
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

test('an address that is taken ends the worker, and it names the setting', async (context) => {
  const taken = Number(new URL(inject('stack').local).port);
  const settings = { METER_SYNC_METRICS_ADDRESS: `localhost:${taken}` };
  const { worker } = await openWatchedSite(context, settings);
  expect(await worker.exited()).toBe(1);
  expect(worker.lines.at(-1)).toMatchObject({
    message: 'worker failed',
    error: { message: `METER_SYNC_METRICS_ADDRESS is 'localhost:${taken}': another program listens there` },
    next: expect.stringContaining('a free port'),
  });
});
