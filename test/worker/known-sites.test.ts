import { expect, test } from 'vitest';
import type { AttemptEvent } from '../../activities/heard.js';
import type { FailureReport } from '../../src/model/failures.js';
import { toMemo } from '../../src/model/memo.js';
import { openState } from '../../src/model/state.js';
import { type StatusFacts, toFacts } from '../../src/model/status-facts.js';
import { toStatus } from '../../src/model/status.js';
import type { SiteRecord } from '../../src/temporal/site-record.js';
import { createKnownSites, type KnownSites } from '../../src/worker/watch/known-sites.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const RUN = { runId: 'run-1', historyLength: 100 };
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
  sites.hearStatus(healthy(NOW), RUN);
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
  sites.hearStatus(healthy(NOW), RUN);
  sites.hearAttempt(failed);
  clock.at += 70_000;
  sites.hearStatus(healthy(clock.at), RUN);
  expect(word()).toBe('healthy');
});

test('what an attempt waits for is a warning, and no longer one when it is over', () => {
  const { sites, word } = open();
  sites.hearStatus(healthy(NOW), RUN);
  sites.hearAttempt(begun);
  const wait = { side: 'remote', message: 'a lock', since: new Date(NOW).toISOString() } as const;
  sites.hearAttempt({ ...upload, what: 'waits', waiting: [wait] });
  expect(word()).toBe('warning');
  sites.hearAttempt({ ...upload, what: 'waits', waiting: [] });
  expect(word()).toBe('healthy');
});

test('a worker that has lost Temporal judges all its sites offline', () => {
  const { sites, word } = open();
  sites.hearStatus(healthy(NOW), RUN);
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

/** What Temporal says of the site: its memo is that of a site that was paused. */
function recordOf(change: Partial<SiteRecord>): SiteRecord {
  const state = { ...openState({ siteId: 'north' }, NOW), paused: true };
  return {
    ...{ siteId: 'north', workflowId: 'meter-sync:north', runId: 'run-1', firstRunId: 'run-1', historyLength: 100 },
    ...{ taskQueue: 'q', startedAt: '', closing: null, pending: [], failingTask: null },
    lastKnown: { state: null, health: null, lag: null },
    memo: toMemo(toStatus('north', state), NOW),
    ...change,
  };
}

test('a site that was silent from the start is looked up: paused, never started, or its task fails', () => {
  const { sites, clock, word } = open();
  expect(sites.listSilent(NOW)).toEqual(['north']);
  sites.hearRecord('north', recordOf({}));
  expect(word()).toBe('paused');
  expect(sites.listSilent(NOW + 59_000)).toEqual([]);
  expect(sites.listSilent(NOW + 61_000)).toEqual(['north']);
  sites.hearRecord('north', null);
  expect(word()).toBe('stopped');
  sites.hearRecord('north', recordOf({ failingTask: { attempt: 3, since: null, message: null } }));
  expect(word()).toBe('stuckTask');
  sites.hearRecord('north', recordOf({ closing: { how: 'TERMINATED', closedAt: null } }));
  expect(word()).toBe('stopped');
  clock.at += 1;
  sites.hearStatus(healthy(clock.at), RUN);
  expect(word()).toBe('healthy'); // its own word is newer
});

test("a site that ran, and of which Temporal knows nothing any more, is told as lost with Temporal's data", () => {
  const { sites, clock } = open();
  sites.hearStatus(healthy(NOW), RUN);
  clock.at += 66_000;
  sites.hearRecord('north', null);
  const [site] = sites.list(clock.at, null);
  const reason = expect.stringContaining("Temporal's data was lost") as string;
  expect(site?.verdict).toMatchObject({ verdict: 'stopped', reason, next: 'meter-sync start --site north' });
});

test('a site that has gone on elsewhere is not overdue here; one that has not, is', () => {
  const { sites, clock, word } = open();
  sites.hearStatus(healthy(NOW), RUN);
  expect(sites.listSilent(NOW + 64_000)).toEqual([]); // due in a minute
  expect(sites.listSilent(NOW + 66_000)).toEqual(['north']);
  clock.at += 241_000;
  expect(sites.listSilent(clock.at)).toEqual(['north']);
  sites.hearRecord('north', recordOf({ historyLength: 103 }));
  expect(word()).toBe('overdue');
  sites.hearRecord('north', recordOf({ historyLength: 130 }));
  expect(word()).toBe('paused');
  sites.hearRecord('north', recordOf({ runId: 'run-2', historyLength: 5 }));
  expect(word()).toBe('paused');
});
