import { expect, it } from 'vitest';
import { untilLockIsAwaited } from '../../support/locks.js';
import { openSite } from './site-under-test.js';

it('a worker that is told to end finishes its batch and leaves the rest', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const earlyEnd = new AbortController();
  const result = await site.upload({
    batchRows: 10,
    earlyEnd: earlyEnd.signal,
    onHeartbeat: ({ batches }) => batches === 3 && earlyEnd.abort(),
  });
  expect(result).toMatchObject({ batches: 4, removed: 40, more: true, queueSize: 60 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([60, 40]);
});

it('a run that is out of time ends after a batch, and never without one', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const result = await site.upload({ batchRows: 10, maxDurationMs: 0 });
  expect(result).toMatchObject({ batches: 1, removed: 10, more: true, queueSize: 90 });
});

it('an attempt that is given up in the middle of a batch leaves both ends as they were, at once', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 20_000);
  const given = new AbortController();
  const holder = await site.remote.admin.pool.connect();
  await holder.query('begin; lock table meter_readings in exclusive mode');
  const upload = site.upload({ batchRows: 15_000, signal: given.signal });
  upload.catch(() => undefined); // looked at below
  await untilLockIsAwaited(site.remote);
  given.abort(new Error('given up'));
  await expect(upload).rejects.toThrow();
  await holder.query('rollback');
  holder.release();
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([20_000, 0]);
  expect(await site.upload()).toMatchObject({ removed: 20_000, queueSize: 0 });
});

it('an attempt that is given up before it begins does nothing', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await expect(site.upload({ signal: AbortSignal.abort(new Error('given up')) })).rejects.toThrow('given up');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([10, 0]);
});
