import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Timed } from '../../src/model/loop-clock.js';
import * as wire from '../../src/model/wire.js';
import { syncScheduler } from '../../workflows/sync-scheduler.js';
import { aDownload, aFailure, aHeldDownload, anUpload, aState, START } from '../model/builders.js';
import { aProbe } from './fake-activities.js';
import { currentRun, enter, type HistoryEvent, type Pending, type RunStart, SimulatedRun } from './simulated-sdk.js';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  ...(await import('./simulated-sdk.js')).simulatedSdk,
}));

beforeEach(() => {
  vi.spyOn(Date, 'now').mockImplementation(() => currentRun().now);
  vi.spyOn(Math, 'random').mockImplementation(() => {
    throw new Error('a workflow draws no lots: a replay would have to draw them in the same order');
  });
});
afterEach(() => void vi.restoreAllMocks());

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How an activity ends: well, well with more to come, with a failure of its kind, or without a word of when. */
type Outcome = 'ok' | 'more' | 'unreachable' | 'data' | 'lost';

/** One thing that happens to a site, and how wrong its workers' clocks are then. */
interface Happening {
  /** Null: one of the things that are waited for ends, which one is `pick`'s to say. */
  readonly message: Extract<HistoryEvent, { type: 'signal' | 'update' }> | null;
  readonly pick: number;
  readonly passedMs: number;
  readonly outcome: Outcome;
  /** By how much the instants are wrong that an activity tells. */
  readonly skewMs: number;
  /** How old `Date.now()` is when the event comes, and when it comes again in a replay. */
  readonly staleMs: number;
  readonly staleAgainMs: number;
}

const { PAUSE_SIGNAL, RESUME_SIGNAL, SYNC_NOW_SIGNAL, STOP_SIGNAL } = wire;
const signals = [PAUSE_SIGNAL, RESUME_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL, RESUME_SIGNAL, SYNC_NOW_SIGNAL, STOP_SIGNAL];
const messages = fc.oneof(
  fc.constantFrom(...signals).map((name) => ({ type: 'signal' as const, name })),
  fc.constantFrom(1_000, MINUTE_MS, HOUR_MS).map((intervalMs) => {
    return { type: 'update' as const, name: wire.CONFIGURE_UPDATE, argument: { intervalMs } };
  }),
  fc.constant({ type: 'update' as const, name: wire.REFRESH_STATUS_UPDATE }),
  fc.constant({ type: 'signal' as const, name: wire.MOVE_TO_SIGNAL, argument: { taskQueue: 'there' } }),
  fc.constant({ type: 'update' as const, name: wire.DECIDE_DOWNLOAD_UPDATE, argument: { table: 'meter' } }),
);
const stale = fc.oneof(fc.constant(0), fc.nat(2_000), fc.nat(3 * HOUR_MS));
const happeningsWith = (...outcomes: Outcome[]): fc.Arbitrary<Happening[]> =>
  fc.array(
    fc.record<Happening>({
      message: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: messages }),
      pick: fc.nat(5),
      passedMs: fc.oneof(fc.nat(500), fc.nat(5 * MINUTE_MS)),
      outcome: fc.constantFrom(...outcomes),
      skewMs: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: -1e9, max: 1e9 })),
      staleMs: stale,
      staleAgainMs: stale,
    }),
    { minLength: 40, maxLength: 150 },
  );
/** Fair weather, and long stretches of each kind of foul. */
const happenings = fc.oneof(
  happeningsWith('ok', 'ok', 'more', 'unreachable', 'data', 'lost'),
  happeningsWith('unreachable', 'unreachable', 'unreachable', 'lost', 'ok'),
  happeningsWith('data', 'data', 'more'),
);

/** What was handed to one run, and what it commanded. */
interface Recording {
  readonly start: RunStart;
  readonly fed: { readonly event: HistoryEvent; readonly nowAgain: number }[];
  readonly run: SimulatedRun;
}

const ANSWERS = {
  uploadReadings: (more: boolean) =>
    anUpload(more ? { more, removed: 5, queueSize: 9, oldestUnsynced: new Date(START).toISOString() } : {}),
  downloadMeters: (more: boolean) => aDownload({ waiting: more ? 1 : 0 }),
  downloadTenants: (more: boolean) => aDownload({ inserted: more ? 1 : 0 }),
  probe: (more: boolean) => aProbe({ remoteDbConnected: !more }),
  decideDownload: () => aHeldDownload(),
} as const;

function toEvent({ seq, kind, name }: Pending, { outcome, skewMs, passedMs }: Happening, now: number): HistoryEvent {
  if (kind === 'timer') return { type: 'timerFired', seq };
  const toIso = (instant: number): string => new Date(instant).toISOString();
  const ran = { askedAt: toIso(now + skewMs - passedMs), endedAt: toIso(now + skewMs) };
  if (outcome === 'lost') return { type: 'activityEnded', seq, kind: 'unexpected', details: [] };
  if (outcome === 'unreachable' || outcome === 'data') {
    return { type: 'activityEnded', seq, kind: outcome, details: [aFailure(outcome, { side: 'remote' }), ran] };
  }
  const result = ANSWERS[name as keyof typeof ANSWERS](outcome === 'more');
  return { type: 'activityEnded', seq, result: { result, ran } satisfies Timed<unknown> };
}

