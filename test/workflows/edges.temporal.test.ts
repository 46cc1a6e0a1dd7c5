import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { timed } from '../../activities/timed.js';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { FailureReport } from '../../src/model/failures.js';
import type { ProbeResult } from '../../src/model/operations.js';
import type { Status } from '../../src/model/status.js';
import { toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { aDownload, aFailure, anUpload } from '../model/builders.js';
import { connectTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { aProbe, failsWith, FakeActivities } from './fake-activities.js';
import { withSite } from './site-under-test.js';

const LONG_MS = 3_600_000;

async function failureOf(result: Promise<unknown>): Promise<unknown> {
  const failure = await result.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  return (failure as WorkflowFailedError).cause;
}

test('failures with messages of any length do not keep a site from continuing as new', async (context) => {
  await withSite(context, { intervalMs: 100, maxCyclesPerRun: 1 }, async (site) => {
    const report: FailureReport = aFailure('schema', { message: 'x'.repeat(700_000) });
    const fail = (): never => {
      throw ApplicationFailure.nonRetryable('no', 'schema', report);
    };
    Object.assign(site.fake, { upload: fail, meters: fail, tenants: fail });
    const status = await site.cycled(3);
    expect(status.upload?.error?.message).toMatch(/^x+\.\.\.$/);
    expect(JSON.stringify(status).length).toBeLessThan(10_000);
  });
});

test('a state that a client made up is refused at once, and does not hold the site for ever', async (context) => {
  await withSite(context, { state: { version: 1 } as never }, async (site) => {
    expect(await failureOf(site.handle.result())).toMatchObject({
      type: 'InvalidInput',
      message: 'state is given; expected none: only continue-as-new gives it',
    });
  });
});

test('a workflow id that is not the lock of its site is refused', async (context) => {
  const { client, taskQueue, siteId, startWorker } = await connectTemporal(context);
  await startWorker({ activities: { ...new FakeActivities() } });
  const other = { workflowId: toWorkflowId(`${siteId}-2`), taskQueue, args: [{ siteId }] };
  const failure = await failureOf(client.workflow.execute(WORKFLOW_TYPE, other));
  expect(failure).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining(toWorkflowId(siteId)) });
});

test('an operation waits for its worker as long as it takes, a download goes on for hours, and a probe is given up soon', async (context) => {
  await withSite(context, { intervalMs: LONG_MS }, async (site) => {
    await site.cycled(1);
    await site.handle.executeUpdate('refreshStatus');
    const { events } = await site.handle.fetchHistory();
    const scheduled = events?.flatMap(({ activityTaskScheduledEventAttributes: facts }) => facts ?? []) ?? [];
    const limits = scheduled.map((facts) => [
      facts.activityType?.name,
      Number(facts.scheduleToStartTimeout?.seconds),
      Number(facts.startToCloseTimeout?.seconds),
      Number(facts.scheduleToCloseTimeout?.seconds),
    ]);
    expect(limits).toEqual([
      ['uploadReadings', 0, 600, 0],
      ['downloadMeters', 0, 86_400, 0],
      ['downloadTenants', 0, 86_400, 0],
      ['probe', 30, 30, 30],
    ]);
  });
});

test.for([
  [1_000, 300],
  [LONG_MS, (2 * LONG_MS) / 1_000],
] as const)('an operation on a task queue of its own waits for the site: with an interval of %i ms for %i s', async ([intervalMs, seconds], context) => {
  await withSite(context, { intervalMs, activityTaskQueue: 'nowhere' }, async (site) => {
    const scheduled = await until(
      async () => (await site.handle.fetchHistory()).events?.find((event) => event.activityTaskScheduledEventAttributes),
      { what: 'the upload is asked for' },
    );
    expect(Number(scheduled.activityTaskScheduledEventAttributes?.scheduleToStartTimeout?.seconds)).toBe(seconds);
  });
}); // prettier-ignore

test('a site whose machine is gone can be stopped, whatever it waits for', async (context) => {
  const { taskQueue } = await connectTemporal(context);
  const activityTaskQueue = `${taskQueue}:site`;
  await withSite(context, { intervalMs: LONG_MS, activityTaskQueue }, async (site) => {
    const { startWorker } = await connectTemporal(context);
    const machine = await startWorker({ taskQueue: activityTaskQueue, activities: { ...site.fake } });
    let end = (): void => undefined;
    site.fake.upload = () => new Promise((resolve) => (end = () => resolve(anUpload())));
    await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
    const stopped = machine.stop(); // it takes nothing any more, and ends with what it has
    await until(() => machine.worker.getState() !== 'RUNNING', { what: 'the machine is away' });
    end();
    await stopped;
    const waitsFor = async (): Promise<string | null | undefined> =>
      (await site.handle.describe()).raw.pendingActivities?.[0]?.activityType?.name;
    await until(async () => (await waitsFor()) === 'downloadMeters', { what: 'the meters wait for the machine' });
    const since = Date.now();
    await site.handle.signal('stop');
    const final = await site.handle.result();
    expect(Date.now() - since).toBeLessThan(30_000);
    expect(final).toMatchObject({ state: 'stopped', upload: { ok: true }, meters: { ok: false } });
    expect(final.tenants?.error).toMatchObject({ kind: 'unreachable', side: null });
    expect(final.tenants?.error?.message).toContain("the site's worker is away");
  });
});

