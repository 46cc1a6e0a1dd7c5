import { expect, test, vi } from 'vitest';
import type { SchedulerState } from '../../src/model/state.js';
import * as wire from '../../src/model/wire.js';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aDownload, anUpload, aState, START } from '../model/builders.js';
import { aProbe } from './fake-activities.js';
import { enter, SimulatedRun } from './simulated-sdk.js';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  ...(await import('./simulated-sdk.js')).simulatedSdk,
}));

async function begin(state: SchedulerState): Promise<SimulatedRun> {
  const input = { siteId: 'a', maxCyclesPerRun: 1, state };
  const run = new SimulatedRun({ input, startedAt: START, isContinued: true });
  enter(run);
  await run.begin(syncScheduler);
  return run;
}

const NO_INSTANTS = [undefined, null, 'now', 5, [], {}, { askedAt: 5, endedAt: [1e13] }, { askedAt: '', endedAt: '' }];

test.each(NO_INSTANTS)('an answer with %j for its instants is taken, and leaves the clock', async (ran) => {
  const run = await begin(aState());
  const results = [anUpload({ totalUploaded: 7 }), aDownload(), aDownload()];
  for (const [index, result] of results.entries()) {
    await run.feed({ type: 'activityEnded', seq: index + 1, result: { result, ran } }, START);
  }
  expect(run.commands.at(-1)).toBe('continueAsNew');
  expect(run.next).toMatchObject({ state: { reachedAt: START, lastCycle: { ok: true }, upload: { ok: true } } });
});

const NO_ANSWERS = [undefined, null, 'done', 5, [], {}, { result: null }, { result: 'done' }, anUpload()];

test.each(NO_ANSWERS)('an operation that is completed with %j has failed, and the loop goes on', async (answer) => {
  const run = await begin(aState());
  for (let seq = 1; seq <= 3; seq++) await run.feed({ type: 'activityEnded', seq, result: answer }, START);
  expect(run.commands.at(-1)).toBe('continueAsNew');
  const failed = {
    ok: false,
    result: null,
    error: { kind: 'unexpected', message: expect.stringMatching(/no result/) },
  };
  expect(run.next).toMatchObject({ state: { upload: failed, meters: failed, tenants: failed } });
});

test.each(NO_ANSWERS)('a probe that is completed with %j says nothing of the databases', async (answer) => {
  const run = await begin(aState({ breaker: { unreachableCycles: 3, failedProbes: 0, nextProbeAt: START } }));
  await run.feed({ type: 'activityEnded', seq: 1, result: answer }, START);
  expect(run.commands).toContain('timer 2');
  await run.feed({ type: 'timerFired', seq: 2 }, START);
  await run.feed({ type: 'activityEnded', seq: 3, result: { result: aProbe() } }, START);
  expect(run.commands.at(-1)).toBe('activity uploadReadings 4');
});

test.each(NO_ANSWERS)(
  'a message whose activity is completed with %j is refused, and the loop goes on',
  async (answer) => {
    for (const name of [wire.REFRESH_STATUS_UPDATE, wire.DECIDE_DOWNLOAD_UPDATE]) {
      const run = await begin(aState({ paused: true })); // its timer is the first thing that it waits for
      const refused = run.handlers.get(name)?.({ table: 'meter' }) as Promise<unknown>;
      const told = expect(refused).rejects.toMatchObject({ type: 'unexpected' });
      await run.feed({ type: 'activityEnded', seq: 2, result: answer }, START);
      await told;
      await run.feed({ type: 'signal', name: wire.RESUME_SIGNAL }, START);
      expect(run.commands.at(-1)).toBe('activity uploadReadings 3');
    }
  },
);
