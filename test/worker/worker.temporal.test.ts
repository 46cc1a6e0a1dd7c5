import { connect, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { loadConfig } from '../../src/config/load.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import type { Status } from '../../src/model/status.js';
import { GET_STATUS_QUERY, toSiteTaskQueue, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { createLogger } from '../../src/worker/logger.js';
import { startWorker } from '../../src/worker/main.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { spawnWorker } from './worker-process.js';

interface Site extends TestDatabases {
  readonly temporal: TestTemporal;
  readonly settings: Readonly<Record<string, string>>;
}

async function openTestSite(context: Pick<TestContext, 'task'>): Promise<Site> {
  const databases = await createDatabases(context);
  const temporal = await connectTemporal(context);
  await ensureSiteKey(databases.local, temporal.siteId);
  const settings = {
    METER_SYNC_SITE: temporal.siteId,
    METER_SYNC_SHUTDOWN_SECONDS: '30',
    POSTGRES_SYNC_URL: databases.local.url,
    POSTGRES_CLIENT_URL: databases.remote.url,
    TEMPORAL_ADDRESS: temporal.address,
  };
  return { ...databases, temporal, settings };
}

/** A meter at the customer, and readings of it at the site. */
async function addReadings({ local, remote }: TestDatabases, rows: number): Promise<void> {
  await remote.sql(
    `insert into tenant (id, name) values (1, 'one'); insert into meter (id, name, tenant_id) values (1, 'm', 1)`,
  );
  await local.sql(
    `insert into meter_readings (meter_id, created_at)
     select 1, now() - make_interval(secs => n) from generate_series(1, $1::integer) n`,
    [rows],
  );
}

/** Starts the site's workflow; it is ended with the test, so that no later worker takes it up. */
async function startSite({ temporal }: Site, options: object = {}): Promise<void> {
  const { client, siteId } = temporal;
  const workflowId = toWorkflowId(siteId);
  const args = [{ siteId, intervalMs: 1_000, ...options }];
  await client.workflow.start(WORKFLOW_TYPE, { workflowId, taskQueue: toSiteTaskQueue(siteId), args });
  onTestFinished(async () => void (await client.workflow.getHandle(workflowId).terminate('the test has ended')));
}

function countOf(database: TestDatabases['local']): Promise<string | null> {
  return database.value('select count(*) from meter_readings');
}

test('SIGTERM drains: the batch under way is finished, the exit code is 0, and nothing is lost or doubled', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 3_000);
  const worker = spawnWorker(site.settings);
  await worker.line('worker started');
  await startSite(site, { batchRows: 1 });
  await until(async () => Number(await countOf(site.remote)) > 20, { what: 'readings on their way' });

  worker.signal('SIGTERM');

  expect(await worker.exited()).toBe(0);
  const [left, arrived] = [Number(await countOf(site.local)), Number(await countOf(site.remote))];
  expect(left).toBeGreaterThan(0); // else the drain had nothing to interrupt
  expect(left + arrived).toBe(3_000);
  expect(worker.lines.map(({ message }) => message)).toContain('worker drained and ended');
});

/** Locks the customer's table, so that the next batch cannot be finished until the test lets go. */
async function holdRemote({ remote }: Site): Promise<() => Promise<void>> {
  const client = await remote.admin.pool.connect();
  await client.query('begin; lock table meter_readings in access exclusive mode');
  let isHeld = true;
  const letGo = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    await client.query('rollback');
    client.release();
  };
  onTestFinished(letGo);
  return letGo;
}

async function untilBatchWaits({ remote }: Site): Promise<void> {
  const waiting = `select count(*) from pg_locks where not granted and relation = 'meter_readings'::regclass`;
  await until(async () => Number(await remote.value(waiting)) > 0, { what: 'a batch that waits for the lock' });
}

test('a second signal ends the worker at once with exit code 1, and every reading stays in the queue', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 10);
  const letGo = await holdRemote(site);
  const worker = spawnWorker(site.settings);
  await startSite(site);
  await untilBatchWaits(site);

  worker.signal('SIGINT');
  await worker.line('draining: what has begun is finished; a second signal ends at once');
  worker.signal('SIGINT');

  expect(await worker.exited()).toBe(1);
  await letGo();
  expect(await countOf(site.local)).toBe('10');
  expect(await countOf(site.remote)).toBe('0');
});

test('a batch that outlives the time of the drain is rolled back, and the worker ends', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 10);
  const letGo = await holdRemote(site);
  const worker = spawnWorker({ ...site.settings, METER_SYNC_SHUTDOWN_SECONDS: '1' });
  await startSite(site);
  await untilBatchWaits(site);

  worker.signal('SIGTERM');

  expect(await worker.exited()).toBe(0);
  await letGo();
  expect(await countOf(site.local)).toBe('10');
  expect(await countOf(site.remote)).toBe('0');
});

test('a link to Temporal that stands still for some seconds costs an upload under way nothing', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 10);
  const letGo = await holdRemote(site);
  const link = await linkThatStops(site.temporal);
  const worker = spawnWorker({ ...site.settings, TEMPORAL_ADDRESS: link.address });
  await startSite(site, { intervalMs: 3_600_000 });
  await untilBatchWaits(site);
  const upload = async (): Promise<{ attempt?: number | null; lastHeartbeatTime?: unknown } | undefined> => {
    const handle = site.temporal.client.workflow.getHandle(toWorkflowId(site.temporal.siteId));
    return (await handle.describe()).raw.pendingActivities?.[0];
  };
  const beat = async (): Promise<string> => JSON.stringify((await upload())?.lastHeartbeatTime ?? null);
  await until(async () => (await beat()) !== 'null', { what: 'the first beat' });

  const [first, since] = [await beat(), Date.now()];
  await until(async () => (await beat()) !== first, { what: 'the next beat' });
  expect(Date.now() - since).toBeLessThan(6_000); // eight seconds, were beats held back as the SDK would
  link.stop();
  const stopped = Date.now();
  await until(() => Date.now() > stopped + 5_000, { what: 'five seconds without a link' });
  link.goOn();
  const last = await beat();
  await until(async () => (await beat()) !== last, { what: 'beats again' });

  expect((await upload())?.attempt).toBe(1);
  await letGo();
  await until(async () => (await countOf(site.local)) === '0', { what: 'an upload' });
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

