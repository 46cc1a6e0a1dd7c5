import type { Finding, VerdictName } from '../../model/finding.js';
import type { Status } from '../../model/status.js';
import type { Verdict } from '../../model/verdict.js';
import { toDuration, toReadings } from '../../model/words.js';
import type { ProbeOptions } from './options.js';

/** As Nagios and its kin read an exit code. */
export const PROBE_STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
/** One of them; its place in the list is the exit code. */
export type ProbeState = (typeof PROBE_STATES)[number];

/** One thing that a probe has found. */
interface Found {
  readonly state: Extract<ProbeState, 'OK' | 'WARNING' | 'CRITICAL'>;
  readonly text: string;
}

/** What a probe answers: the worst state, and why, the worst first. */
export interface ProbeAnswer {
  readonly state: ProbeState;
  readonly reasons: readonly string[];
}

/** How a verdict is taken by itself. What is stuck for a moment is a warning: the thresholds say when it is too long. */
const STATES: Readonly<Record<VerdictName, Found['state']>> = {
  stopped: 'CRITICAL',
  stuckTask: 'CRITICAL',
  offline: 'CRITICAL',
  blocked: 'CRITICAL',
  paused: 'WARNING',
  stuck: 'WARNING',
  overdue: 'WARNING',
  warning: 'WARNING',
  catchingUp: 'OK',
  healthy: 'OK',
};

/** Without a threshold of its own: some intervals may be missed by a short outage that nobody need be woken for. */
const SUCCESS_AGE_MS = 15 * 60_000;
const SUCCESS_AGE_INTERVALS = 3;

/**
 * Judges a site for a monitoring system: the verdict, and the thresholds that its operator has set.
 * @param status null: there is none, and the verdict says why
 */
export function judgeProbe(
  { verdict, status }: { readonly verdict: Verdict; readonly status: Status | null },
  thresholds: ProbeOptions,
  now: number,
): ProbeAnswer {
  const isOfThreshold = ({ card }: Finding): boolean => card === 'lag' || card === 'quarantine';
  const findings = [verdict, ...verdict.also]
    .filter((finding) => !isOfThreshold(finding))
    .map((finding): Found => ({ state: STATES[finding.verdict], text: finding.reason }));
  const measured = status === null || !status.isRunning ? [] : measure(status, verdict, thresholds, now);
  const found = [...measured, ...findings].sort(
    (a, b) => PROBE_STATES.indexOf(b.state) - PROBE_STATES.indexOf(a.state),
  );
  const state = found[0]?.state ?? 'OK';
  const told = found.filter((one) => state === 'OK' || one.state !== 'OK').map(({ text }) => text);
  return { state, reasons: told.length > 0 ? told : ['readings leave the site as they come'] };
}

function measure(status: Status, { verdict }: Verdict, thresholds: ProbeOptions, now: number): Found[] {
  const { pausedBy, quarantined } = status;
  const found: Found[] = [];
  if (quarantined !== null && quarantined > thresholds.maxQuarantine) {
    found.push({
      state: 'WARNING',
      text: `${toReadings(quarantined)} in quarantine, more than ${thresholds.maxQuarantine}`,
    });
  }
  if (pausedBy !== null) {
    const pausedMs = now - Date.parse(pausedBy.since);
    if (pausedMs > thresholds.maxPause) found.push(beyond('paused for', pausedMs, thresholds.maxPause, 'CRITICAL'));
    return found; // what a pause holds back is no failure of the sync
  }
  const { lagMs, successAgeMs } = toAges(status, now);
  const maxSuccessAge = toMaxSuccessAge(status, thresholds);
  if (lagMs !== null && lagMs > thresholds.maxLag) {
    const state = verdict === 'catchingUp' ? 'WARNING' : 'CRITICAL';
    found.push(beyond('the oldest waiting reading is', lagMs, thresholds.maxLag, state));
  }
  if (successAgeMs > maxSuccessAge) {
    const state = verdict === 'catchingUp' || verdict === 'warning' ? 'WARNING' : 'CRITICAL';
    found.push(beyond('no cycle has succeeded for', successAgeMs, maxSuccessAge, state));
  }
  return found;
}

/** How old what waits and what succeeded is; a lag of null: not known. */
export function toAges(status: Status, now: number): { readonly lagMs: number | null; readonly successAgeMs: number } {
  const { queueSize, oldestUnsynced, lastSuccessTime, startedAt } = status;
  const lagMs = queueSize === 0 ? 0 : oldestUnsynced === null ? null : Math.max(0, now - Date.parse(oldestUnsynced));
  return { lagMs: Number.isNaN(lagMs) ? null : lagMs, successAgeMs: now - Date.parse(lastSuccessTime ?? startedAt) };
}

/** The threshold in force for the age of the last success. */
export function toMaxSuccessAge({ intervalMs }: Pick<Status, 'intervalMs'>, { maxSuccessAge }: ProbeOptions): number {
  return maxSuccessAge ?? Math.max(SUCCESS_AGE_MS, SUCCESS_AGE_INTERVALS * intervalMs);
}

function beyond(what: string, ms: number, maxMs: number, state: Found['state']): Found {
  return {
    state,
    text: `${what} ${toDuration(ms)}${what.endsWith(' is') ? ' old' : ''}, more than ${toDuration(maxMs)}`,
  };
}
