import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CARDS, isFine, VERDICTS } from '../../src/model/finding.js';
import { NOTHING_SEEN, type PendingActivity } from '../../src/model/observation.js';
import type { SchedulerState } from '../../src/model/state.js';
import { type Status, toStatus } from '../../src/model/status.js';
import { judge, type Verdict } from '../../src/model/verdict.js';
import { aDownload, aFailure, aHeldDownload, anUpload, aState, failed, START, succeeded } from './builders.js';

const NOW = START + 10_000;
const OBSERVED = { ...aState().observed, queueSize: 0, observedAt: new Date(START).toISOString() };
const LOST = { readings: 250, batches: 3, firstTime: null, lastTime: null, since: '2026-01-01T00:00:00Z', days: [] };

function aStatus(changes: Partial<SchedulerState> = {}): Status {
  const healthy = { upload: succeeded(anUpload()), meters: succeeded(aDownload()), tenants: succeeded(aDownload()) };
  const lastCycle = { endedAt: START, ok: true, error: null };
  return toStatus('north', aState({ ...healthy, lastCycle, observed: OBSERVED, nextTickAt: NOW + 50_000, ...changes }));
}

const judged = (changes: Partial<SchedulerState>): Verdict => judge(aStatus(changes), NOW);

function pending(changes: Partial<PendingActivity> = {}): PendingActivity {
  return {
    ...{ name: 'uploadReadings', attempt: 1, lastFailure: null, lastReport: null },
    ...{ isStarted: true, scheduledAt: null, taskQueue: null, progress: null },
    ...changes,
  };
}

const seen = (...activities: PendingActivity[]): typeof NOTHING_SEEN => ({ ...NOTHING_SEEN, pending: activities });

test('a site of which nothing is wrong is healthy, and there is nothing to do', () => {
  expect(judged({})).toMatchObject({ verdict: 'healthy', actor: 'nobody', next: null, also: [] });
});

test('before the first cycle has ended nothing is called healthy', () => {
  const status = toStatus('north', aState());
  expect(judge(status, NOW)).toMatchObject({ verdict: 'catchingUp', reason: 'the first cycle has not ended yet' });
});

test('a backlog says how much is left, how fast it goes and how long it takes', () => {
  const upload = succeeded(anUpload({ more: true, removed: 50_000, queueSize: 1_000_000 }));
  const observed = { ...OBSERVED, queueSize: 1_000_000 };
  const verdict = judged({ upload: { ...upload, durationMs: 5_000 }, observed });
  expect(verdict.verdict).toBe('catchingUp');
  expect(verdict.reason).toBe(
    'a backlog is uploaded: 1,000,000 readings are left, 10,000 a second, about 1 min 40 s to go',
  );
});

test('readings that do not leave are stuck, since the first failure, and the one who can end it is named', () => {
  const error = aFailure('credentials', { side: 'remote', message: 'no way in', next: 'fix it: meter-sync check' });
  expect(judged({ upload: { ...failed<never>(error), failedSince: '2025-12-31T00:00:00Z' } })).toEqual({
    verdict: 'stuck',
    card: 'credentials',
    since: '2025-12-31T00:00:00Z',
    reason: 'upload: no way in',
    actor: 'remoteDba',
    next: 'fix it: meter-sync check --site north',
    also: [],
  });
});

test('a breaker that is open keeps every cycle back, so the site is stuck although nothing waited', () => {
  const breaker = { unreachableCycles: 3, failedProbes: 0, nextProbeAt: NOW + 1_000, openedAt: START };
  const meters = failed<never>(aFailure('unreachable', { side: 'remote', message: 'no link' }));
  expect(judged({ breaker, meters })).toMatchObject({ verdict: 'stuck', card: 'unreachable', since: iso(0) });
  expect(aStatus({ breaker, meters }).breaker).toEqual({
    ...{ side: 'remote', cause: 'no link', since: iso(0), nextProbeTime: new Date(NOW + 1_000).toISOString() },
  });
});

test('what a person must decide is blocked: a fence, a held download, a loss', () => {
  expect(judged({ upload: failed(aFailure('fenced')) })).toMatchObject({ verdict: 'blocked', card: 'fenced' });
  const held = failed<never>(aFailure('schema', { message: '20 of 40 rows are gone', held: aHeldDownload() }));
  expect(judged({ meters: held })).toMatchObject({
    ...{ verdict: 'blocked', card: 'held', reason: 'meters: 20 of 40 rows are gone', actor: 'operator' },
  });
  expect(judged({ observed: { ...OBSERVED, lostAtRemote: LOST } })).toMatchObject({
    ...{ verdict: 'blocked', card: 'lost', next: 'meter-sync resend --site north --missing' },
  });
});

