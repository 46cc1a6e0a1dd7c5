import { expect, test } from 'vitest';
import { renderStatus, type Shown } from '../../src/cli/render-status.js';
import { judgeSafety, judgeSafetyOfMemo } from '../../src/cli/safety.js';
import { toDetails } from '../../src/model/details.js';
import { type SiteMemo, toMemo } from '../../src/model/memo.js';
import { NOTHING_SEEN } from '../../src/model/observation.js';
import type { SchedulerState } from '../../src/model/state.js';
import { type Status, toStatus } from '../../src/model/status.js';
import { judge, judgeSilence } from '../../src/model/verdict.js';
import { aDownload, aFailure, aHeldDownload, anUpload, aState, failed, START, succeeded } from '../model/builders.js';

const NOW = START + 10_000;
const OBSERVED = {
  ...aState().observed,
  queueSize: 0,
  totalRecordsSynced: 7,
  observedAt: new Date(START).toISOString(),
};

const AS_KNOWN = { verdict: 'stuck', isRefreshed: false } as const;

const plain = {
  paint: (_: unknown, text: string) => text,
  table: (_: unknown, rows: readonly (readonly string[])[]) => rows.join('\n'),
};

function aStatus(changes: Partial<SchedulerState> = {}): Status {
  const healthy = { upload: succeeded(anUpload()), meters: succeeded(aDownload()), tenants: succeeded(aDownload()) };
  const lastCycle = { endedAt: START, ok: true, error: null };
  return toStatus('north', aState({ ...healthy, lastCycle, observed: OBSERVED, ...changes }));
}

function toLines(status: Status, shown: Partial<Shown> = {}): string[] {
  return renderStatus(status, { verdict: judge(status, NOW), now: NOW, ...shown }, plain).split('\n');
}

test('the verdict stands first, then the three questions; a healthy site has nothing to do', () => {
  expect(toLines(aStatus()).slice(0, 4)).toEqual([
    'Site north: healthy',
    expect.stringMatching(/^Is every reading safe\? +yes: 7 proved safe on the remote, 0 waiting at the site/),
    expect.stringMatching(/^Is anything stuck\? +no$/),
    expect.stringMatching(/^What to do now\? +nothing$/),
  ]);
});

test('what is unknown reads unknown, and a queue that nobody has counted yet is never zero', () => {
  const status = toStatus('north', aState());
  expect(toLines(status).join('\n')).toContain('meters,unknown local, unknown remote');
  const { safe } = { safe: judgeSafety(aStatus({ observed: { ...OBSERVED, queueSize: null } }), NOW, AS_KNOWN) };
  expect(safe).toMatchObject({ mark: 'warning', text: expect.stringContaining('not known yet') as unknown });
});

