import { expect, test } from 'vitest';
import { beginCycle, endCycle, isUploadHeld, recordOutcome } from '../../src/model/cycle.js';
import type { SchedulerState } from '../../src/model/state.js';
import { toStatus } from '../../src/model/status.js';
import { requestSyncNow } from '../../src/model/steps.js';
import { aFailure, anUpload, aState, failed, START, succeeded } from './builders.js';

const MINUTE_MS = 60_000;

/** One cycle a minute for so many minutes, as the workflow runs them; answers with the minutes that uploaded. */
function run(minutes: number, upload: Parameters<typeof recordOutcome<'upload'>>[2], random = 0.1): number[] {
  const uploaded: number[] = [];
  let state = aState();
  for (let minute = 0; minute < minutes; minute += 1) {
    const now = START + minute * MINUTE_MS;
    state = beginCycle(state, 'full', now);
    if (!isUploadHeld(state, now)) {
      uploaded.push(minute);
      state = recordOutcome(state, 'upload', { ...upload, startedAt: new Date(now).toISOString() });
    }
    state = end(state, now + 1_000, random);
  }
  return uploaded;
}

function end(state: SchedulerState, now: number, random = 0): SchedulerState {
  return state.running === null ? state : endCycle(state, state.running, { now, random });
}

test('an upload that fails with data again and again is tried less and less often, and once an hour at last', () => {
  const tried = run(600, failed(aFailure('data')));
  const waits = tried.slice(1).map((minute, at) => minute - (tried[at] ?? 0));
  expect(waits.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 31]);
  for (const wait of waits.slice(6)) expect(wait).toBe(58);
});

test.each(['schema', 'unreachable', 'fenced', 'busy'] as const)(
  'an upload that fails with %s is tried by every cycle',
  (kind) => {
    expect(run(20, failed(aFailure(kind)))).toHaveLength(20);
  },
);

test('an upload that goes well ends the waits', () => {
  const wait = { failures: 5, until: START };
  const uploaded = recordOutcome(
    beginCycle(aState({ uploadWait: wait }), 'full', START),
    'upload',
    succeeded(anUpload()),
  );
  expect(end(uploaded, START + 1).uploadWait).toBeNull();
});

test('a cycle without its upload keeps the wait and the failure, and the site is not called well', () => {
  const wait = { failures: 5, until: START + MINUTE_MS };
  const upload = failed<never>(aFailure('data', { message: 'too many' }), START - MINUTE_MS);
  const state = end(beginCycle(aState({ uploadWait: wait, upload }), 'full', START), START + 1);
  expect(state).toMatchObject({
    uploadWait: wait,
    consecutiveFailures: 1,
    lastCycle: { ok: false, error: 'upload: too many' },
  });
  expect(toStatus('a', state)).toMatchObject({ state: 'degraded', uploadWaitsUntil: '2026-01-01T00:01:00.000Z' });
});

test('an order to sync now uploads at once, and a state without the field does', () => {
  const held = aState({ uploadWait: { failures: 9, until: START + MINUTE_MS } });
  expect(isUploadHeld(beginCycle(held, 'full', START), START)).toBe(true);
  expect(isUploadHeld(beginCycle(requestSyncNow(held), 'full', START), START)).toBe(false);
  expect(isUploadHeld(aState(), START)).toBe(false);
});
