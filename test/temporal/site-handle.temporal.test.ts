import { Context } from '@temporalio/activity';
import { QueryRejectedError } from '@temporalio/client';
import { beforeEach, expect, onTestFinished, test, type TestContext } from 'vitest';
import { Secret } from '../../src/config/define/secret.js';
import { connectTemporal, type TemporalClient } from '../../src/temporal/connection.js';
import {
  AlreadyRunning,
  InvalidChange,
  NotRunning,
  NoWorker,
  StillRunning,
  StuckTask,
} from '../../src/temporal/errors.js';
import { siteHandle, type SiteHandle } from '../../src/temporal/site-handle.js';
import { judgeReport, pendingOf, readSiteReport } from '../../src/temporal/site-report.js';
import { startSite } from '../../src/temporal/start-site.js';
import { connectTemporal as connectTest, type TestTemporal } from '../support/temporal.js';
import { openProxy } from '../support/tcp-proxy.js';
import { until } from '../support/wait.js';
import { FakeActivities } from '../workflows/fake-activities.js';

const SETTINGS = { intervalMs: 3_600_000, batchRows: 100 };

interface Site {
  readonly test: TestTemporal;
  readonly temporal: TemporalClient;
  readonly handle: SiteHandle;
  start(): Promise<unknown>;
  /** With activities on a task queue that nobody polls. */
  startApart(): Promise<unknown>;
}

let site: Site;
beforeEach(async (context: TestContext) => {
  const temporalTest = await connectTest(context);
  const temporal = await connectTemporal(new Secret({ TEMPORAL_ADDRESS: temporalTest.address }));
  const { siteId, taskQueue } = temporalTest;
  const handle = siteHandle(temporal, siteId);
  const start = (apart: object): Promise<unknown> => startSite(temporal, { siteId, taskQueue, ...SETTINGS, ...apart });
  site = {
    ...{ test: temporalTest, temporal, handle },
    start: () => start({}),
    startApart: () => start({ activityTaskQueue: 'nowhere' }),
  };
  return async () => {
    const { workflow } = temporal.client;
    await workflow
      .getHandle(handle.workflowId)
      .terminate()
      .catch(() => undefined); // most tests have ended it
    await temporal.close();
  };
});

const withWorker = async (): Promise<void> =>
  void (await site.test.startWorker({ activities: { ...new FakeActivities() } }));

test('a second start is refused and says since when the site runs', async () => {
  await site.start();
  const refused: unknown = await site.start().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(AlreadyRunning);
  const { since } = (refused as AlreadyRunning).facts;
  expect(Math.abs(Date.now() - Date.parse(since ?? ''))).toBeLessThan(30_000);
  expect((refused as AlreadyRunning).next).toContain('meter-sync status --site');
});

test('a started site answers, takes its settings from the start, and can be found by its search attribute', async () => {
  await withWorker();
  await site.start();
  const status = await site.handle.status();
  expect(status).toMatchObject({ siteId: site.test.siteId, intervalMs: SETTINGS.intervalMs, isRunning: true });
  const query = `MeterSyncSite = '${site.test.siteId}'`;
  const found = await until(async () => (await site.temporal.client.workflow.count(query)).count, { what: query });
  expect(found).toBe(1);
});

test('pause, resume and syncNow take effect', async () => {
  await withWorker();
  await site.start();
  await until(async () => (await site.handle.status()).cycles === 1, { what: 'the first cycle' });
  await site.handle.pause();
  await until(async () => (await site.handle.status()).state === 'paused', { what: 'the pause' });
  await site.handle.syncNow();
  await until(async () => (await site.handle.status()).cycles === 2, { what: 'the cycle that was asked for' });
  await site.handle.resume();
  await until(async () => (await site.handle.status()).cycles === 3, { what: 'the cycle of the resume' });
});