test('a site that is stuck says since when, why, who must act and what to type', () => {
  const error = aFailure('credentials', { side: 'remote', message: 'no way in', next: 'fix the password' });
  const [heading, , stuck, next] = toLines(aStatus({ upload: { ...failed<never>(error), failedSince: iso(-60_000) } }));
  expect(heading).toBe('Site north: stuck since 2025-12-31 23:59:00Z (1 min 10 s ago)');
  expect(stuck).toContain('upload: no way in (since 2025-12-31 23:59:00Z');
  expect(next).toMatch(/^What to do now\? +the remote database's DBA: fix the password$/);
});

test('a loss at the remote is never beside an ok: not in the answers, the figures or Web UI', () => {
  const lost = { readings: 250, batches: 3, firstTime: null, lastTime: null, since: '2026-01-01T00:00:00Z', days: [] };
  const status = aStatus({
    upload: succeeded(anUpload({ lostAtRemote: lost })),
    observed: { ...OBSERVED, lostAtRemote: lost },
  });
  const lines = toLines(status);
  expect(lines[0]).toContain('Site north: blocked');
  expect(lines[1]).toContain('no: the remote has lost 250');
  expect(lines[3]).toContain('meter-sync resend --site north --missing');
  expect(lines.join('\n')).toContain('lost at the remote,250 readings of 3 batches');
  expect(toDetails(status)).toContain('lacks 250 readings of 3 batches');
});

test('while the upload fails, readings that were counted before it are not told as counted now', () => {
  const status = aStatus({ upload: failed(aFailure('data')) });
  const safe = judgeSafety(status, NOW, AS_KNOWN);
  expect(safe.mark).toBe('warning');
  expect(safe.text).toContain('0 waited at the last count');
  expect(safe.text).not.toContain('(seen');
  expect(judgeSafety(status, NOW, { ...AS_KNOWN, isRefreshed: true }).text).toContain('0 waiting at the site (seen');
});

test('while nothing is heard of a site, what waited then is not told as what waits', () => {
  const safe = judgeSafety(aStatus(), NOW, { verdict: 'offline', isRefreshed: false });
  expect(safe).toMatchObject({
    mark: 'warning',
    text: expect.stringContaining('0 waited when it was last heard of') as unknown,
  });
});

test('without a status the memo is told dated: its loss and its fence, and what waited then not as what waits', () => {
  const lost = { readings: 250, batches: 3, firstTime: null, lastTime: null, since: iso(0), days: [] };
  const memoOf = (changes: Partial<SchedulerState>): SiteMemo => toMemo(aStatus(changes), START);
  expect(judgeSafetyOfMemo(memoOf({}), NOW)).toMatchObject({
    ...{ mark: 'warning', text: expect.stringContaining('0 waited when it was last heard of, 2026-01-01') as unknown },
  });
  const memo = memoOf({ observed: { ...OBSERVED, lostAtRemote: lost } });
  expect(judgeSafetyOfMemo(memo, NOW)).toMatchObject({
    mark: 'bad',
    text: expect.stringMatching(/^no: .*250/) as unknown,
  });
  expect(judgeSafetyOfMemo(memoOf({ upload: failed(aFailure('fenced')) }), NOW).mark).toBe('bad');

  const absentWorker = { message: 'No worker answers', next: 'meter-sync worker', lastSeenAt: null };
  const verdict = judgeSilence('north', { ...NOTHING_SEEN, absentWorker }, memo.verdict);
  expect(verdict).toMatchObject({ verdict: 'offline', also: [{ verdict: 'blocked', card: 'lost' }] });
});

test('an upload under way tells how far it is, how fast, and how long it still takes where that is known', () => {
  const pending = [
    {
      ...{ name: 'uploadReadings', attempt: 1, lastFailure: null, lastReport: null },
      ...{ isStarted: true, scheduledAt: null, taskQueue: null },
      progress: { removed: 120_000, batches: 24 },
    },
  ];
  const running = { ...aState().running, startedAt: START } as SchedulerState['running'];
  const known = aStatus({ running, observed: { ...OBSERVED, queueSize: 720_000 } });
  expect(toLines(known, { pending })).toContain(
    'under way,upload: 120,000 readings in 24 batches, 12,000 a second, about 50 s to go',
  );
  const first = aStatus({ running, observed: { ...OBSERVED, queueSize: null } });
  expect(toLines(first, { pending })).toContain('under way,upload: 120,000 readings in 24 batches, 12,000 a second');
});

test('a held download is told as held, and never as up to date', () => {
  const error = aFailure('schema', { message: '20 of 40 rows are gone', held: aHeldDownload() });
  const lines = toLines(aStatus({ meters: failed(error) }));
  expect(lines[0]).toContain('Site north: blocked');
  expect(lines.filter((line) => line.startsWith('meters,') && line.includes('held for a person'))).toHaveLength(1);
});

test('a further table that has failed is told, and the meters beside it are not called up to date', () => {
  const error = aFailure('schema', { table: 'element', message: 'no table element' });
  const status = aStatus({ meters: { ...succeeded(aDownload({ furtherFailures: [error] })), ok: false, error } });
  const lines = toLines(status);
  expect(lines.filter((line) => line.startsWith('meters,') && line.includes('element: failed (schema)'))).toHaveLength(
    1,
  );
  expect(lines.filter((line) => line.startsWith('meters,') && line.includes('up to date'))).toEqual([]);
});

test('a fence is told the same for one history with two senders as for two histories: a person decides first', () => {
  const safe = judgeSafety(aStatus({ upload: failed(aFailure('fenced')) }), NOW, AS_KNOWN);
  expect(safe.mark).toBe('bad');
  expect(safe.text).toContain('not certain until someone resolves the fence');
  expect(safe.text).toContain('meter-sync verify --site north');
});

function iso(offsetMs: number): string {
  return new Date(START + offsetMs).toISOString();
}
