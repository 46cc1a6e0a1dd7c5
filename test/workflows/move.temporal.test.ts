import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { STATUS_MEMO } from '../../src/model/wire.js';
import { anUpload } from '../model/builders.js';
import { connectTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from './fake-activities.js';
import { withSite } from './site-under-test.js';

test('a site moves to another task queue and back to activities apart, with all that it knows', async (context) => {
  const { taskQueue, startWorker } = await connectTemporal(context);
  const [there, apart] = [`${taskQueue}:there`, `${taskQueue}:apart`];
  const [fakeThere, fakeApart] = [new FakeActivities(), new FakeActivities()];
  await startWorker({ taskQueue: there, activities: { ...fakeThere } });
  await startWorker({ taskQueue: apart, activities: { ...fakeApart } });
  await withSite(context, { intervalMs: 200 }, async (site) => {
    for (const fake of [site.fake, fakeThere, fakeApart]) fake.upload = () => anUpload({ totalUploaded: 7 });
    const before = await site.cycled(2);
    for (const order of [[], [null], ['there'], [{ taskQueue: 5 }], [{ taskQueue: there, activityTaskQueue: '' }]]) {
      await site.handle.signal('moveTo', ...(order as []));
    }
    await site.cycled((await site.status()).cycles + 2);
    expect((await site.handle.describe()).taskQueue).not.toBe(there);

    await site.handle.signal('moveTo', { taskQueue: there });
    await until(() => fakeThere.countOf('downloadTenants') >= 2, { what: 'two cycles there' });
    const moved = await site.status();
    expect(moved).toMatchObject({ startedAt: before.startedAt, totalRecordsSynced: 7, isRunning: true });
    expect(moved.cycles).toBeGreaterThan(before.cycles + 3);
    const { taskQueue: now, memo } = await site.handle.describe();
    expect(now).toBe(there);
    expect(memo?.[STATUS_MEMO]).toMatchObject({ siteId: site.siteId, totalRecordsSynced: 7 });
    const countHere = site.fake.called.length;

    await site.handle.signal('moveTo', { taskQueue: there, activityTaskQueue: apart });
    await until(() => fakeApart.countOf('downloadTenants') >= 2, { what: 'two cycles of activities apart' });
    expect((await site.handle.describe()).taskQueue).toBe(there);
    expect(site.fake.called).toHaveLength(countHere);
    await site.handle.signal('stop');
    expect(await site.handle.result()).toMatchObject({ state: 'stopped', lastSyncSuccess: true });
  });
});

test('a move does not wait for a backlog: its upload ends with the batch, is counted, and goes on there', async (context) => {
  const { taskQueue, startWorker } = await connectTemporal(context);
  const there = `${taskQueue}:there`;
  const fakeThere = new FakeActivities();
  await startWorker({ taskQueue: there, activities: { ...fakeThere } });
  const often = { maxHeartbeatThrottleInterval: 100 };
  await withSite(
    context,
    { intervalMs: 3_600_000 },
    async (site) => {
      site.fake.upload = async () => {
        const attempt = Context.current();
        while (!attempt.cancellationSignal.aborted) {
          attempt.heartbeat();
          await pause(20);
        }
        return anUpload({ removed: 10, more: true, queueSize: 9, totalUploaded: 10 });
      };
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.signal('moveTo', { taskQueue: there });
      await until(() => fakeThere.countOf('downloadTenants') === 1, { what: 'a full cycle there' });
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(await site.status()).toMatchObject({ totalRecordsSynced: 10, lastSyncSuccess: true });
    },
    often,
  );
});