/** A way to the Temporal server that can stand still without a connection being lost. */
async function linkThatStops(temporal: TestTemporal): Promise<{ address: string; stop: () => void; goOn: () => void }> {
  const port = await findFreePort();
  const [host = '', target] = temporal.address.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(target), host);
    sockets.add(socket).add(upstream);
    socket.on('error', () => upstream.destroy()); // a worker that ends cuts its connection; the other end follows
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((up) => server.listen(port, '127.0.0.1', up));
  const all = (act: (socket: Socket) => void) => (): void => sockets.forEach(act);
  return {
    address: `127.0.0.1:${port}`,
    stop: all((socket) => socket.pause()),
    goOn: all((socket) => socket.resume()),
  };
}

/** A way to the Temporal server by a port that answers only after `open`. */
async function lateServer(temporal: TestTemporal): Promise<{ address: string; open: () => Promise<void> }> {
  const port = await findFreePort();
  const [host = '', target] = temporal.address.split(':');
  const server: Server = createServer((socket) => {
    const upstream = connect(Number(target), host);
    socket.on('error', () => upstream.destroy()); // a worker that ends cuts its connection; the other end follows
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  onTestFinished(() => void server.close());
  return { address: `127.0.0.1:${port}`, open: () => new Promise((up) => server.listen(port, '127.0.0.1', up)) };
}

test('a worker that is started before Temporal connects when it comes up', async (context) => {
  const site = await openTestSite(context);
  const late = await lateServer(site.temporal);
  const worker = spawnWorker({ ...site.settings, TEMPORAL_ADDRESS: late.address });
  await worker.line('Temporal does not answer; trying again');

  await late.open();

  await worker.line('worker started');
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

test('a worker that waits for Temporal ends at the first signal', async (context) => {
  const site = await openTestSite(context);
  const late = await lateServer(site.temporal);
  const worker = spawnWorker({ ...site.settings, TEMPORAL_ADDRESS: late.address });
  await worker.line('Temporal does not answer; trying again');

  worker.signal('SIGTERM');

  expect(await worker.exited()).toBe(0);
});

test('a worker starts while a database is down: it says so, goes on asking, and the status answers', async (context) => {
  const site = await openTestSite(context);
  const port = await findFreePort();
  const worker = spawnWorker({
    ...site.settings,
    POSTGRES_CLIENT_URL: `postgresql://me:a-password@127.0.0.1:${port}/gone`,
  });
  await worker.line('worker started');
  await startSite(site);

  expect(await worker.line('database does not answer; asking again')).toMatchObject({
    level: 'warn',
    site: site.temporal.siteId,
    kind: 'unreachable',
  });
  expect(await worker.line('database answers')).toMatchObject({ database: 'local' });
  const handle = site.temporal.client.workflow.getHandle(toWorkflowId(site.temporal.siteId));
  expect(await handle.query<Status>(GET_STATUS_QUERY)).toMatchObject({ siteId: site.temporal.siteId, isRunning: true });
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
  expect(worker.printed()).not.toContain('a-password');
});

test('a namespace that is not there ends the worker with exit code 1 and the next step', async (context) => {
  const site = await openTestSite(context);
  const worker = spawnWorker({ ...site.settings, TEMPORAL_NAMESPACE: 'nowhere' });

  expect(await worker.exited()).toBe(1);
  const last = worker.lines.at(-1);
  expect(last).toMatchObject({
    level: 'error',
    message: 'worker failed',
    next: expect.stringContaining('TEMPORAL_NAMESPACE'),
  });
  expect(JSON.stringify(last)).toContain('nowhere');
});

test('a log that is no terminal holds one JSON object a line and no password', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 5);
  const worker = spawnWorker({ ...site.settings, METER_SYNC_LOG_LEVEL: 'debug' });
  await startSite(site);
  await until(async () => (await countOf(site.local)) === '0', { what: 'an upload' });
  worker.signal('SIGTERM');
  await worker.exited();

  const printed = worker.printed();
  expect(printed.split('\n').filter((line) => !line.startsWith('{"time":'))).toEqual([]);
  expect(printed).not.toContain(new URL(site.local.url).password);
  expect(worker.lines.find(({ message }) => message === 'upload finished')).toMatchObject({
    level: 'debug', // the workflow says the same of the cycle, at info
    site: site.temporal.siteId,
  });
});

test('a worker lives in a process that has other work, and drains when it is asked', async (context) => {
  const site = await openTestSite(context);
  await addReadings(site, 5);
  const logger = createLogger({ level: 'error', format: 'json' });
  const worker = await startWorker([loadConfig({ env: site.settings })], { logger });
  await startSite(site);
  await until(async () => (await countOf(site.remote)) === '5', { what: 'an upload' });

  await worker.drain();

  const left = `select count(*) from pg_stat_activity where application_name = $1`;
  expect(await site.remote.value(left, [`meter-sync:${site.temporal.siteId}`])).toBe('0');
});