test('readings that do not leave go before a held download and a loss, and those are told beside them', () => {
  const verdict = judged({
    upload: failed(aFailure('unreachable', { side: 'remote' })),
    meters: failed(aFailure('schema', { held: aHeldDownload() })),
    observed: { ...OBSERVED, lostAtRemote: LOST },
  });
  expect([verdict, ...verdict.also].map(({ card }) => card)).toEqual(['unreachable', 'lost', 'held']);
});

test('a paused site says who paused it, why, and how much waits; a fence goes before it', () => {
  const observed = { ...OBSERVED, queueSize: 1_234, oldestUnsynced: '2025-12-31T20:00:00.000000Z' };
  const paused = { paused: true, pausedBy: { by: 'anna', reason: 'new meters', at: START } };
  expect(judged({ ...paused, observed })).toMatchObject({
    verdict: 'paused',
    since: iso(0),
    reason: 'the sync is paused by anna (new meters); 1,234 readings wait, the oldest of 2025-12-31 20:00Z',
    next: 'meter-sync resume --site north',
  });
  expect(judged({ ...paused, upload: failed(aFailure('fenced')) }).card).toBe('fenced');
});

test('a stopped site is stopped, whatever failed before, and the next step is its start', () => {
  const verdict = judged({ stopped: true, upload: failed(aFailure('fenced')) });
  expect(verdict).toMatchObject({ verdict: 'stopped', next: 'meter-sync start --site north', also: [] });
});

test('what is wrong beside the readings is a warning: a download, the quarantine, rows left out, a rejection, a long lag, clocks', () => {
  const decided = { decision: 'reject', by: 'anna', at: iso(0) } as const;
  const verdict = judged({
    meters: succeeded(aDownload({ refused: 2, waiting: 1, rejected: aHeldDownload({ decided }) })),
    tenants: failed(aFailure('schema', { side: 'local', message: 'no table' })),
    observed: {
      ...OBSERVED,
      ...{ queueSize: 12_345, oldestUnsynced: '2025-12-31T20:00:00Z', quarantined: 1, clockDifferenceMs: -90_000 },
    },
  });
  expect(verdict.verdict).toBe('warning');
  expect([verdict, ...verdict.also].map(({ reason }) => reason)).toEqual([
    'tenants: no table',
    'meters: 2 rows are refused by the local table',
    'meters: 1 row waits for a row of another table',
    expect.stringMatching(/^table meter: changes of the remote were rejected by anna/),
    '12,345 readings wait, the oldest for 4 h',
    '1 reading is refused by the remote and stays in quarantine at the site',
    "the local server's clock is 1 min 30 s behind the remote's",
  ]);
});

test('operations that fail alike are told once', () => {
  const alike = (): ReturnType<typeof failed<never>> => failed(aFailure('unreachable', { message: 'no link' }));
  expect(judged({ upload: alike(), meters: alike(), tenants: alike() }).also).toEqual([]);
  expect(judged({ meters: alike(), tenants: alike() })).toMatchObject({ reason: 'meters, tenants: no link', also: [] });
});

test('an attempt that failed is told while it is tried again: at once, and not when the last one has failed', () => {
  const retried = pending({ attempt: 3, lastFailure: 'no link', isStarted: false });
  expect(judge(aStatus(), NOW, seen(retried))).toMatchObject({
    verdict: 'stuck',
    reason: 'upload failed and is tried again, attempt 3: no link',
  });
  const report = aFailure('credentials', { side: 'local', message: 'no way in', next: 'call the DBA' });
  expect(judge(aStatus(), NOW, seen({ ...retried, lastReport: report }))).toMatchObject({
    ...{ card: 'credentials', actor: 'localDba', next: 'call the DBA' },
  });
  const download = pending({ ...retried, name: 'downloadMeters' });
  expect(judge(aStatus(), NOW, seen(download)).verdict).toBe('warning');
});

