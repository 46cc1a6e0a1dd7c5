import { expect, test } from 'vitest';
import { recordOutcome, recordProbe } from '../../src/model/cycle.js';
import { mergeDownloads } from '../../src/model/download-outcome.js';
import { toDetails } from '../../src/model/details.js';
import { correctOldest, judgeLag, toLagBucket } from '../../src/model/lag.js';
import type { SchedulerState } from '../../src/model/state.js';
import { toStatus } from '../../src/model/status.js';
import { aDownload, aFailure, anUpload, aState, failed, START, succeeded } from './builders.js';

const HOUR_MS = 3_600_000;

const FIELDS =
  'siteId state isRunning startedAt intervalMs nextSyncTime lastSyncTime lastSyncSuccess lastSuccessTime lastSyncError cycles skippedTicks consecutiveFailures queueSize queueSizeIsEstimate oldestUnsynced quarantined lostAtRemote signingKey totalRecordsSynced localMeterCount remoteMeterCount localTenantCount remoteTenantCount localDbConnected remoteDbConnected observedAt uploadWaitsUntil upload meters tenants backlog breaker chainHead clockDifferenceMs cycleStartedAt pausedBy verdict'.split(
    ' ',
  );

test('every field is there from the first moment, survives JSON, and what is not known is null', () => {
  const status = JSON.parse(JSON.stringify(toStatus('a', aState()))) as Record<string, unknown>;
  expect(Object.keys(status).sort()).toEqual([...FIELDS].sort());
  for (const field of [
    'queueSize',
    'quarantined',
    'totalRecordsSynced',
    'remoteDbConnected',
    'lastSyncTime',
    'upload',
  ]) {
    expect(status[field]).toBeNull();
  }
});

test('a site that waits for its person, its database or its end says so in one word', () => {
  expect(toStatus('a', aState()).state).toBe('idle');
  expect(toStatus('a', aState({ paused: true }))).toMatchObject({ state: 'paused', nextSyncTime: null });
  expect(toStatus('a', aState({ running: { kind: 'full', startedAt: START } })).state).toBe('syncing');
  expect(toStatus('a', aState({ running: { kind: 'full', startedAt: START }, stopRequested: true })).state).toBe(
    'stopping',
  );
  expect(toStatus('a', aState({ consecutiveFailures: 1 })).state).toBe('degraded');
  expect(toStatus('a', aState({ stopRequested: true, stopped: true }))).toMatchObject({
    state: 'stopped',
    isRunning: false,
  });
  const backlog = recordOutcome(aState(), 'upload', succeeded(anUpload({ more: true, removed: 5 })));
  expect(toStatus('a', backlog).state).toBe('catchingUp');
});

test('a connection is what the last operation saw of it: refused by the server is connected, not let in is not', () => {
  const seen = (report: ReturnType<typeof aFailure>): unknown =>
    recordOutcome(aState(), 'upload', failed(report)).observed.remoteDbConnected;
  expect(seen(aFailure('unreachable', { side: 'remote' }))).toBe(false);
  expect(seen(aFailure('credentials', { side: 'remote', sqlstate: '28P01' }))).toBe(false);
  expect(seen(aFailure('credentials', { side: 'remote', sqlstate: '42501' }))).toBe(true);
  expect(seen(aFailure('unexpected'))).toBeNull();
});

test('a failed probe says nothing of the databases', () => {
  const state = recordOutcome(aState(), 'meters', succeeded(aDownload()));
  expect(recordProbe(state, null, { now: START, random: 0 }).observed).toEqual(state.observed);
});

test('a lag has few values, and none that changes at each cycle', () => {
  const ago = (ms: number): string => new Date(START - ms).toISOString();
  expect(toLagBucket(null, null, START)).toBe('unknown');
  expect(toLagBucket(0, null, START)).toBe('current');
  expect(toLagBucket(5, null, START)).toBe('unknown');
  expect(toLagBucket(5, ago(60_000), START)).toBe('current');
  expect(toLagBucket(5, ago(30 * 60_000), START)).toBe('under1h');
  expect(toLagBucket(5, ago(5 * 3_600_000), START)).toBe('under1d');
  expect(toLagBucket(5, ago(5 * 86_400_000), START)).toBe('over1d');
});

