import { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { SiteMemo } from '../../src/model/memo.js';
import type { UploadReadingsInput } from '../../src/model/operations.js';
import { phaseOf, tickAfter } from '../../src/model/ticks.js';
import { SITE_KEYS } from '../../src/temporal/search-attributes.js';
import { aDownload, aFailure, anUpload } from '../model/builders.js';
import { until } from '../support/wait.js';
import { aDoor, aProbe, failsWith } from './fake-activities.js';
import { withSite } from './site-under-test.js';

const LONG_MS = 3_600_000;
/** What Temporal Cloud counts, of what an idle cycle may do. */
const PAID = [
  'activityTaskScheduledEventAttributes',
  'timerStartedEventAttributes',
  'upsertWorkflowSearchAttributesEventAttributes',
  'workflowPropertiesModifiedEventAttributes',
] as const;

describe('the rhythm', () => {
  test('the first cycle begins at once, in the order upload, meters, tenants', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      const status = await site.cycled(1);
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(status).toMatchObject({ state: 'idle', isRunning: true, lastSyncSuccess: true, intervalMs: LONG_MS });
      const grid = { intervalMs: LONG_MS, phase: phaseOf(site.siteId) };
      expect(Date.parse(status.nextSyncTime ?? '')).toBe(tickAfter(Date.parse(status.startedAt), grid));
    });
  });

  test('cycles follow the interval', async (context) => {
    await withSite(context, { intervalMs: 200 }, async (site) => {
      const status = await site.cycled(4);
      expect(Date.parse(status.lastSyncTime ?? '') - Date.parse(status.startedAt)).toBeGreaterThanOrEqual(500);
    });
  });

  test('ticks that a long cycle missed are skipped and counted', async (context) => {
    await withSite(context, { intervalMs: 100 }, async (site) => {
      const door = aDoor();
      site.fake.upload = async () => (await door.opened, anUpload());
      const startedAt = Date.parse((await site.status()).startedAt);
      await until(() => Date.now() > startedAt + 450, { timeoutMs: 5_000, what: 'four ticks have passed' });
      door.open();
      const status = await site.cycled(1);
      expect(status.skippedTicks).toBeGreaterThanOrEqual(4);
      const offsetMs = Math.floor(phaseOf(site.siteId) * 100);
      expect((Date.parse(status.nextSyncTime ?? '') - offsetMs) % 100).toBe(0);
    });
  });

  test('while a backlog remains uploads follow at once, and the downloads wait for their tick', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      let left = 3;
      site.fake.upload = () => anUpload({ more: left-- > 0, removed: 10, queueSize: left + 1 });
      const status = await site.cycled(4);
      expect(site.fake.countOf('uploadReadings')).toBe(4);
      expect(site.fake.countOf('downloadMeters')).toBe(1);
      expect(status.state).toBe('idle');
    });
  });
});

describe('signals', () => {
  test('syncNow cuts the wait', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      await site.cycled(1);
      await site.handle.signal('syncNow');
      expect((await site.cycled(2)).cycles).toBe(2);
    });
  });

  test('stop during a cycle lets it end, and the result is the final status', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      const door = aDoor();
      site.fake.upload = async () => (await door.opened, anUpload({ totalUploaded: 5 }));
      await until(() => site.fake.called.length === 1, { what: 'the upload runs' });
      await site.handle.signal('stop');
      await until(async () => (await site.status()).state === 'stopping', { what: 'the stop is seen' });
      door.open();
      const final = await site.handle.result();
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(final).toMatchObject({
        state: 'stopped',
        isRunning: false,
        cycles: 1,
        totalRecordsSynced: 5,
        nextSyncTime: null,
      });
    });
  });

  test('a paused site does nothing until it is resumed, but obeys syncNow', async (context) => {
    await withSite(context, { intervalMs: 100 }, async (site) => {
      await site.cycled(1);
      await site.handle.signal('pause');
      const paused = await site.becomes('paused');
      await site.handle.signal('syncNow');
      await site.cycled(paused.cycles + 1);
      expect((await site.becomes('paused')).nextSyncTime).toBeNull();
      await site.handle.signal('resume');
      await site.cycled(paused.cycles + 3);
    });
  });

  test('pause and resume survive continue-as-new, and no signal is lost across it', async (context) => {
    await withSite(context, { intervalMs: 100, maxCyclesPerRun: 1 }, async (site) => {
      await site.cycled(2);
      await site.handle.signal('pause', { by: 'anna', reason: 'the remote moves' });
      await site.handle.signal('pause', { by: 'ben' });
      const paused = await site.becomes('paused');
      const firstRun = (await site.handle.describe()).runId;
      for (let round = 1; round <= 3; round++) {
        await site.handle.signal('syncNow');
        await site.cycled(paused.cycles + round);
      }
      expect((await site.handle.describe()).runId).not.toBe(firstRun);
      const { startedAt, pausedBy, verdict } = await site.becomes('paused');
      expect(startedAt).toBe(paused.startedAt);
      expect(pausedBy).toEqual({ by: 'anna', reason: 'the remote moves', since: paused.pausedBy?.since });
      expect(verdict).toMatchObject({
        verdict: 'paused',
        reason: expect.stringContaining('by anna (the remote moves)'),
      });
      await site.handle.signal('resume');
      await site.cycled(paused.cycles + 5);
      await site.handle.signal('stop');
      expect(await site.handle.result()).toMatchObject({ state: 'stopped', startedAt: paused.startedAt });
      // Else a site would look to its own database as if another workflow had taken it over.
      const owners = (site.fake.inputs.uploadReadings ?? []).map((input) => (input as UploadReadingsInput).owner);
      expect(new Set(owners).size).toBe(1);
      expect(owners[0]).toMatch(/^[0-9a-f-]{36}$/);
    });
  });
});

