import { expect, test, vi } from 'vitest';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aState, START } from '../model/builders.js';
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
  expect(run.commands[0]).toBe('upsert MeterSyncSite=a,MeterSyncState=idle');
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
