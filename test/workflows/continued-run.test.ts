import { expect, test, vi } from 'vitest';
import { afterCycle, CLOSED_BREAKER } from '../../src/model/breaker.js';
import { openState } from '../../src/model/state.js';
import { CONFIGURE_UPDATE } from '../../src/model/wire.js';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aFailure, aState, START } from '../model/builders.js';
import { enter, SimulatedRun } from './simulated-sdk.js';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  ...(await import('./simulated-sdk.js')).simulatedSdk,
}));

async function begin(input: object, isContinued: boolean): Promise<SimulatedRun> {
  const run = new SimulatedRun({ input: { siteId: 'a', maxCyclesPerRun: 1, ...input }, startedAt: START, isContinued });
  enter(run);
  await run.begin(syncScheduler);
  return run;
}

test('a continued run goes on with fields of its input that it does not know, and carries them on', async () => {
  const later = { colour: 'green', batchRows: -1 };
  const run = await begin({ ...later, state: aState() }, true);
  expect(run.commands[0]).toMatch(/^upsert MeterSyncSite=a,MeterSyncState=idle,/);
  expect(run.commands).toContain('activity uploadReadings 1');
  const ran = { askedAt: new Date(START).toISOString(), endedAt: new Date(START + 9).toISOString() };
  for (let seq = 1; seq <= 3; seq++) {
    await run.feed(
      { type: 'activityEnded', seq, kind: 'schema', details: [{ message: 'no', kind: 'schema' }, ran] },
      START,
    );
  }
  expect(run.next).toMatchObject({ ...later, state: { cycles: 1, reachedAt: START + 9 } });
});

test('a first run with such an input is refused at once', async () => {
  const run = await begin({ colour: 'green' }, false);
  expect(run.commands).toEqual([expect.stringMatching(/^fail ApplicationFailure: colour is not known here/)]);
});

test('a state of a version that this code does not know fails the task and not the workflow', async () => {
  const run = await begin({ state: { ...aState(), version: 2 } }, true);
  expect(run.commands).toEqual([
    expect.stringMatching(/^fail Error: the state of the run before is of another version/),
  ]);
});

function without(fields: object, ...names: string[]): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

/** What a worker of another version carries over: without some fields that this one reads, and with others of its own. */
function ofOtherVersion(): object {
  const state = aState({ cycles: 7 });
  return {
    ...without(state, 'reachedAt', 'phase', 'uploadWait', 'lastCycle'),
    settings: { ...without(state.settings, 'batchRows'), colour: 'green' },
    observed: without(state.observed, 'totalRecordsSynced'),
    breaker: { unreachableCycles: 1, colour: 'red' },
    colour: 'blue',
  };
}

async function failAll(run: SimulatedRun): Promise<void> {
  const ran = { askedAt: new Date(START).toISOString(), endedAt: new Date(START + 9).toISOString() };
  for (let seq = 1; seq <= 3; seq++) {
    await run.feed({ type: 'activityEnded', seq, kind: 'unreachable', details: [aFailure('unreachable'), ran] }, START);
  }
}

test('fields that the run before did not know are what they are in a new state', async () => {
  const run = await begin({ state: ofOtherVersion() }, true);
  await failAll(run);
  const { phase, settings, observed } = openState({ siteId: 'a' }, START);
  expect(run.next).toMatchObject({ state: { phase, settings, observed, cycles: 8, reachedAt: START + 9 } });
});

test('fields of the state that this code does not know are carried on, whatever happens to their neighbours', async () => {
  const run = await begin({ state: ofOtherVersion() }, true);
  await run.feed({ type: 'update', name: CONFIGURE_UPDATE, argument: { batchRows: 9 } }, START);
  await failAll(run);
  const breaker = { unreachableCycles: 2, colour: 'red' };
  expect(run.next).toMatchObject({ state: { settings: { batchRows: 9, colour: 'green' }, breaker, colour: 'blue' } });
  const closed = afterCycle(breaker as never, { unreachable: false, intervalMs: 1, now: START, random: 0 });
  expect(closed).toEqual({ ...CLOSED_BREAKER, colour: 'red' });
});

test.each([{}, { state: null }])('a continued run without a state begins anew', async (input) => {
  const run = await begin(input, true);
  expect(run.commands).toContain('activity uploadReadings 1');
});
