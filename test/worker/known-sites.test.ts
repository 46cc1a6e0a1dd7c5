import { expect, test } from 'vitest';
import type { AttemptEvent } from '../../activities/heard.js';
import type { FailureReport } from '../../src/model/failures.js';
import { openState } from '../../src/model/state.js';
import { type StatusFacts, toFacts } from '../../src/model/status-facts.js';
import { createKnownSites, type KnownSites } from '../../src/worker/watch/known-sites.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const report: FailureReport = {
  ...{ kind: 'unreachable', message: 'no link', sqlstate: null, next: 'wait' },
  ...{ side: 'remote', table: null, column: null, constraint: null },
};
const upload = { siteId: 'north', activity: 'uploadReadings', attempt: 1 } as const;
const begun: AttemptEvent = { ...upload, what: 'begun' };
const failed: AttemptEvent = { ...upload, what: 'failed', report, isTriedAgain: true };
const uploaded: AttemptEvent = {
  ...{ ...upload, what: 'ended', durationMs: 5 },
  result: { queueSize: 3, oldestUnsynced: null, inQuarantine: 0, totalUploaded: 7, removed: 7, more: false },
};

function open(): { sites: KnownSites; clock: { at: number }; word: (lost?: boolean) => string | null } {
  const clock = { at: NOW };
  const sites = createKnownSites([{ siteId: 'north', intervalMs: 60_000 }], () => clock.at);
  const lost = { message: 'no Temporal', next: 'look', lastSeenAt: null };
  const word = (isLost = false): string | null =>
    sites.list(clock.at, isLost ? lost : null)[0]?.verdict?.verdict ?? null;
  return { sites, clock, word };
}

/** A site that has just had a good cycle, as its workflow tells it. */
function healthy(at: number): StatusFacts {
  const told = toFacts('north', openState({ siteId: 'north' }, at));
  const iso = new Date(at).toISOString();
  return { ...told, lastSyncTime: iso, lastSuccessTime: iso, nextSyncTime: new Date(at + 60_000).toISOString() };
}

test('a site of which nothing was heard is not judged', () => {
  expect(open().word()).toBeNull();
});

test('a failed attempt is known at once, and forgotten when the operation has ended well', () => {
  const { sites, word } = open();
  sites.hearStatus(healthy(NOW));
  expect(word()).toBe('healthy');
  sites.hearAttempt(begun);
  sites.hearAttempt(failed);
  expect(word()).toBe('stuck');
  sites.hearAttempt({ ...begun, attempt: 2 });
  expect(word()).toBe('stuck'); // it has not ended yet
  sites.hearAttempt({ ...uploaded, attempt: 2 });
  expect(word()).toBe('healthy');
});

test('a retry that another worker has taken is forgotten', () => {
  const { sites, clock, word } = open();
  sites.hearStatus(healthy(NOW));
  sites.hearAttempt(failed);
  clock.at += 70_000;
  sites.hearStatus(healthy(clock.at));
  expect(word()).toBe('healthy');
});

test('what an attempt waits for is a warning, and no longer one when it is over', () => {
  const { sites, word } = open();
  sites.hearStatus(healthy(NOW));
  sites.hearAttempt(begun);
  const wait = { side: 'remote', message: 'a lock', since: new Date(NOW).toISOString() } as const;
  sites.hearAttempt({ ...upload, what: 'waits', waiting: [wait] });
  expect(word()).toBe('warning');
  sites.hearAttempt({ ...upload, what: 'waits', waiting: [] });
  expect(word()).toBe('healthy');
});

test('a worker that has lost Temporal judges all its sites offline', () => {
  const { sites, word } = open();
  sites.hearStatus(healthy(NOW));
  expect(word(true)).toBe('offline');
});

test('without its workflow a site is judged by its attempts, and by none that is old', () => {
  const { sites, clock, word } = open();
  sites.hearAttempt(begun);
  sites.hearAttempt(uploaded);
  expect(word()).toBe('healthy');
  expect(sites.list(NOW, null)[0]?.facts).toMatchObject({ queueSize: 3, nextSyncTime: null });
  sites.hearAttempt({ ...failed, isTriedAgain: false });
  expect(word()).toBe('stuck');
  clock.at += 181_000;
  expect(word()).toBeNull();
});
