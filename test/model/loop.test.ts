import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  beginCycle,
  endCycle,
  isInHurry,
  isUploadHeld,
  recordFailedLook,
  recordLook,
  recordOutcome,
  recordProbe,
} from '../../src/model/cycle.js';
import type { SchedulerState } from '../../src/model/state.js';
import {
  configure,
  cutShort,
  decideStep,
  hasBacklog,
  pause,
  requestStop,
  requestSyncNow,
  resume,
} from '../../src/model/steps.js';
import { nameState } from '../../src/model/status-facts.js';
import { tickAfter } from '../../src/model/ticks.js';
import { aDownload, aFailure, anUpload, aState, failed, START, succeeded } from './builders.js';

/** What one cycle meets: how long it takes, what is left in the queue, and whether the remote answers. */
interface Weather {
  readonly durationMs: number;
  readonly more: boolean;
  readonly reachable: boolean;
}

interface Ran {
  readonly kind: 'full' | 'catchUp';
  readonly from: number;
  readonly to: number;
}

/** The loop of the workflow over a clock of our own: same decisions, no Temporal. */
function simulate(
  intervalMs: number,
  weather: readonly Weather[],
  phase = 0,
): { state: SchedulerState; ran: Ran[]; now: number } {
  let state = aState({ settings: { intervalMs, batchRows: 10 }, phase });
  let now = START;
  const ran: Ran[] = [];
  for (const met of weather) {
    const step = decideStep(state, now);
    if (step.do === 'end') break;
    if (step.do === 'wait') now = step.until;
    else if (step.do === 'look') state = recordLook(state, aProbe(met.reachable)!);
    else if (step.do === 'probe') state = recordProbe(state, aProbe(met.reachable), { now, random: 0.5 });
    else {
      const from = now;
      state = beginCycle(state, step.kind, now);
      now += met.durationMs;
      state = cycleIn(state, met, from);
      const { running } = state;
      if (running !== null) state = endCycle(state, running, { now, random: 0.5 });
      ran.push({ kind: step.kind, from, to: now });
    }
  }
  return { state, ran, now };
}

function cycleIn(state: SchedulerState, { more, reachable }: Weather, at: number): SchedulerState {
  if (!reachable) return recordOutcome(state, 'upload', failed(aFailure('unreachable', { side: 'remote' }), at));
  const uploaded = recordOutcome(state, 'upload', succeeded(anUpload({ more, removed: 10, totalUploaded: 10 }), at));
  return recordOutcome(uploaded, 'meters', succeeded(aDownload(), at));
}

function aProbe(remoteDbConnected: boolean): Parameters<typeof recordProbe>[1] {
  return {
    localDbConnected: true,
    remoteDbConnected,
    queueSize: 1,
    queueSizeIsEstimate: false,
    oldestUnsynced: null,
    quarantined: 0,
    localMeterCount: null,
    remoteMeterCount: null,
    localTenantCount: null,
    remoteTenantCount: null,
    observedAt: new Date(START).toISOString(),
  };
}

const intervals = fc.integer({ min: 100, max: 60_000 });
const phases = fc.double({ min: 0, max: 0.999, noNaN: true });
const calm = fc.record({
  durationMs: fc.integer({ min: 1, max: 200_000 }),
  more: fc.boolean(),
  reachable: fc.constant(true),
});
const rough = fc.record({
  durationMs: fc.integer({ min: 0, max: 200_000 }),
  more: fc.boolean(),
  reachable: fc.boolean(),
});

