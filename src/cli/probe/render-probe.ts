import type { Status } from '../../model/status.js';
import { type ProbeAnswer, PROBE_STATES, toAges, toMaxSuccessAge } from './judge-probe.js';
import type { ProbeOptions } from './options.js';

/** Figures for graphs; null: not known. Durations in seconds. */
export interface ProbeFigures {
  readonly queue: number | null;
  readonly lag: number | null;
  readonly success_age: number | null;
  readonly quarantine: number | null;
  readonly uploaded: number | null;
}

/** The figures of a status, as performance data names them. */
export function toProbeFigures(status: Status, now: number): ProbeFigures {
  const { lagMs, successAgeMs } = toAges(status, now);
  const { queueSize: queue, quarantined: quarantine, totalRecordsSynced: uploaded } = status;
  return { queue, lag: toSeconds(lagMs), success_age: toSeconds(successAgeMs), quarantine, uploaded };
}

/**
 * The one line of a probe: `METER_SYNC OK - north: reason | queue=0;;;0 lag=0s;;900;0 ...`.
 * https://nagios-plugins.org/doc/guidelines.html has its form.
 */
export function renderProbe(
  siteId: string,
  { state, reasons }: ProbeAnswer,
  measured: { readonly status: Status; readonly thresholds: ProbeOptions; readonly now: number } | null,
): string {
  const text = reasons.join('; ').replace(/\s+/g, ' ').replaceAll('|', '/'); // a bar begins the performance data
  const line = `METER_SYNC ${state} - ${siteId}: ${text}`;
  return measured === null ? line : `${line} | ${toPerformanceData(measured)}`;
}

/** The exit code of a state. */
export function toExitCode({ state }: Pick<ProbeAnswer, 'state'>): 0 | 1 | 2 | 3 {
  return PROBE_STATES.indexOf(state) as 0 | 1 | 2 | 3;
}

/** `label=value[unit];warning;critical;minimum`, where U stands for a value that is not known. */
function toPerformanceData({
  status,
  thresholds,
  now,
}: {
  readonly status: Status;
  readonly thresholds: ProbeOptions;
  readonly now: number;
}): string {
  const figures = toProbeFigures(status, now);
  const [maxLag, maxSuccessAge] = [thresholds.maxLag, toMaxSuccessAge(status, thresholds)].map(toSeconds);
  return [
    `queue=${figures.queue ?? 'U'};;;0`,
    `lag=${withUnit(figures.lag, 's')};;${maxLag};0`,
    `success_age=${withUnit(figures.success_age, 's')};;${maxSuccessAge};0`,
    `quarantine=${figures.quarantine ?? 'U'};${thresholds.maxQuarantine};;0`,
    `uploaded=${withUnit(figures.uploaded, 'c')};;;0`,
  ].join(' ');
}

function withUnit(value: number | null, unit: string): string {
  return value === null ? 'U' : `${value}${unit}`;
}

function toSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 1_000);
}