describe('failures', () => {
  test('a failing upload does not stop the downloads', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      site.fake.upload = failsWith('schema');
      const status = await site.cycled(1);
      expect(site.fake.called).toEqual(['uploadReadings', 'downloadMeters', 'downloadTenants']);
      expect(status).toMatchObject({ state: 'degraded', lastSyncSuccess: false, consecutiveFailures: 1 });
      expect(status.upload).toMatchObject({ ok: false, result: null, error: { kind: 'schema', side: 'remote' } });
      expect(status.meters).toMatchObject({ ok: true });
      expect(status.lastSyncError).toContain('upload: it was schema');
    });
  });

  test('an upload that fails with data is left out for growing waits, and syncNow tries it at once', async (context) => {
    await withSite(context, { intervalMs: 200 }, async (site) => {
      site.fake.upload = failsWith('data');
      const status = await site.cycled(10);
      expect(site.fake.countOf('uploadReadings')).toBeLessThanOrEqual(5);
      expect(site.fake.countOf('downloadMeters')).toBeGreaterThanOrEqual(10);
      expect(status.uploadWaitsUntil).not.toBeNull();
      expect(status).toMatchObject({ upload: { ok: false, error: { kind: 'data' } }, lastSyncSuccess: false });
      const tried = site.fake.countOf('uploadReadings');
      site.fake.upload = () => anUpload();
      await site.handle.signal('syncNow');
      await until(async () => (await site.status()).upload?.ok === true, { what: 'the upload has gone well' });
      expect(site.fake.countOf('uploadReadings')).toBeGreaterThan(tried);
      expect((await site.status()).uploadWaitsUntil).toBeNull();
    });
  });

  test('failing downloads do not stop the upload, and the loop goes on', async (context) => {
    await withSite(context, { intervalMs: 200 }, async (site) => {
      site.fake.meters = failsWith('credentials');
      site.fake.tenants = failsWith('schema');
      await site.cycled(2);
      site.fake.meters = () => aDownload();
      site.fake.tenants = () => aDownload();
      await until(async () => (await site.status()).lastSyncSuccess === true, { what: 'a cycle succeeds again' });
      expect((await site.status()).consecutiveFailures).toBe(0);
    });
  });

  test('an error that nobody foresaw is the result of its operation, not the end of the loop', async (context) => {
    await withSite(context, { intervalMs: 200 }, async (site) => {
      site.fake.tenants = () => {
        throw ApplicationFailure.nonRetryable('surprise');
      };
      const status = await site.cycled(2);
      expect(status.tenants?.error).toMatchObject({ kind: 'unexpected', message: 'surprise' });
    });
  });

  test('after three cycles without a database, probes take the place of cycles until it answers', async (context) => {
    await withSite(context, { intervalMs: 100 }, async (site) => {
      site.fake.upload = failsWith('unreachable');
      site.fake.probed = () => aProbe({ remoteDbConnected: false });
      await until(() => site.fake.countOf('probe') >= 2, { what: 'two probes' });
      expect((await site.status()).cycles).toBe(3);
      expect(await site.status()).toMatchObject({ state: 'degraded', remoteDbConnected: false });
      site.fake.upload = () => anUpload();
      site.fake.probed = () => aProbe();
      await site.cycled(5);
      expect((await site.status()).lastSyncSuccess).toBe(true);
    });
  });

  test('a meter that waits for a tenant is tried again after the tenants of the same cycle', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      let waiting = 2;
      site.fake.meters = () => aDownload({ inserted: waiting === 0 ? 2 : 1, waiting });
      site.fake.tenants = () => ((waiting = 0), aDownload({ inserted: 1 }));
      const status = await site.cycled(1);
      expect(site.fake.called.slice(-2)).toEqual(['downloadTenants', 'downloadMeters']);
      expect(status.meters?.result).toMatchObject({ inserted: 3, waiting: 0 });
    });
  });

  test('a further table that fails is told, and takes neither the meters nor their second try with it', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      let waiting = 2;
      const furtherFailures = [
        aFailure('schema', { table: 'element', message: 'no table element' }),
        aFailure('schema', { table: 'unit', message: 'no table unit' }),
      ];
      site.fake.meters = () => aDownload({ inserted: waiting === 0 ? 2 : 1, waiting, furtherFailures });
      site.fake.tenants = () => ((waiting = 0), aDownload({ inserted: 1 }));
      const status = await site.cycled(1);
      expect(status.meters).toMatchObject({
        ok: false,
        error: { kind: 'schema', table: 'element', message: 'no table element; no table unit' },
        result: { inserted: 3, waiting: 0 },
      });
    });
  });
});