test('ticks never drift: each planned tick after the first cycle lies whole intervals apart, at the phase of its site', () => {
  const weathers = fc.array(calm, { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(intervals, weathers, phases, (intervalMs, weather, phase) => {
      const { state } = simulate(intervalMs, weather, phase);
      expect((state.nextTickAt - Math.floor(phase * intervalMs)) % intervalMs).toBe(0);
    }),
  );
});

test('every tick that has passed was either a full cycle or is counted as skipped', () => {
  fc.assert(
    fc.property(intervals, fc.array(calm, { minLength: 1, maxLength: 60 }), phases, (intervalMs, weather, phase) => {
      const { state, ran } = simulate(intervalMs, weather, phase);
      const ticks = 1 + (state.nextTickAt - tickAfter(START, { intervalMs, phase })) / intervalMs;
      expect(ran.filter(({ kind }) => kind === 'full').length + state.skippedTicks).toBe(ticks);
    }),
  );
});

test('cycles follow one another and never overlap, and the first begins at once', () => {
  fc.assert(
    fc.property(intervals, fc.array(rough, { minLength: 1, maxLength: 60 }), (intervalMs, weather) => {
      const { ran } = simulate(intervalMs, weather);
      expect(ran[0]).toMatchObject({ kind: 'full', from: START });
      ran.slice(1).forEach(({ from }, index) => expect(from).toBeGreaterThanOrEqual(ran[index]?.to ?? 0));
    }),
  );
});

test('a backlog never keeps the downloads waiting for longer than one interval and one cycle', () => {
  fc.assert(
    fc.property(intervals, fc.array(calm, { maxLength: 80 }), (intervalMs, weather) => {
      const full = simulate(intervalMs, weather).ran.filter(({ kind }) => kind === 'full');
      full.slice(1).forEach(({ from }, index) => {
        expect(from - (full[index]?.to ?? 0)).toBeLessThanOrEqual(intervalMs + 200_000);
      });
    }),
  );
});

test('a clock that stands still, since it is ahead of the true time, keeps no backlog from its downloads', () => {
  const still: Weather = { durationMs: 0, more: true, reachable: true };
  const { ran, state } = simulate(60_000, Array<Weather>(110).fill(still));
  expect(ran.filter(({ kind }) => kind === 'full').length).toBeGreaterThanOrEqual(50);
  expect(ran.filter(({ kind }) => kind === 'catchUp').length).toBeGreaterThanOrEqual(50);
  expect([state.skippedTicks, state.nextTickAt % 60_000]).toEqual([0, 0]);
});

test('a resumed site tries an upload that waits after a failure with data', () => {
  const uploadWait = { failures: 3, until: START + HOUR_MS };
  expect(isUploadHeld(resume(pause(aState({ uploadWait }))), START)).toBe(false);
  expect(isUploadHeld(resume(aState({ uploadWait })), START)).toBe(true);
  expect(isUploadHeld(beginCycle(requestSyncNow(aState({ uploadWait })), 'full', START), START)).toBe(false);
});

test('totals never go down', () => {
  const uploads = fc.array(fc.nat({ max: 1e6 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(uploads, (totals) => {
      let state = aState();
      let highest = 0;
      for (const totalUploaded of totals) {
        state = recordOutcome(state, 'upload', succeeded(anUpload({ totalUploaded })));
        expect(state.observed.totalRecordsSynced).toBeGreaterThanOrEqual(highest);
        highest = state.observed.totalRecordsSynced ?? 0;
      }
    }),
  );
});

test('three cycles that reach no database open the breaker; waits grow up to a limit; one good probe closes it', () => {
  const dark: Weather = { durationMs: 100, more: false, reachable: false };
  const { state } = simulate(1_000, Array<Weather>(5).fill(dark));
  expect(state.cycles).toBe(3);
  expect(nameState(state)).toBe('degraded');
  let open = state;
  const waits: number[] = [];
  for (let round = 0; round < 20; round++) {
    const now = open.breaker.nextProbeAt ?? 0;
    expect(decideStep(open, now)).toEqual({ do: 'probe' });
    open = recordProbe(open, aProbe(false), { now, random: 0 });
    waits.push((open.breaker.nextProbeAt ?? 0) - now);
  }
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(waits.at(-1)).toBe(300_000);
  const now = open.breaker.nextProbeAt ?? 0;
  const closed = recordProbe(open, aProbe(true), { now, random: 0 });
  expect(decideStep(closed, now)).toEqual({ do: 'cycle', kind: 'full' });
});

test('whoever looks at a database that does not answer keeps an open breaker waiting no longer; a good look closes it', () => {
  const dark: Weather = { durationMs: 100, more: false, reachable: false };
  const { state: open } = simulate(1_000, Array<Weather>(5).fill(dark));
  const looked = recordLook(open, aProbe(false)!);
  expect(looked.breaker).toEqual(open.breaker);
  expect(looked.observed.remoteDbConnected).toBe(false);
  expect(decideStep(recordLook(looked, aProbe(true)!), 0)).toEqual({ do: 'cycle', kind: 'full' });
});

test('the order is: stop, sync now, pause, breaker, tick, backlog', () => {
  const backlog = recordOutcome(
    aState({ nextTickAt: START + 1 }),
    'upload',
    succeeded(anUpload({ more: true, removed: 1 })),
  );
  expect(decideStep(backlog, START)).toEqual({ do: 'cycle', kind: 'catchUp' });
  expect(decideStep(backlog, START + 1)).toEqual({ do: 'cycle', kind: 'full' });
  const open = { ...backlog, breaker: { unreachableCycles: 3, failedProbes: 0, nextProbeAt: START + 50 } };
  expect(decideStep(open, START + 1)).toEqual({ do: 'wait', until: START + 50 });
  const lookAt = START + 15 * MINUTE_MS; // a paused site looks at its queue, and does nothing else
  expect(decideStep(pause(open), START + 60)).toEqual({ do: 'wait', until: lookAt });
  expect(decideStep(pause(open), lookAt)).toEqual({ do: 'look' });
  expect(decideStep(requestSyncNow(pause(open)), START)).toEqual({ do: 'cycle', kind: 'full' });
  expect(decideStep(requestStop(requestSyncNow(open)), START)).toEqual({ do: 'end' });
});

test('a site that uploads nothing looks at its queue every quarter of an hour, and one that uploads never', () => {
  const uploaded = recordOutcome(aState({ nextTickAt: START + HOUR_MS }), 'upload', succeeded(anUpload()));
  expect(decideStep(uploaded, START + HOUR_MS - 1)).toEqual({ do: 'wait', until: START + HOUR_MS });
  const lookAt = START + 15 * MINUTE_MS;
  const stuck = recordOutcome(uploaded, 'upload', failed(aFailure('schema')));
  const open = { ...uploaded, breaker: { unreachableCycles: 3, failedProbes: 0, nextProbeAt: START + HOUR_MS } };
  for (const state of [pause(uploaded), stuck, open]) {
    expect(decideStep(state, START)).toEqual({ do: 'wait', until: lookAt });
    expect(decideStep(state, lookAt)).toEqual({ do: 'look' });
    const looked = recordLook({ ...state, reachedAt: lookAt }, aProbe(false)!);
    expect(decideStep(looked, lookAt)).toEqual({ do: 'wait', until: lookAt + 15 * MINUTE_MS });
    expect(decideStep(recordFailedLook({ ...state, reachedAt: lookAt }), lookAt)).toMatchObject({ do: 'wait' });
    expect(looked.breaker).toEqual(state.breaker);
  }
});

test('an upload that moved nothing is no backlog to be caught up at once', () => {
  const stuck = recordOutcome(aState(), 'upload', succeeded(anUpload({ more: true, removed: 0 })));
  expect(hasBacklog(stuck)).toBe(false);
});

test('a resumed site cycles at once, and the ticks of the pause are not counted as skipped', () => {
  const resumed = resume(pause(aState({ nextTickAt: START + MINUTE_MS })));
  expect(decideStep(resumed, START)).toEqual({ do: 'cycle', kind: 'full' });
  const ended = fullCycle(resumed, START + HOUR_MS + 1);
  expect([ended.nextTickAt, ended.skippedTicks]).toEqual([START + HOUR_MS + MINUTE_MS, 0]);
  expect(decideStep(resume(aState({ nextTickAt: START + 5 })), START)).toEqual({ do: 'wait', until: START + 5 });
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function fullCycle(
  state: SchedulerState,
  from: number,
  meanwhile = (running: SchedulerState) => running,
): SchedulerState {
  const { running, ...rest } = meanwhile(beginCycle(state, 'full', from));
  if (running === null) throw new Error('a cycle that has begun is running');
  return endCycle({ ...rest, running }, running, { now: from + 5_000, random: 0.5 });
}

test('a cycle that was asked for in a pause, or while a database is waited for, does not count the ticks before it', () => {
  const waiting = { unreachableCycles: 3, failedProbes: 4, nextProbeAt: START + 2 * HOUR_MS };
  for (const held of [pause(aState()), aState({ breaker: waiting })]) {
    const ended = fullCycle(requestSyncNow(held), START + HOUR_MS + 1);
    expect(ended.skippedTicks).toBe(0);
    expect(ended.nextTickAt).toBe(START + HOUR_MS + MINUTE_MS);
  }
});

test('a pause that ends while a cycle runs changes neither the ticks nor their count', () => {
  const ended = fullCycle(aState(), START, (running) => resume(pause(running)));
  expect([ended.nextTickAt, ended.skippedTicks]).toEqual([START + MINUTE_MS, 0]);
});

test('a pause that has cut a full cycle short and ends while it runs is followed by another one at once', () => {
  const ended = fullCycle(aState(), START, (running) => resume(cutShort(pause(running))));
  expect(decideStep(ended, START + 5_000)).toEqual({ do: 'cycle', kind: 'full' });
  expect(ended.skippedTicks).toBe(0);
});

test('the rest of a cycle that was cut short waits for no database, and the next cycle does again', () => {
  const running = beginCycle(aState(), 'full', START);
  expect([running, cutShort(running), cutShort(aState())].map(isInHurry)).toEqual([false, true, false]);
  expect(isInHurry(beginCycle(fullCycle(cutShort(running), START), 'full', START + HOUR_MS))).toBe(false);
});

test.each([1_000, HOUR_MS])(
  'an interval of %i ms given while a cycle runs is counted from the start of that cycle',
  (intervalMs) => {
    const ended = fullCycle(aState(), START, (running) => configure(running, { intervalMs }, START + 200));
    expect(ended.nextTickAt).toBe(START + Math.max(intervalMs, 5_000));
  },
);

test('a shorter interval brings the next probe of an open breaker nearer, a longer one leaves it', () => {
  const slow = { intervalMs: 24 * HOUR_MS, batchRows: 10 };
  const breaker = { unreachableCycles: 3, failedProbes: 0, nextProbeAt: START + 20 * HOUR_MS };
  const open = aState({ settings: slow, breaker });
  expect(configure(open, { intervalMs: 10_000 }, START).breaker.nextProbeAt).toBe(START + 10_000);
  expect(configure(open, { batchRows: 20 }, START).breaker.nextProbeAt).toBe(breaker.nextProbeAt);
});

test('an upload of the backlog that goes well does not hide downloads that fail', () => {
  let state = beginCycle(aState(), 'full', START);
  state = recordOutcome(state, 'upload', succeeded(anUpload({ more: true, removed: 1 })));
  state = recordOutcome(state, 'meters', failed(aFailure('schema')));
  state = endCycle(state, { kind: 'full', startedAt: START }, { now: START + 10, random: 0 });
  state = endCycle(
    beginCycle(state, 'catchUp', START + 10),
    { kind: 'catchUp', startedAt: START + 10 },
    { now: START + 20, random: 0 },
  );
  expect(state).toMatchObject({ cycles: 2, consecutiveFailures: 1 });
});