test('whoever looks at a database that does not answer keeps the site waiting no longer, and a good look starts it at once', async (context) => {
  await withSite(context, { intervalMs: 1_000 }, async (site) => {
    Object.assign(site.fake, { upload: failsWith('unreachable'), probed: () => aProbe({ remoteDbConnected: false }) });
    await site.cycled(3);
    await site.handle.executeUpdate('configure', { args: [{ intervalMs: 600_000 }] });
    const planned = async (): Promise<string | null> => (await site.status()).nextSyncTime;
    const before = await until(async () => Date.parse((await planned()) ?? '') > Date.now() + 60_000 && planned(), {
      what: 'the site waits for its next probe',
    });
    for (let look = 0; look < 3; look += 1) await site.handle.executeUpdate('refreshStatus');
    expect(await planned()).toBe(before);
    Object.assign(site.fake, { upload: () => anUpload(), probed: () => aProbe() });
    const { cycles } = await site.status();
    await site.handle.executeUpdate('refreshStatus');
    const since = Date.now();
    await site.cycled(cycles + 1);
    expect(Date.now() - since).toBeLessThan(1_000);
  });
});

test('a status that cannot be refreshed says why', async (context) => {
  await withSite(context, { intervalMs: LONG_MS }, async (site) => {
    site.fake.probed = failsWith('config');
    const failure = await site.handle.executeUpdate('refreshStatus').catch((error: unknown) => error);
    expect(failure).toMatchObject({ cause: { type: 'config', message: 'it was config' } });
  });
});

test('an attempt that ended with its worker is repeated by the next, also while a database does not answer', async (context) => {
  const temporal = await connectTemporal(context);
  const fake = Object.assign(new FakeActivities(), { upload: failsWith('unreachable') });
  let attempts = 0;
  const downloadMeters = timed(async (): Promise<ReturnType<typeof aDownload>> => {
    attempts += 1;
    if (attempts > 1) return aDownload();
    const { cancelled } = Context.current();
    return cancelled; // rejects when the time of the drain is over
  });
  const activities = { ...fake, downloadMeters };
  const first = await temporal.startWorker({ activities, shutdownGraceTime: 100 });
  const workflowId = toWorkflowId(temporal.siteId);
  const { client, siteId, taskQueue } = temporal;
  const start = { workflowId, taskQueue, args: [{ siteId, intervalMs: LONG_MS }] };
  const handle = await client.workflow.start(WORKFLOW_TYPE, start);
  await until(() => attempts === 1, { what: 'the first attempt runs' });
  await first.stop();

  await temporal.startWorker({ activities });
  const status = (): Promise<Status> => handle.query<Status>('getStatus');
  await until(async () => (await status()).cycles === 1, { what: 'the cycle has ended' });
  expect(await status()).toMatchObject({ meters: { ok: true }, tenants: { ok: true } });
  await handle.terminate('the test has ended');
});

test('callers who ask for a fresh status again and again share a probe, and do not keep a site from its cycles', async (context) => {
  await withSite(context, { intervalMs: 100, maxCyclesPerRun: 2 }, async (site) => {
    let atOnce = 0;
    const slowly = async (): Promise<ProbeResult> => {
      expect((atOnce += 1)).toBe(1);
      await pause(300);
      atOnce -= 1;
      return aProbe();
    };
    Object.assign(site.fake, { probed: slowly });
    let isOver = false;
    const askAgainAndAgain = async (_: unknown, caller: number): Promise<void> => {
      await pause(caller * 100); // so that one of them always waits for its answer
      while (!isOver) await site.handle.executeUpdate('refreshStatus');
    };
    const callers = Array.from({ length: 4 }, askAgainAndAgain);
    await site.cycled(7).finally(() => (isOver = true));
    await Promise.all(callers);
  });
});

test('a cancelled site says that it has ended', async (context) => {
  await withSite(context, { intervalMs: LONG_MS }, async (site) => {
    await site.cycled(1);
    await site.handle.cancel();
    expect(await failureOf(site.handle.result())).toBeInstanceOf(CancelledFailure);
    expect(await site.status()).toMatchObject({ state: 'stopped', isRunning: false, nextSyncTime: null });
    const { searchAttributes } = await site.handle.describe();
    expect(searchAttributes).toMatchObject({ MeterSyncState: ['stopped'] });
  });
});

test('a cycle that is cancelled gives up its operation', async (context) => {
  await withSite(context, { intervalMs: LONG_MS }, async (site) => {
    site.fake.upload = async () => {
      const attempt = Context.current();
      const beat = setInterval(() => attempt.heartbeat(), 100);
      return attempt.cancelled.finally(() => clearInterval(beat));
    };
    await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
    await site.handle.cancel();
    expect(await failureOf(site.handle.result())).toBeInstanceOf(CancelledFailure);
    expect(await site.status()).toMatchObject({ state: 'stopped', isRunning: false });
    expect(site.fake.called).toEqual(['uploadReadings']);
  });
});
