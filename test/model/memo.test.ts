import { expect, test } from 'vitest';
import { recordOutcome } from '../../src/model/cycle.js';
import { isMemoDue, readMemo, toMemo } from '../../src/model/memo.js';
import type { SchedulerState } from '../../src/model/state.js';
import { toStatus } from '../../src/model/status.js';
import { aFailure, anUpload, aState, failed, START, succeeded } from './builders.js';

const MINUTE_MS = 60_000;

const verdictOf = (state: SchedulerState): ReturnType<typeof toStatus>['verdict'] => toStatus('a', state).verdict;

/** A site whose last cycle ended so many minutes after its memo was written. */
function aWrittenState(minutes: number): SchedulerState {
  const lastCycle = { endedAt: START + minutes * MINUTE_MS, ok: true, error: null };
  const state = aState({ lastCycle, lastSuccessAt: lastCycle.endedAt, reachedAt: lastCycle.endedAt });
  const { verdict, card } = verdictOf(state);
  return { ...state, memo: { verdict, card, at: START } };
}

test('a memo is due at once when the verdict changes, and else a quarter of an hour after the last one', () => {
  expect(isMemoDue(aState(), verdictOf(aState()))).toBe(true);
  const healthy = aWrittenState(14);
  expect(isMemoDue(healthy, verdictOf(healthy))).toBe(false);
  expect(isMemoDue(aWrittenState(15), verdictOf(aWrittenState(15)))).toBe(true);
  const stuck = recordOutcome(healthy, 'upload', failed(aFailure('schema')));
  expect(isMemoDue(stuck, verdictOf(stuck))).toBe(true);
});

test('time alone makes no memo due: it is written when there is something newer to tell', () => {
  const idle = { ...aWrittenState(1), reachedAt: START + 60 * MINUTE_MS };
  expect(isMemoDue(idle, verdictOf(idle))).toBe(false);
  const looked = { ...idle, lookedAt: idle.reachedAt };
  expect(isMemoDue(looked, verdictOf(looked))).toBe(true);
});

test('a memo is the status in small: dated figures, the verdict without the others, and below what Temporal warns of', () => {
  const observedAt = '2026-01-01T00:00:00.000Z';
  const upload = anUpload({ queueSize: 7, oldestUnsynced: '2025-12-31T00:00:00.000Z', totalUploaded: 5, observedAt });
  const longest = failed(aFailure('schema', { message: 'm'.repeat(5_000), next: 'n'.repeat(5_000) }));
  const state = recordOutcome(recordOutcome(aState(), 'upload', succeeded(upload)), 'upload', longest as never);
  const memo = toMemo(toStatus('a', state), START + 5);
  expect(memo).toMatchObject({
    ...{ siteId: 'a', at: '2026-01-01T00:00:00.005Z', state: 'idle', intervalMs: 60_000 },
    ...{
      queueSize: 7,
      oldestUnsynced: '2025-12-31T00:00:00.000Z',
      observedAt,
      totalRecordsSynced: 5,
      lostAtRemote: null,
    },
    verdict: { verdict: 'stuck', card: 'schema' },
  });
  expect(memo.verdict).not.toHaveProperty('also');
  expect(JSON.stringify(memo).length).toBeLessThan(2_048);
  expect(readMemo(JSON.parse(JSON.stringify(memo)))).toEqual(memo);
});

test.each([undefined, null, 'text', 5, {}, { siteId: 'a' }, { siteId: 'a', at: 'now', verdict: null }])(
  'a memo that another program has written is none: %j',
  (told) => {
    expect(readMemo(told)).toBeNull();
  },
);