test('configure answers with all settings in force, and a refused change leaves them as they were', async () => {
  await withWorker();
  await site.start();
  expect(await site.handle.configure({ intervalMs: 7_200_000 })).toEqual({ intervalMs: 7_200_000, batchRows: 100 });
  const refused: unknown = await site.handle.configure({ batchRows: 0 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InvalidChange);
  expect((refused as Error).message).toContain('batchRows');
  expect((await site.handle.status()).intervalMs).toBe(7_200_000);
});

test('refreshStatus answers with live figures', async () => {
  await withWorker();
  await site.start();
  await site.handle.status(); // else the worker may not have polled yet, on a busy machine
  expect(await site.handle.refreshStatus()).toMatchObject({ localDbConnected: true, remoteDbConnected: true });
});

test('stop ends the workflow, its result is the final status, and a second stop says so', async () => {
  await withWorker();
  await site.start();
  await site.handle.stop();
  expect(await site.handle.result(20_000)).toMatchObject({ state: 'stopped', isRunning: false });
  const refused: unknown = await site.handle.stop().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(NotRunning);
  expect((refused as NotRunning).facts).toMatchObject({ how: 'COMPLETED', closedAt: expect.any(String) as unknown });
  expect(await readSiteReport(site.handle, 'status')).toMatchObject({ seen: 'ended', status: { state: 'stopped' } });
});

test('a site that was never started is told as such by every call', async () => {
  const { stop, status, refreshStatus, configure } = site.handle;
  for (const call of [stop, status, refreshStatus, () => configure({ batchRows: 1 })]) {
    await expect(call()).rejects.toBeInstanceOf(NotRunning);
  }
});

test('without a worker signals are taken, and the rest says within seconds that nobody polls', async () => {
  await site.start();
  await site.handle.syncNow();
  const startedAt = Date.now();
  await expect(site.handle.status()).rejects.toBeInstanceOf(NoWorker);
  await expect(site.handle.configure({ batchRows: 1 })).rejects.toBeInstanceOf(NoWorker);
  expect(Date.now() - startedAt).toBeLessThan(3_000);
  await expect(site.handle.result(500)).rejects.toBeInstanceOf(StillRunning);
});

test('after its worker has gone a site tells within seconds what was last known', async () => {
  const worker = await site.test.startWorker({ activities: { ...new FakeActivities() } });
  await site.start();
  await until(async () => (await site.handle.status()).cycles === 1, { what: 'the first cycle' });
  await worker.stop();
  const askedAt = Date.now();
  const report = await readSiteReport(site.handle, 'status');
  expect(Date.now() - askedAt).toBeLessThan(8_000); // Temporal alone would wait ten seconds for the worker that has gone
  const memo = { siteId: site.handle.siteId, state: 'idle', queueSize: 0, verdict: { verdict: 'healthy' } };
  expect(report).toMatchObject({ seen: 'silent', record: { lastKnown: { state: 'idle', health: 'healthy' }, memo } });
  expect(judgeReport(site.test.siteId, report, Date.now())).toMatchObject({ verdict: 'offline', also: [] });
});

test('a look at the databases says within seconds that no worker of the site takes it, with the status of before', async () => {
  await withWorker();
  await site.startApart();
  await until(async () => (await site.handle.status()).cycles === 0, { what: 'the workflow answers' });
  const askedAt = Date.now();
  const report = await readSiteReport(site.handle, 'refreshStatus');
  expect(Date.now() - askedAt).toBeLessThan(5_000);
  expect(report).toMatchObject({ seen: 'live', status: { siteId: site.test.siteId, cycles: 0 } });
  expect(report.seen === 'live' && report.notRefreshed?.message).toMatch(
    /No worker answers for site .* on task queue nowhere/,
  );
});

test('a look at the databases says within seconds that the only worker has just gone', async () => {
  const worker = await site.test.startWorker({ activities: { ...new FakeActivities() } });
  await site.start();
  await until(async () => (await site.handle.status()).cycles === 1, { what: 'the first cycle' });
  await worker.stop();
  const askedAt = Date.now();
  expect(await readSiteReport(site.handle, 'refreshStatus')).toMatchObject({ seen: 'silent' });
  expect(Date.now() - askedAt).toBeLessThan(5_000);
});

test('a slow link to Temporal is no missing worker', async () => {
  await withWorker();
  await site.start();
  const [host = '', port] = site.test.address.split(':');
  const proxy = await openProxy({ host, port: Number(port) });
  proxy.pace = { delayMs: 900, bytesPerSecond: 1e6 };
  const address = `127.0.0.1:${proxy.port}`;
  const slow = await connectTemporal(new Secret({ TEMPORAL_ADDRESS: address }), { connectTimeoutMs: 20_000 });
  onTestFinished(async () => {
    await slow.close();
    await proxy.close();
  });
  expect(await siteHandle(slow, site.test.siteId).status()).toMatchObject({ isRunning: true });
});

test('a workflow whose own code fails is told as that, with what it said, and not as a missing worker', async () => {
  await withWorker();
  const { siteId, taskQueue } = site.test;
  const { workflow } = site.temporal.client;
  await workflow.start('noSuchWorkflow', { workflowId: site.handle.workflowId, taskQueue });
  const refused = await until(
    () =>
      site.handle.status().then(
        () => null,
        (error: unknown) => (error instanceof StuckTask ? error : null),
      ),
    { what: 'a third failed task' },
  );
  expect(refused.message).toMatch(/attempt \d+: .*noSuchWorkflow/);
  const report = await readSiteReport(site.handle, 'status');
  const verdict = judgeReport(siteId, report, Date.now());
  expect(verdict).toMatchObject({ verdict: 'stuckTask', actor: 'operator', also: [] });
  expect(Date.parse(verdict.since ?? '')).toBeGreaterThan(Date.now() - 60_000);
  expect(verdict.reason).toContain('noSuchWorkflow');
});

test('a worker that takes over answers within seconds', async () => {
  const first = await site.test.startWorker({ activities: { ...new FakeActivities() } });
  await site.start();
  await until(async () => (await site.handle.status()).cycles === 1, { what: 'the first cycle' });
  await first.stop();
  await withWorker();
  const askedAt = Date.now();
  expect(await site.handle.status()).toMatchObject({ isRunning: true, cycles: 1 });
  expect(Date.now() - askedAt).toBeLessThan(8_000);
});

test('a change that no worker took says that it may still take effect', async () => {
  await site.start();
  const refused: unknown = await site.handle.configure({ batchRows: 1 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(NoWorker);
  expect((refused as Error).message).toContain('may still take effect');
});

test('an attempt that failed is told while Temporal tries again, with how far it came', async () => {
  const activities = new FakeActivities();
  activities.uploadReadings = () => {
    Context.current().heartbeat({ removed: 7, batches: 1 });
    return Promise.reject(new Error('the link is down'));
  };
  await site.test.startWorker({ activities: { ...activities } });
  await site.start();
  const report = await until(
    async () => {
      const seen = await readSiteReport(site.handle, 'status');
      return seen.seen === 'live' && pendingOf(seen).some(({ lastFailure }) => lastFailure !== null) ? seen : null;
    },
    { what: 'a failed attempt' },
  );
  expect(pendingOf(report)).toMatchObject([
    { name: 'uploadReadings', lastFailure: 'the link is down', progress: { removed: 7 } },
  ]);
});

test('a terminated site has ended without a final status', async () => {
  await site.start();
  await site.temporal.client.workflow.getHandle(site.handle.workflowId).terminate();
  const report = await readSiteReport(site.handle, 'status');
  expect(report).toMatchObject({ seen: 'ended', status: null, closing: { how: 'TERMINATED' } });
});

test('a terminated site is not taken for one that runs, although its worker would answer', async () => {
  await withWorker();
  await site.start();
  await site.handle.status();
  const workflow = site.temporal.client.workflow.getHandle(site.handle.workflowId);
  await workflow.terminate();
  await expect(site.handle.status()).rejects.toBeInstanceOf(NotRunning);
  await expect(workflow.query('getStatus')).rejects.toBeInstanceOf(QueryRejectedError);
});
