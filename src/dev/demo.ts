import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import type { Status } from '../model/status.js';
import { siteHandle, type SiteHandle } from '../temporal/site-handle.js';
import { startSite } from '../temporal/start-site.js';
import { letArrive } from './sample/arrivals.js';
import type { DemoResult, Reporter } from './events.js';
import { loadMeters } from './sample/load-meters.js';
import { loadReadings } from './sample/load-readings.js';
import { type OpenStack, withStack, withWorker } from './open-stack.js';
import { proveReadings } from './proof.js';
import type { Reading } from './sample/reading.js';
import { readReport, SHIPPED_REPORT } from './sample/read-report.js';
import { prepareDatabases } from './stack-site.js';

/** The rhythm of the script. */
interface DemoPace {
  /** From one cycle to the next, after the first one. */
  readonly intervalMs: number;
  /** For how long cycles run at that interval while readings keep arriving. */
  readonly runMs: number;
}

/** What README shows: long enough to be watched, short enough to be waited for. */
const DEMO_PACE: DemoPace = { intervalMs: 10_000, runMs: 30_000 };

/** What the demo is given. */
interface DemoOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The site's id, when somebody wants another one. */
  readonly siteId?: string | undefined;
  readonly report: Reporter;
  /** Ends the demo early; what runs is stopped in order. */
  readonly signal: AbortSignal;
  readonly pace?: DemoPace;
}

/** How much of the report is at the site from the start; the rest arrives while the demo runs. */
const FIRST_SHARE = 0.7;
/** New readings stop shortly before the end, so that the last cycle of the run takes the last ones. */
const LAST_ARRIVALS_BEFORE_END_SHARE = 0.1;
const FIRST_CYCLE_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 120_000;
/** Readings that arrived last wait for one more interval at most, and a cycle. */
const LAST_CYCLE_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 200;

/**
 * The whole product in one go: two databases, Temporal and a worker come up, real readings move while new ones arrive, the
 * site's workflow is stopped in order, and both ends are compared with what was put in.
 * @throws Error a part could not be started, with the way out; or the reason of `signal`
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { report, env, signal } = options;
  report({ kind: 'step', title: 'Starting two PostgreSQL servers and Temporal' });
  const tell = (text: string): void => report({ kind: 'note', text });
  const siteId = options.siteId ?? nameSite(env);
  return withStack({ env: withQuietLogs(env), tell, siteId, tables: 'sample', signal }, async (open) => {
    tell(`local ${hostOf(open.stack.local)}, remote ${hostOf(open.stack.remote)}`);
    tell(`Temporal ${open.stack.temporalAddress}${open.stack.webUi ? `, Web UI ${open.stack.webUi}` : ''}`);
    const { first, later } = await fillDatabases(open, siteId, options);
    report({ kind: 'step', title: 'Starting a worker' });
    return withWorker(open, () => play(open, options, { first, later }));
  });
}

/** A server that others use as well may know a site called demo; a site of the environment is never taken for one. */
function nameSite(env: NodeJS.ProcessEnv): string {
  return env['TEMPORAL_ADDRESS'] ? `demo-${randomBytes(3).toString('hex')}` : 'demo';
}

interface Readings {
  readonly first: readonly Reading[];
  readonly later: readonly Reading[];
}

async function fillDatabases({ databases }: OpenStack, siteId: string, { report }: DemoOptions): Promise<Readings> {
  report({ kind: 'step', title: 'Preparing the databases' });
  await prepareDatabases(databases, siteId, 'sample');
  const { readings, meters, counts } = await readReport(SHIPPED_REPORT, () => {});
  const first = readings.slice(0, Math.round(readings.length * FIRST_SHARE));
  await loadMeters(databases.remote, meters);
  await loadReadings(databases.local, first);
  const whole = `${readings.length} readings of ${meters.length} meters`;
  const text = `a day of the Forrestal Building: ${counts.values} values, ${whole} (${counts.storedText} values are words: DAY)`;
  report({ kind: 'note', text });
  report({ kind: 'note', text: `${first.length} readings are at the site; the others arrive while the demo runs` });
  return { first, later: readings.slice(first.length) };
}