describe('updates', () => {
  test('configure refuses nonsense with all problems and changes nothing, and answers with what is in force', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      const refused = site.handle.executeUpdate('configure', {
        args: [{ intervalMs: 1, batchRows: 0, colour: 'red' }],
      });
      const failure = await refused.catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(WorkflowUpdateFailedError);
      expect(String((failure as WorkflowUpdateFailedError).cause)).toMatch(/colour.*intervalMs is 1.*batchRows is 0/);
      const answer = await site.handle.executeUpdate('configure', { args: [{ intervalMs: 300 }] });
      expect(answer).toEqual({ intervalMs: 300, batchRows: 50_000 });
      await site.cycled(3);
    });
  });

  test('refreshStatus looks at both databases and answers with what it saw', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      await site.cycled(1);
      const status = await site.handle.executeUpdate('refreshStatus');
      expect(status).toMatchObject({ queueSize: 7, localMeterCount: 1, remoteTenantCount: 4, remoteDbConnected: true });
      expect(site.fake.countOf('probe')).toBe(1);
    });
  });
});

describe('the lock and the door', () => {
  test('a second start of a running site is refused', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      await expect(site.start({ intervalMs: 100 })).rejects.toMatchObject({
        name: 'WorkflowExecutionAlreadyStartedError',
      });
    });
  });

  test('an input that is not valid fails the workflow at once and names every problem', async (context) => {
    await withSite(context, { intervalMs: 1, batchRows: -1 }, async (site) => {
      const failure = await site.handle.result().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(WorkflowFailedError);
      expect((failure as WorkflowFailedError).cause).toMatchObject({ type: 'InvalidInput' });
      expect(String((failure as WorkflowFailedError).cause)).toMatch(/intervalMs is 1.*batchRows is -1/);
    });
  });
});