test('an activity that no worker takes makes the site offline, after the seconds in which one would', () => {
  const at = (ageMs: number): PendingActivity =>
    pending({ isStarted: false, scheduledAt: new Date(NOW - ageMs).toISOString() });
  expect(judge(aStatus(), NOW, seen(at(1_000))).verdict).toBe('healthy');
  expect(judge(aStatus(), NOW, seen(at(60_000)))).toMatchObject({ verdict: 'offline', since: iso(-50_000) });
});

test('an upload that was given up since no worker took it makes the site offline by itself', () => {
  const error = aFailure('unreachable', { message: 'no worker has taken it', workerAway: true });
  expect(judged({ upload: failed(error) })).toMatchObject({ verdict: 'offline', card: 'offline' });
});

test('what an attempt waits for is told, as stuck after a minute; what other versions tell is left alone', () => {
  const waits = (ageMs: number): unknown => ({
    removed: 1,
    waiting: [{ side: 'remote', message: 'no answer to COPY', since: new Date(NOW - ageMs).toISOString() }, { a: 1 }],
  });
  const verdict = (progress: unknown): Verdict => judge(aStatus(), NOW, seen(pending({ progress })));
  expect(verdict(waits(18_000))).toMatchObject({
    ...{ verdict: 'warning', card: 'waiting', actor: 'remoteDba', reason: 'upload: no answer to COPY', also: [] },
  });
  expect(verdict(waits(60_000)).verdict).toBe('stuck');
  expect(verdict({ waiting: 'x' }).verdict).toBe('healthy');
});

test('a cycle that takes longer than two intervals is overdue, with what it is doing', () => {
  const running = { kind: 'full', startedAt: START } as const;
  const at = (ms: number): Verdict =>
    judge(aStatus({ running }), START + ms, seen(pending({ name: 'downloadMeters' })));
  expect(at(119_000).verdict).toBe('healthy');
  expect(at(120_000)).toMatchObject({
    verdict: 'overdue',
    since: iso(0),
    reason: 'the cycle takes longer than two intervals of 1 min; under way: download of meters',
  });
});

test('a site of which nothing was heard for three intervals is overdue', () => {
  const status = aStatus({ nextTickAt: START });
  expect(judge(status, START + 179_000).verdict).toBe('healthy');
  expect(judge(status, START + 180_000)).toMatchObject({ verdict: 'overdue', since: iso(0) });
});

test('a workflow task that fails goes before a missing worker, and before all else of a site that runs', () => {
  const failingTask = { attempt: 4, since: iso(0), message: 'no such patch' };
  const absentWorker = { message: 'No worker answers', next: 'meter-sync worker', lastSeenAt: null };
  const status = aStatus({ upload: failed(aFailure('fenced')) });
  expect(judge(status, NOW, { ...NOTHING_SEEN, failingTask, absentWorker })).toMatchObject({
    ...{ verdict: 'stuckTask', reason: expect.stringContaining('no such patch') as unknown },
    also: [{ verdict: 'offline' }, { verdict: 'blocked' }],
  });
});

const aKind = fc.constantFrom('unreachable', 'credentials', 'fenced', 'data', 'unexpected') as fc.Arbitrary<'data'>;
const anOutcome = <Result>(result: Result): fc.Arbitrary<ReturnType<typeof succeeded<Result>> | null> =>
  fc.oneof(
    fc.constant(null),
    fc.constant(succeeded(result)),
    aKind.map((kind) => failed<Result>(aFailure(kind))),
  );

test('whatever a site is like, one verdict holds, its card exists, and an alarm says what to do', () => {
  const states = fc.record({
    upload: anOutcome(anUpload()),
    meters: anOutcome(aDownload()),
    tenants: anOutcome(aDownload()),
    paused: fc.boolean(),
    stopped: fc.boolean(),
  });
  fc.assert(
    fc.property(states, fc.nat(1_000_000), (changes, passedMs) => {
      const verdict = judge(aStatus(changes), START + passedMs, NOTHING_SEEN);
      for (const finding of [verdict, ...verdict.also]) {
        expect(VERDICTS).toContain(finding.verdict);
        expect(CARDS).toContain(finding.card);
        if (!isFine(finding)) expect(finding.next).not.toBeNull();
      }
      if (changes.upload?.ok === false) expect(isFine(verdict)).toBe(false);
    }),
  );
});

function iso(offsetMs: number): string {
  return new Date(START + offsetMs).toISOString();
}