/** From the start of the workflow to the proof. */
async function play(open: OpenStack, options: DemoOptions, readings: Readings): Promise<DemoResult> {
  const { report } = options;
  const site = siteHandle(open.temporal, open.config.siteId);

  report({ kind: 'step', title: 'One cycle by hand' });
  await startSite(open.temporal, open.config);
  const once = await waitFor(() => site.status(), isAfterFirstCycle, FIRST_CYCLE_WITHIN_MS, options.signal);
  report({ kind: 'status', when: 'after the first cycle', status: once });

  const arrived = await runForAWhile(open, site, options, readings.later);

  report({ kind: 'step', title: 'Stopping in order' });
  await site.stop();
  const finalStatus = await site.result(STOP_WITHIN_MS);
  report({ kind: 'status', when: 'at the end', status: finalStatus });

  report({ kind: 'step', title: 'Comparing both ends with what was put in' });
  const proof = await proveReadings(open.databases, [...readings.first, ...arrived]);
  const { generated, remote, lost, doubled } = proof.readings;
  const ok = lost === 0 && doubled === 0 && remote === generated;
  return { ok, ...proof, cycles: finalStatus.cycles, finalStatus };
}

/** Cycles at the demo's interval while readings arrive. Answers with those that did, noted as they were committed. */
async function runForAWhile(
  { databases }: OpenStack,
  site: SiteHandle,
  { report, signal, pace = DEMO_PACE }: DemoOptions,
  later: readonly Reading[],
): Promise<readonly Reading[]> {
  const { intervalMs, runMs } = pace;
  const arrived: Reading[] = [];
  report({
    kind: 'step',
    title: `A cycle every ${intervalMs / 1000} s for ${runMs / 1000} s, while ${later.length} readings arrive`,
  });
  await site.configure({ intervalMs });
  const enough = new AbortController();
  const arrivals = letArrive(databases.local, later, {
    durationMs: runMs * (1 - LAST_ARRIVALS_BEFORE_END_SHARE),
    signal: AbortSignal.any([signal, enough.signal]),
    onArrived: (portion) => arrived.push(...portion),
  });
  arrivals.catch(() => undefined); // told by the wait for it below
  try {
    for (let passedMs = intervalMs; passedMs <= runMs; passedMs += intervalMs) {
      await pause(intervalMs, undefined, { signal });
      report({ kind: 'note', text: `${arrived.length} of ${later.length} readings have arrived` });
      report({ kind: 'status', when: `after ${passedMs / 1000} s`, status: await site.status() });
    }
    await arrivals;
  } finally {
    enough.abort();
  }
  await waitUntilTaken(site, Date.now(), signal, intervalMs);
  return arrived;
}

/** A cycle that began after the last arrival has seen them all. When none comes in time, the proof says what is left. */
async function waitUntilTaken(
  site: SiteHandle,
  lastArrivalAt: number,
  signal: AbortSignal,
  intervalMs: number,
): Promise<void> {
  const isTaken = ({ upload, queueSize }: Status): boolean =>
    queueSize === 0 && upload !== null && upload.ok && Date.parse(upload.startedAt) >= lastArrivalAt;
  await site.syncNow();
  await waitFor(() => site.status(), isTaken, intervalMs + LAST_CYCLE_WITHIN_MS, signal);
}

function isAfterFirstCycle({ cycles, state }: Status): boolean {
  return cycles > 0 && state !== 'syncing' && state !== 'catchingUp';
}

/** The script tells what happens; the worker's own lines would stand in between. */
function withQuietLogs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { METER_SYNC_LOG_LEVEL: 'warn', ...env };
}

function hostOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Looks again and again until the answer is as wished or the time is up; answers with the last one. */
async function waitFor<Answer>(
  look: () => Promise<Answer>,
  isWished: (answer: Answer) => boolean,
  withinMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (isWished(answer) || Date.now() >= deadline) return answer;
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