describe('what people see in Web UI', () => {
  test('an idle cycle costs fewer than 25 history events and 5 actions', async (context) => {
    await withSite(context, { intervalMs: 100 }, async (site) => {
      await site.cycled(2);
      const before = (await site.handle.describe()).historyLength;
      const { cycles } = await site.status();
      await site.cycled(cycles + 10);
      const after = await site.status();
      const events = ((await site.handle.fetchHistory()).events ?? []).slice(before);
      expect(events.length / (after.cycles - cycles)).toBeLessThan(25);
      const actions = events.filter((event) => PAID.some((kind) => event[kind]));
      expect(actions.length / (after.cycles - cycles)).toBeLessThan(5);
    });
  });

  test('the memo has the last figures in a list of all sites, is written with the verdict, and outlives the runs', async (context) => {
    await withSite(context, { intervalMs: 100, maxCyclesPerRun: 2 }, async (site) => {
      const oldestUnsynced = new Date().toISOString();
      site.fake.upload = () => anUpload({ queueSize: 3, oldestUnsynced, totalUploaded: 5, observedAt: oldestUnsynced });
      const { startedAt } = await site.cycled(7);
      const { memo, runId } = await site.handle.describe();
      expect(runId).not.toBe(site.firstRunId);
      const figures = { siteId: site.siteId, queueSize: 3, oldestUnsynced, totalRecordsSynced: 5, intervalMs: 100 };
      expect(memo?.['meterSyncStatus']).toMatchObject({ ...figures, verdict: { verdict: 'healthy' }, state: 'idle' });
      const { at } = memo?.['meterSyncStatus'] as SiteMemo;
      expect(Date.parse(at) - Date.parse(startedAt)).toBeLessThan(LONG_MS);
      const written = async (): Promise<number> =>
        ((await site.handle.fetchHistory()).events ?? []).filter(
          (event) => event.workflowPropertiesModifiedEventAttributes,
        ).length;
      expect(await written()).toBe(0); // in this run nothing has changed, and a quarter of an hour has not passed
      await site.handle.signal('pause', { by: 'anna' });
      await site.becomes('paused');
      const query = `WorkflowId = "${site.handle.workflowId}" and ExecutionStatus = "Running"`;
      const listed = async (): Promise<unknown> => {
        for await (const found of site.client.workflow.list({ query })) return found.memo?.['meterSyncStatus'];
        return null;
      };
      await until(async () => ((await listed()) as SiteMemo | null)?.verdict.verdict === 'paused', {
        what: 'the memo in the list of workflows',
      });
      await site.handle.signal('stop');
      await site.handle.result();
      expect((await site.handle.describe()).memo?.['meterSyncStatus']).toMatchObject({ state: 'stopped' });
    });
  });

  test('the oldest reading can be searched for while it is old, and is gone when nothing old waits', async (context) => {
    await withSite(context, { intervalMs: 100, maxCyclesPerRun: 2 }, async (site) => {
      const { handle, client, fake } = site;
      const shown = async (): Promise<Date | undefined> =>
        (await handle.describe()).typedSearchAttributes.get(SITE_KEYS.oldest);
      await site.cycled(5);
      expect(await shown()).toBeUndefined();
      const yesterday = new Date(Date.now() - 20 * LONG_MS);
      fake.upload = () => anUpload({ queueSize: 1, oldestUnsynced: yesterday.toISOString() });
      await until(async () => (await shown())?.getTime() === yesterday.getTime(), { what: 'the old reading is shown' });
      const query = `MeterSyncSite = "${site.siteId}" and MeterSyncOldest < "${new Date().toISOString()}" and ExecutionStatus = "Running"`;
      const isFound = async (): Promise<boolean> => (await client.workflow.count(query)).count === 1;
      await until(isFound, { what: 'it is found by a search' });
      const { cycles } = await site.status();
      await site.cycled(cycles + 5);
      expect(await shown()).toEqual(yesterday); // in another run
      fake.upload = () => anUpload();
      await until(async () => (await shown()) === undefined, { what: 'nothing old waits' });
      await until(async () => !(await isFound()), { what: 'it is found no longer' });
    });
  });

  test('search attributes follow the resting state, and every activity and handler says what it is for', async (context) => {
    await withSite(context, { intervalMs: LONG_MS }, async (site) => {
      await site.cycled(1);
      const attributes = async (): Promise<unknown> => (await site.handle.describe()).searchAttributes;
      await until(async () => JSON.stringify(await attributes()).includes('"healthy"'), {
        what: 'the health is published',
      });
      expect(await attributes()).toMatchObject({
        MeterSyncSite: [site.siteId],
        MeterSyncState: ['idle'],
        MeterSyncHealth: ['healthy'],
        MeterSyncLag: ['current'],
      });
      const { events } = await site.handle.fetchHistory();
      const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
      expect(scheduled).toHaveLength(3);
      for (const event of scheduled) expect(event.userMetadata?.summary).toBeTruthy();
      await site.handle.signal('stop');
      await site.handle.result();
      expect(await attributes()).toMatchObject({ MeterSyncState: ['stopped'] });
    });
  });
});