async function begin(start: RunStart): Promise<SimulatedRun> {
  const run = new SimulatedRun(start);
  enter(run);
  await run.begin(syncScheduler);
  return run;
}

/** The longest of the waits that a site with these intervals may have. */
const LONGEST_WAIT_MS = 1.5 * HOUR_MS;

/** Lives through what happens, over all runs that continue one another. */
async function live(happens: readonly Happening[]): Promise<Recording[]> {
  let trueNow = START;
  const first: RunStart = { input: { siteId: 'a', maxCyclesPerRun: 3 }, startedAt: trueNow, isContinued: false };
  const recordings: Recording[] = [{ start: first, fed: [], run: await begin(first) }];
  for (const happening of happens) {
    let last = recordings.at(-1);
    if (last?.run.isOver === true) {
      if (last.run.next === undefined) break;
      const start: RunStart = { input: last.run.next, startedAt: trueNow, isContinued: true };
      last = { start, fed: [], run: await begin(start) };
      recordings.push(last);
    }
    const waiting = [...(last?.run.pending.values() ?? [])];
    const ended = waiting[happening.pick % Math.max(1, waiting.length)];
    if (last === undefined || (happening.message === null && ended === undefined)) continue; // paused, and nobody says a word
    trueNow += happening.message === null && ended?.kind === 'timer' ? ended.ms : happening.passedMs;
    const event = happening.message ?? toEvent(ended as Pending, happening, trueNow);
    const nowAgain = trueNow - happening.staleAgainMs;
    last.fed.push({ event, nowAgain });
    await last.run.feed(event, Math.max(last.run.now, trueNow - happening.staleMs));
    expect(last.run.commands.filter((command) => command.startsWith('fail'))).toEqual([]);
    for (const { kind, ms } of last.run.pending.values()) {
      if (kind === 'timer') expect(ms).toBeGreaterThanOrEqual(1);
      expect(ms).toBeLessThanOrEqual(LONGEST_WAIT_MS);
    }
  }
  return recordings;
}

async function replay({ start, fed }: Recording): Promise<string[]> {
  const run = await begin(start);
  for (const { event, nowAgain } of fed) await run.feed(event, Math.max(run.now, nowAgain));
  return run.commands;
}

test(
  'whatever Date.now() says to a live run and to its replay, both command the same',
  { timeout: 120_000 },
  async () => {
    let commands = 0;
    await fc.assert(
      fc.asyncProperty(happenings, async (happens) => {
        for (const recording of await live(happens)) {
          const again = await replay(recording);
          commands += again.length;
          expect(again).toEqual(recording.run.commands);
        }
      }),
      { numRuns: 300 },
    );
    expect(commands).toBeGreaterThan(1_000);
  },
);

/** How many cycles a site runs in an hour of minutes whose activities tell instants that are wrong by so much. */
async function cyclesOfHour(skewMs: number): Promise<number> {
  const start: RunStart = { input: { siteId: 'a', intervalMs: MINUTE_MS }, startedAt: START, isContinued: false };
  const runs = [await begin(start)];
  const usual = { message: null, pick: 0, passedMs: 100, outcome: 'ok', staleMs: 0, staleAgainMs: 0 } as const;
  let trueNow = START;
  while (trueNow < START + HOUR_MS) {
    let run = runs.at(-1);
    if (run?.next !== undefined)
      runs.push((run = await begin({ input: run.next, startedAt: trueNow, isContinued: true })));
    const [waiting] = run?.pending.values() ?? [];
    if (waiting === undefined) throw new Error('the loop stands still');
    trueNow += waiting.kind === 'timer' ? waiting.ms : usual.passedMs;
    await run?.feed(toEvent(waiting, { ...usual, skewMs }, trueNow), trueNow);
  }
  const commands = runs.flatMap((run) => run.commands);
  return commands.filter((command) => command.startsWith('activity upload')).length;
}

test.each([0, -10_000 * HOUR_MS, 10_000 * HOUR_MS, 5 * MINUTE_MS])(
  'a site whose instants are wrong by %i ms neither stands still nor spins',
  async (skewMs) => {
    const cycles = await cyclesOfHour(skewMs);
    expect(cycles).toBeGreaterThanOrEqual(58);
    expect(cycles).toBeLessThanOrEqual(62);
  },
);

test('a signal that changes nothing commands the same, whether it is seen before the timer that fired or after', async () => {
  const state = aState({ nextTickAt: START + MINUTE_MS });
  const fired: HistoryEvent = { type: 'timerFired', seq: 1 };
  const resume: HistoryEvent = { type: 'signal', name: RESUME_SIGNAL };
  const commands: string[][] = [];
  for (const events of [
    [fired, resume],
    [resume, fired],
  ]) {
    const run = await begin({ input: { siteId: 'a', state }, startedAt: START, isContinued: true });
    for (const event of events) await run.feed(event, START);
    commands.push(run.commands);
  }
  expect(commands[0]?.at(-1)).toBe('activity uploadReadings 2');
  expect(commands[1]).toEqual(commands[0]);
});
