import { expect, test } from 'vitest';
import { renderStatus } from '../../src/cli/render-status.js';
import { isFine, toVerdict } from '../../src/cli/verdict.js';
import { toDetails } from '../../src/model/details.js';
import { judgeHealth } from '../../src/model/health.js';
import type { SchedulerState } from '../../src/model/state.js';
import { type Status, toStatus } from '../../src/model/status.js';
import { aDownload, aFailure, aHeldDownload, anUpload, aState, failed, START, succeeded } from '../model/builders.js';

const NOW = START + 10_000;
const OBSERVED = {
  ...aState().observed,
  queueSize: 0,
  totalRecordsSynced: 7,
  observedAt: new Date(START).toISOString(),
};

const plain = {
  paint: (_: unknown, text: string) => text,
  table: (_: unknown, rows: readonly (readonly string[])[]) => rows.join('\n'),
};

function aStatus(changes: Partial<SchedulerState> = {}): Status {
  const healthy = { upload: succeeded(anUpload()), meters: succeeded(aDownload()), tenants: succeeded(aDownload()) };
  return toStatus('north', aState({ ...healthy, observed: OBSERVED, ...changes }));
}

test('a healthy site is safe, nothing is stuck, and there is nothing to do', () => {
  const verdict = toVerdict(aStatus(), NOW);
  expect(verdict).toMatchObject({ safe: { mark: 'good' }, stuck: [], next: [] });
  expect(verdict.safe.text).toContain('7 proved safe on the remote');
  expect(isFine(aStatus(), verdict)).toBe(true);
});

test('a queue that nobody has seen yet is unknown, never zero', () => {
  const verdict = toVerdict(aStatus({ observed: { ...OBSERVED, queueSize: null } }), NOW);
  expect(verdict.safe).toMatchObject({ mark: 'warning', text: expect.stringContaining('not known yet') as unknown });
});

test('an upload that fails is bad, and says why and what to do', () => {
  const status = aStatus({ upload: failed(aFailure('credentials', { message: 'no way in', next: 'call the DBA' })) });
  const verdict = toVerdict(status, NOW);
  expect(verdict.stuck).toEqual([{ mark: 'bad', text: 'upload: no way in' }]);
  expect(verdict.next).toEqual(['call the DBA']);
  expect(isFine(status, verdict)).toBe(false);
});

test('a loss at the remote is never beside an ok: not in the verdict, the health, the figures or the exit code', () => {
  const lost = { readings: 250, batches: 3, firstTime: null, lastTime: null, since: '2026-01-01T00:00:00Z', days: [] };
  const state = aState({
    upload: succeeded(anUpload({ lostAtRemote: lost })),
    observed: { ...OBSERVED, lostAtRemote: lost },
    lastCycle: { endedAt: START, ok: true, error: null },
  });
  const status = toStatus('north', state);
  const verdict = toVerdict(status, NOW);
  expect(verdict.safe).toMatchObject({
    mark: 'bad',
    text: expect.stringContaining('no: the remote has lost 250') as unknown,
  });
  expect(verdict.next).toEqual(['meter-sync resend --site north --missing']);
  expect(isFine(status, verdict)).toBe(false);
  expect(judgeHealth(state)).toBe('warning');
  expect(renderStatus(status, verdict, NOW, plain)).toContain('lost at the remote,250 readings of 3 batches');
  expect(toDetails(status, 'warning')).toContain('**Lost at the remote**: 250 readings of 3 batches');
});

test('a download that fails is a warning, and the site is still fine', () => {
  const status = aStatus({ meters: failed(aFailure('schema')) });
  const verdict = toVerdict(status, NOW);
  expect(verdict.stuck).toMatchObject([{ mark: 'warning' }]);
  expect(isFine(status, verdict)).toBe(true);
});

test('a stopped site is not fine, and the next step is its start; a paused one is to be resumed', () => {
  const stopped = aStatus({ stopped: true });
  expect(toVerdict(stopped, NOW).next).toEqual(['meter-sync start --site north']);
  expect(isFine(stopped, toVerdict(stopped, NOW))).toBe(false);
  expect(toVerdict(aStatus({ paused: true }), NOW).next).toEqual(['meter-sync resume --site north']);
});

test('readings that wait for hours are told with their number and age', () => {
  const observed = { ...OBSERVED, queueSize: 12_345, oldestUnsynced: '2025-12-31T20:00:00.000000Z' };
  expect(toVerdict(aStatus({ observed }), NOW).stuck[0]?.text).toMatch(/12,345 readings wait.*4 h/);
});

test('rows that are left out are told with their table', () => {
  const meters = succeeded(aDownload({ refused: 2, waiting: 1 }));
  expect(toVerdict(aStatus({ meters }), NOW).stuck.map(({ text }) => text)).toEqual([
    'meters: 2 rows are refused by the local table',
    'meters: 1 rows wait for a row of another table',
  ]);
});

test('the three questions stand first, and what is unknown reads unknown', () => {
  const status = toStatus('north', aState());
  const lines = renderStatus(status, toVerdict(status, NOW), NOW, plain).split('\n');
  expect(lines[1]).toMatch(/^Is every reading safe\?/);
  expect(lines[2]).toMatch(/^Is anything stuck\?/);
  expect(lines[3]).toMatch(/^What to do now\?/);
  expect(lines.join('\n')).toContain('meters,unknown local, unknown remote');
});

