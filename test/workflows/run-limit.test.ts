import { expect, test, vi } from 'vitest';
import { MAX_CYCLES_PER_RUN, MAX_TURNS_PER_RUN } from '../../src/model/run-limit.js';
import * as wire from '../../src/model/wire.js';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aDownload, aHeldDownload, anUpload, aState, START } from '../model/builders.js';
import { aProbe } from './fake-activities.js';
import { enter, type HistoryEvent, type Pending, SimulatedRun } from './simulated-sdk.js';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  ...(await import('./simulated-sdk.js')).simulatedSdk,
}));

const ran = { askedAt: new Date(START).toISOString(), endedAt: new Date(START).toISOString() };
const ANSWERS: Readonly<Record<string, () => unknown>> = {
  uploadReadings: anUpload,
  downloadMeters: aDownload,
  downloadTenants: aDownload,
  probe: () => aProbe({ remoteDbConnected: false }),
  decideDownload: aHeldDownload,
};

async function begin(state = aState()): Promise<SimulatedRun> {
  const run = new SimulatedRun({ input: { siteId: 'a', state }, startedAt: START, isContinued: true });
  enter(run);
  await run.begin(syncScheduler);
  return run;
}

function toEnd({ seq, kind, name }: Pending): HistoryEvent {
  if (kind === 'timer') return { type: 'timerFired', seq };
  return { type: 'activityEnded', seq, result: { result: ANSWERS[name]?.(), ran } };
}

/** Lets all that is waited for end, in its order, as long as this run lasts. */
async function runOn(run: SimulatedRun): Promise<void> {
  for (let turn = 0; !run.isOver && turn < 2 * MAX_TURNS_PER_RUN; turn++) {
    const [waiting] = run.pending.values();
    if (waiting === undefined) return;
    await run.feed(toEnd(waiting), START);
  }
}

const countOf = (run: SimulatedRun, command: RegExp): number =>
  run.commands.filter((text) => command.test(text)).length;

test('a run continues as new after sixty cycles', async () => {
  const run = await begin();
  await runOn(run);
  expect(run.commands.at(-1)).toBe('continueAsNew');
  expect(run.next).toMatchObject({ state: { cycles: MAX_CYCLES_PER_RUN } });
});

test('a run of a breaker that probes for weeks continues as new, and the breaker stays open', async () => {
  const open = { unreachableCycles: 3, failedProbes: 0, nextProbeAt: START };
  const run = await begin(aState({ breaker: open }));
  await runOn(run);
  expect(run.commands.at(-1)).toBe('continueAsNew');
  expect(countOf(run, /^(activity|timer)/)).toBe(MAX_TURNS_PER_RUN);
  expect(run.next).toMatchObject({ state: { cycles: 0, breaker: { failedProbes: MAX_TURNS_PER_RUN / 2 } } });
});

test.each([
  ['decisions', { type: 'update', name: wire.DECIDE_DOWNLOAD_UPDATE, argument: { table: 'meter' } }],
  ['fresh statuses', { type: 'update', name: wire.REFRESH_STATUS_UPDATE }],
  ['changes of settings', { type: 'update', name: wire.CONFIGURE_UPDATE, argument: { batchRows: 5 } }],
  ['signals', { type: 'signal', name: wire.PAUSE_SIGNAL }],
] as const)(
  'a run that is asked for %s again and again continues as new, also while it is paused',
  async (_, message) => {
    for (const state of [aState({ paused: true }), aState({ nextTickAt: START + 60_000 })]) {
      const run = await begin(state);
      let messages = 0;
      for (; !run.isOver && messages < 2 * MAX_TURNS_PER_RUN; messages++) {
        await run.feed(message, START);
        for (const waiting of [...run.pending.values()]) {
          if (waiting.kind === 'activity') await run.feed(toEnd(waiting), START);
        }
      }
      expect(run.commands.at(-1)).toBe('continueAsNew');
      expect(messages).toBeLessThanOrEqual(MAX_TURNS_PER_RUN);
    }
  },
);

test('what a run must not read is refused by the simulation, not answered', async () => {
  const { workflowInfo } = await import('@temporalio/workflow');
  await begin();
  expect(() => workflowInfo().continueAsNewSuggested).toThrow(/another one in a replay/);
});