test('the oldest reading is shown when it is old, in another bucket than was shown, and as of 1970 at the earliest', () => {
  const ago = (ms: number): Date => new Date(START - ms);
  const waits = (oldestUnsynced: string | null, queueSize = 5): SchedulerState =>
    recordOutcome(aState(), 'upload', succeeded(anUpload({ queueSize, oldestUnsynced })));
  const old = waits(ago(5 * HOUR_MS).toISOString());
  expect(correctOldest(undefined, old, START)).toEqual(ago(5 * HOUR_MS));
  expect(correctOldest(ago(HOUR_MS * 20), old, START)).toBeUndefined();
  expect(correctOldest(ago(HOUR_MS * 30), old, START)).toEqual(ago(5 * HOUR_MS));
  expect(correctOldest(ago(HOUR_MS), waits(null, 0), START)).toBeNull();
  expect(correctOldest(ago(HOUR_MS), waits(ago(1_000).toISOString()), START)).toBeNull();
  expect(correctOldest(ago(HOUR_MS), aState(), START)).toBeNull();
  expect(correctOldest(undefined, waits(null, 0), START)).toBeUndefined();
  expect(correctOldest(undefined, waits('-000044-03-15T00:00:00.000Z'), START)).toEqual(new Date(0));
  expect(correctOldest(undefined, waits('infinity'), START)).toBeUndefined();
});

test('two downloads of a cycle add up, and their lists stay bounded', () => {
  const rows = Array.from({ length: 15 }, (_, index) => ({ key: [String(index)], name: null }));
  const merged = mergeDownloads(
    aDownload({ inserted: 15, waiting: 2, newRows: rows }),
    aDownload({ inserted: 15, localCount: 30, newRows: rows }),
  );
  expect(merged).toMatchObject({ inserted: 30, waiting: 0, localCount: 30 });
  expect(merged.newRows).toHaveLength(20);
});

test('the page in Web UI names each failure and what to do about it', () => {
  const state = recordOutcome(
    aState(),
    'upload',
    failed(aFailure('schema', { message: 'no table x', next: 'run check' })),
  );
  const details = toDetails(toStatus('a', state));
  expect(details).toContain('| upload | 2026-01-01 00:00:00Z | **failed (schema)** | 5 ms |');
  expect(details).toContain('no table x');
  expect(details).toContain('run check');
});

test('a command in the details is code, so that Web UI does not make a dash of its options', () => {
  const next = 'Ask the DBA of that database to grant <select> on a*b*, then run: meter-sync check';
  const state = recordOutcome(aState(), 'upload', failed(aFailure('credentials', { side: 'remote', next })));
  const details = toDetails(toStatus('north', state));
  expect(details).toContain(
    '**What to do**: Ask the DBA of the remote database to grant \\<select> on a\\*b\\*, then run: `meter-sync check --site north`',
  );
});

test('the row of the meters is not up to date where a further table has failed, and names it', () => {
  const furtherFailures = [aFailure('schema', { table: 'element', message: 'no table element' })];
  const state = recordOutcome(aState(), 'meters', succeeded(aDownload({ furtherFailures })));
  const status = toStatus('a', state);
  expect(status.meters).toMatchObject({ ok: false, error: { table: 'element' } });
  expect(toDetails(status)).toContain('| element: failed (schema) |');
});

test('a queue is as old as its last count: neither a download nor a failure makes it younger', () => {
  const counted = recordOutcome(aState(), 'upload', succeeded(anUpload({ observedAt: new Date(START).toISOString() })));
  const later = START + 60_000;
  const state = recordOutcome(
    recordOutcome(counted, 'upload', failed(aFailure('data', { side: 'remote' }), later)),
    'meters',
    succeeded(aDownload({ observedAt: new Date(later).toISOString() }), later),
  );
  expect(toStatus('a', state)).toMatchObject({ queueSize: 0, observedAt: new Date(START).toISOString() });
  expect(toDetails(toStatus('a', state))).toContain('(counted 2026-01-01 00:00:00Z, before the upload failed)');
  expect(judgeLag(counted, START)).toBe('current');
  expect(judgeLag(state, later)).toBe('unknown');
});
