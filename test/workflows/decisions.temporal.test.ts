import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { DECIDE_DOWNLOAD_UPDATE, SYNC_NOW_SIGNAL } from '../../src/model/wire.js';
import { until } from '../support/wait.js';
import { aFailure, aHeldDownload } from '../model/builders.js';
import { withSite } from './site-under-test.js';

const HOURLY = { intervalMs: 3_600_000 };

test('a decision on a held download reaches the site, and its answer comes back', async (context) => {
  await withSite(context, HOURLY, async ({ handle, fake, siteId, cycled }) => {
    await cycled(1);
    const decided = aHeldDownload({ decided: { decision: 'approve', by: 'anna', at: '2026-01-01T00:00:00.000Z' } });
    fake.decided = () => decided;
    const decision = { table: 'meter', decision: 'approve', by: 'anna', change: null };
    expect(await handle.executeUpdate(DECIDE_DOWNLOAD_UPDATE, { args: [decision] })).toEqual(decided);
    expect(fake.inputs.decideDownload).toEqual([{ siteId, table: 'meter', decision: 'approve', by: 'anna' }]);
    expect(fake.countOf('downloadMeters')).toBe(1);
  });
});

test('a decision that cannot be taken is refused at once, or by the site with its reason', async (context) => {
  await withSite(context, HOURLY, async ({ handle, fake, cycled }) => {
    await cycled(1);
    const decide = (decision: unknown): Promise<unknown> =>
      handle.executeUpdate(DECIDE_DOWNLOAD_UPDATE, { args: [decision] });
    const bad = await decide({ table: 'meter', decision: 'maybe' }).catch((error: unknown) => error);
    expect(bad).toBeInstanceOf(WorkflowUpdateFailedError);
    expect((bad as WorkflowUpdateFailedError).cause).toMatchObject({ type: 'InvalidInput' });
    expect(fake.countOf('decideDownload')).toBe(0);
    fake.decided = () => {
      const report = aFailure('config', { message: 'no download of table meter is held' });
      throw ApplicationFailure.create({ ...report, type: 'config', nonRetryable: true, details: [report] });
    };
    const refused = await decide({ table: 'meter', decision: 'reject', by: 'anna' }).catch((error: unknown) => error);
    expect((refused as WorkflowUpdateFailedError).cause?.message).toBe('no download of table meter is held');
  });
});

test('an order to sync now may ask that refused rows are tried again, and only in that one cycle', async (context) => {
  await withSite(context, HOURLY, async ({ handle, fake, siteId, cycled }) => {
    await cycled(1);
    for (const order of [[], [null], [{ full: true }], [{ full: 'yes' }]]) {
      const before = fake.countOf('downloadMeters');
      await handle.signal(SYNC_NOW_SIGNAL, ...(order as []));
      await until(() => Promise.resolve(fake.countOf('downloadMeters') > before), { what: 'the cycle has come' });
      await cycled(before + 1);
    }
    const input = (cycle: number): object => ({ siteId, cycle });
    expect(fake.inputs.downloadMeters).toEqual([input(1), input(2), input(3), { ...input(4), full: true }, input(5)]);
  });
});
