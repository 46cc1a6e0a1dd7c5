import { expect, test, vi } from 'vitest';
import type { Status } from '../../src/model/status.js';
import * as wire from '../../src/model/wire.js';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aState, START } from '../model/builders.js';
import { aProbe } from './fake-activities.js';
import { enter, SimulatedRun } from './simulated-sdk.js';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  ...(await import('./simulated-sdk.js')).simulatedSdk,
}));

const QUARTER_MS = 15 * 60_000;

/** A site that was paused a quarter of an hour ago, so that it looks at its queue at once. */
async function beginLook(): Promise<SimulatedRun> {
  const state = aState({
    paused: true,
    pausedBy: { by: 'anna', reason: null, at: START - QUARTER_MS },
    lookedAt: START - QUARTER_MS,
  });
  const run = new SimulatedRun({ input: { siteId: 'a', state }, startedAt: START, isContinued: true });
  enter(run);
  await run.begin(syncScheduler);
  expect(run.commands.at(-1)).toBe('activity probe 1');
  return run;
}

const statusOf = (run: SimulatedRun): Status => run.handlers.get(wire.GET_STATUS_QUERY)?.() as Status;

function ranAt(at: number): object {
  return { askedAt: new Date(START).toISOString(), endedAt: new Date(at).toISOString() };
}

test('a paused site looks at its queue every quarter of an hour, and its status says how much waits since when', async () => {
  const run = await beginLook();
  const observedAt = new Date(START + 1_000).toISOString();
  const result = aProbe({ queueSize: 4_711, observedAt });
  await run.feed({ type: 'activityEnded', seq: 1, result: { result, ran: ranAt(START + 1_000) } }, START + 1_000);
  expect(statusOf(run)).toMatchObject({ state: 'paused', queueSize: 4_711, observedAt, pausedBy: { by: 'anna' } });
  expect(run.commands.at(-1)).toBe('timer 2');
  expect(Math.abs((run.pending.get(2)?.ms ?? 0) - QUARTER_MS)).toBeLessThan(1_000); // less what has passed since
  await run.feed({ type: 'timerFired', seq: 2 }, START + 1_000 + QUARTER_MS);
  expect(run.commands.at(-1)).toBe('activity probe 3');
});

test('a look that fails is made again a quarter of an hour later, and says nothing of the databases', async () => {
  const run = await beginLook();
  const before = statusOf(run);
  await run.feed({ type: 'activityEnded', seq: 1, kind: 'unexpected', details: [] }, START + 1_000);
  expect(run.commands.at(-1)).toBe('timer 2');
  expect(run.pending.get(2)?.ms).toBeLessThanOrEqual(QUARTER_MS);
  expect({ ...statusOf(run), verdict: null }).toEqual({ ...before, verdict: null });
});

test.each([
  [wire.RESUME_SIGNAL, 'activity uploadReadings 2'],
  [wire.SYNC_NOW_SIGNAL, 'activity uploadReadings 2'],
  [wire.STOP_SIGNAL, 'complete'],
  [wire.MOVE_TO_SIGNAL, 'continueAsNew'],
])('%s is not kept waiting by a look', async (name, next) => {
  const run = await beginLook();
  await run.feed({ type: 'signal', name, argument: { taskQueue: 'there' } }, START);
  expect(run.commands).toContain('requestCancel 1');
  expect(run.commands.at(-1)).toBe(next);
});

test('a look that was ended by a message which leaves the site paused is made again', async () => {
  const run = await beginLook();
  await run.feed({ type: 'update', name: wire.CONFIGURE_UPDATE, argument: { batchRows: 5 } }, START);
  expect(run.commands.slice(-2)).toEqual(['requestCancel 1', 'activity probe 2']);
});

test('a move takes the whole state and the memo along, to the task queue that it names', async () => {
  const run = await beginLook();
  await run.feed({ type: 'signal', name: wire.MOVE_TO_SIGNAL, argument: { taskQueue: 'there' } }, START);
  expect(run.nextOptions).toMatchObject({ taskQueue: 'there', memo: { [wire.STATUS_MEMO]: { siteId: 'a' } } });
  expect(run.next).toMatchObject({ activityTaskQueue: null, state: { paused: true, pausedBy: { by: 'anna' } } });
  expect((run.next as { state: object }).state).not.toHaveProperty('moveTo');
});

test('a site that waits for a database goes on at once when somebody has seen that both answer, although its own probe hangs', async () => {
  const breaker = { unreachableCycles: 3, failedProbes: 2, nextProbeAt: START };
  const run = new SimulatedRun({
    input: { siteId: 'a', state: aState({ breaker, nextTickAt: START + QUARTER_MS }) },
    startedAt: START,
    isContinued: true,
  });
  enter(run);
  await run.begin(syncScheduler);
  expect(run.commands.at(-1)).toBe('activity probe 1');
  await run.feed({ type: 'update', name: wire.REFRESH_STATUS_UPDATE }, START);
  await run.feed({ type: 'activityEnded', seq: 2, result: { result: aProbe(), ran: ranAt(START + 500) } }, START + 500);
  expect(run.commands).toContain('requestCancel 1');
  expect(run.commands.at(-1)).toBe('activity uploadReadings 3');
});
