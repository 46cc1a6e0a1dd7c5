import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { UploadReadingsResult } from '../../src/model/operations.js';
import { anUpload } from '../model/builders.js';
import { until } from '../support/wait.js';
import { withSite } from './site-under-test.js';

const HOURLY = { intervalMs: 3_600_000 };
/** So that a test need not wait for the time of a worker. */
const OFTEN = { maxHeartbeatThrottleInterval: 100 };

/** The upload of a backlog without end: batch after batch, until it hears that the one under way is the last. */
function anEndlessUpload(): { upload: () => Promise<UploadReadingsResult>; heard: () => string | null } {
  let heard: string | null = null;
  const upload = async (): Promise<UploadReadingsResult> => {
    const attempt = Context.current();
    let batches = 0;
    while (!attempt.cancellationSignal.aborted) {
      attempt.heartbeat((batches += 1));
      await sleep(20);
    }
    heard = (attempt.cancellationSignal.reason as Error).message;
    return anUpload({ batches, removed: batches * 10, more: true, queueSize: 1_000, totalUploaded: batches * 10 });
  };
  return { upload, heard: () => heard };
}

test('a stop ends the upload of a backlog with its batch: it is counted, and the rest of the cycle runs', async (context) => {
  await withSite(
    context,
    HOURLY,
    async (site) => {
      const { upload, heard } = anEndlessUpload();
      site.fake.upload = upload;
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.signal('stop');
      const final = await site.handle.result();
      expect(heard()).toBe('CANCELLED');
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(final).toMatchObject({ state: 'stopped', cycles: 1, lastSyncSuccess: true, upload: { ok: true } });
      expect(final.totalRecordsSynced).toBeGreaterThan(0);
      expect(final.totalRecordsSynced).toBe(final.upload?.result?.removed);
    },
    OFTEN,
  );
});

test('a pause ends the upload of a backlog with its batch, and resume goes on with it', async (context) => {
  await withSite(
    context,
    HOURLY,
    async (site) => {
      site.fake.upload = anEndlessUpload().upload;
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.signal('pause');
      const paused = await site.becomes('paused');
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(paused).toMatchObject({ cycles: 1, lastSyncSuccess: true, upload: { result: { more: true } } });
      site.fake.upload = () => anUpload({ removed: 5 });
      await site.handle.signal('resume');
      expect(await site.cycled(2)).toMatchObject({ upload: { result: { removed: 5 } } });
    },
    OFTEN,
  );
});

test('a signal costs an upload under way one request to end it, and others nothing', async (context) => {
  await withSite(
    context,
    HOURLY,
    async (site) => {
      const { upload } = anEndlessUpload();
      site.fake.upload = upload;
      for (const cycles of [1, 2]) {
        await until(() => site.fake.countOf('uploadReadings') === cycles, { what: 'the upload runs' });
        await site.handle.signal('pause');
        await site.becomes('paused');
        if (cycles === 1) await site.handle.signal('resume');
      }
      site.fake.upload = () => anUpload();
      await site.handle.signal('resume');
      await site.cycled(3);
      const events = (await site.handle.fetchHistory()).events ?? [];
      expect(events.flatMap((event) => event.activityTaskCancelRequestedEventAttributes ?? [])).toHaveLength(2);
      expect(events.flatMap((event) => event.markerRecordedEventAttributes ?? [])).toHaveLength(0);
    },
    OFTEN,
  );
});

test('an upload that waits for its next try is not waited for, and the cycle goes on', async (context) => {
  await withSite(context, HOURLY, async (site) => {
    site.fake.upload = () => {
      throw ApplicationFailure.create({ message: 'not yet', type: 'busy', nextRetryDelay: HOURLY.intervalMs });
    };
    const hasFailed = async (): Promise<boolean> =>
      (await site.handle.describe()).raw.pendingActivities?.[0]?.lastFailure?.message === 'not yet';
    await until(hasFailed, { what: 'the upload waits for its next try' });
    await site.handle.signal('stop');
    const final = await site.handle.result();
    expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
    expect(final).toMatchObject({ state: 'stopped', lastSyncSuccess: false, upload: { ok: false, result: null } });
    expect(final.lastSyncError).toMatch(/told to end/);
    expect(final.upload?.error?.next).toMatch(/next cycle goes on/);
  });
});

test('an upload that fails with its last batch is told as it failed, and is not tried again', async (context) => {
  await withSite(
    context,
    HOURLY,
    async (site) => {
      const { upload } = anEndlessUpload();
      site.fake.upload = async () => {
        await upload();
        throw ApplicationFailure.create({ message: 'the link was lost', type: 'unreachable' });
      };
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.signal('stop');
      const final = await site.handle.result();
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(final.upload?.error).toMatchObject({ kind: 'unreachable', message: 'the link was lost' });
    },
    OFTEN,
  );
});

test('a cancelled site ends at once as cancelled, and its upload is given up', async (context) => {
  await withSite(
    context,
    HOURLY,
    async (site) => {
      const { upload, heard } = anEndlessUpload();
      site.fake.upload = upload;
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.cancel();
      const failure = await site.handle.result().catch((error: unknown) => error);
      expect((failure as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
      await until(() => heard() === 'NOT_FOUND', { what: 'the attempt hears that its workflow has ended' });
      expect(site.fake.called).toEqual(['uploadReadings']);
    },
    OFTEN,
  );
});

test('a site that was stopped can still be cancelled while its last batch hangs', async (context) => {
  await withSite(context, HOURLY, async (site) => {
    let letGo = (): void => undefined;
    site.fake.upload = () => new Promise((resolve) => (letGo = () => resolve(anUpload())));
    await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
    await site.handle.signal('stop');
    await until(async () => (await site.status()).state === 'stopping', { what: 'the stop is seen' });
    await site.handle.cancel();
    const failure = await site.handle.result().catch((error: unknown) => error);
    expect((failure as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    letGo();
  });
});