test('an attempt that failed is told while it is tried again, and is no reason for an alarm yet', () => {
  const retried = {
    name: 'uploadReadings',
    attempt: 3,
    lastFailure: 'no link',
    isStarted: false,
    scheduledAt: null,
    taskQueue: null,
    progress: null,
  };
  const verdict = toVerdict(aStatus(), NOW, { pending: [retried] });
  expect(verdict.stuck[0]?.text).toMatch(/uploadReadings is tried again \(attempt 3\): no link/);
  expect(verdict.next).toEqual(['meter-sync check --site north']);
  expect(isFine(aStatus(), verdict)).toBe(true);
});

test('an activity that no worker takes is bad, after the seconds in which one would', () => {
  const at = (ageMs: number) => ({
    ...{ name: 'uploadReadings', attempt: 1, lastFailure: null, isStarted: false, taskQueue: null, progress: null },
    scheduledAt: new Date(NOW - ageMs).toISOString(),
  });
  expect(toVerdict(aStatus(), NOW, { pending: [at(1_000)] }).stuck).toEqual([]);
  expect(toVerdict(aStatus(), NOW, { pending: [at(60_000)] }).stuck).toMatchObject([{ mark: 'bad' }]);
});

test('while the upload fails, readings that were counted before it are not told as counted now', () => {
  const status = aStatus({ upload: failed(aFailure('data')) });
  const { safe } = toVerdict(status, NOW);
  expect(safe.mark).toBe('warning');
  expect(safe.text).toContain('0 waited at the last count');
  expect(safe.text).not.toContain('(seen');
  expect(toVerdict(status, NOW, { isRefreshed: true }).safe.text).toContain('0 waiting at the site (seen');
});

test('operations that fail alike are told in one line', () => {
  const alike = () => failed<never>(aFailure('unreachable', { message: 'no link' }));
  const { stuck } = toVerdict(aStatus({ upload: alike(), meters: alike(), tenants: alike() }), NOW);
  expect(stuck).toEqual([{ mark: 'bad', text: 'upload, meters, tenants: no link' }]);
});

const UNDER_WAY = {
  ...{ name: 'uploadReadings', attempt: 1, lastFailure: null },
  ...{ isStarted: true, scheduledAt: null, taskQueue: null },
};

test('what an attempt waits for is told while it waits, and what other versions tell is left alone', () => {
  const since = new Date(NOW - 18_000).toISOString();
  const waits = [
    { side: 'remote', message: 'remote database: nothing comes while COPY is waited for', since },
    { a: 1 },
  ];
  const verdict = toVerdict(aStatus(), NOW, { pending: [{ ...UNDER_WAY, progress: { removed: 1, waiting: waits } }] });
  expect(verdict.stuck).toEqual([
    {
      mark: 'warning',
      text: 'uploadReadings: remote database: nothing comes while COPY is waited for (since 18 s)',
    },
  ]);
  expect(verdict.next).toEqual(['meter-sync check --site north']);
  expect(toVerdict(aStatus(), NOW, { pending: [{ ...UNDER_WAY, progress: { waiting: 'x' } }] }).stuck).toEqual([]);
});

test('an upload under way tells what it has done so far', () => {
  const status = aStatus();
  const pending = [{ ...UNDER_WAY, progress: { removed: 120_000, batches: 24 } }];
  const text = renderStatus(status, toVerdict(status, NOW, { pending }), NOW, plain, pending);
  expect(text).toContain('uploadReadings: 120,000 readings in 24 batches so far');
});

test('a held download is a warning with its numbers, and tells the next command', () => {
  const next = 'meter-sync downloads show --site north --table meter';
  const error = aFailure('schema', { message: '20 of 40 rows are gone', next, held: aHeldDownload() });
  const status = aStatus({ meters: failed(error) });
  const verdict = toVerdict(status, NOW);
  expect(verdict).toMatchObject({ stuck: [{ mark: 'warning', text: 'meters: 20 of 40 rows are gone' }], next: [next] });
  expect(renderStatus(status, verdict, NOW, plain)).toContain('held for a person');
  expect(isFine(status, verdict)).toBe(true);
});

test('a further table that has failed is told, and the meters beside it are not called up to date', () => {
  const error = aFailure('schema', { table: 'element', message: 'no table element' });
  const status = aStatus({ meters: { ...succeeded(aDownload({ furtherFailures: [error] })), ok: false, error } });
  const lines = renderStatus(status, toVerdict(status, NOW), NOW, plain).split('\n');
  expect(lines.filter((line) => line.startsWith('meters,') && line.includes('element: failed (schema)'))).toHaveLength(
    1,
  );
  expect(lines.filter((line) => line.startsWith('meters,') && line.includes('up to date'))).toEqual([]);
});

test('rejected changes are told, and the site is in good health', () => {
  const decided = { decision: 'reject', by: 'anna', at: new Date(START).toISOString() } as const;
  const rejected = aHeldDownload({ decided });
  const meters = succeeded(aDownload({ rejected }));
  const status = aStatus({ meters });
  const verdict = toVerdict(status, NOW);
  expect(verdict.stuck).toMatchObject([{ text: expect.stringContaining('rejected by anna') as unknown }]);
  expect(verdict.next).toEqual(['meter-sync downloads show --site north --table meter']);
  const lastCycle = { endedAt: START, ok: true, error: null };
  expect(judgeHealth(aState({ upload: succeeded(anUpload()), meters, lastCycle }))).toBe('ok');
});

test('a fence is told the same for one history with two senders as for two histories: a person decides first', () => {
  const { safe } = toVerdict(aStatus({ upload: failed(aFailure('fenced')) }), NOW);
  expect(safe.mark).toBe('bad');
  expect(safe.text).toContain('not certain until a person has decided on the fence');
  expect(safe.text).toContain('meter-sync verify --site north');
});
