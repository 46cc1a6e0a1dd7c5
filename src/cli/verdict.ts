import type { FailureReport } from '../model/failures.js';
import { OPERATIONS } from '../model/state.js';
import type { Status } from '../model/status.js';
import { toCount, toInstant } from './duration.js';
import type { Mark } from './output.js';

/** The answer to one of the operator's questions. */
export interface Finding {
  readonly mark: Extract<Mark, 'good' | 'warning' | 'bad'>;
  readonly text: string;
}

/** The operator's three questions, answered from a status: is every reading safe, is anything stuck, what to do now. */
export interface Verdict {
  readonly safe: Finding;
  /** One entry for each thing that is stuck; empty when nothing is. */
  readonly stuck: readonly Finding[];
  /** What to do, most urgent first; empty: nothing. */
  readonly next: readonly string[];
}

/** An hour is many cycles: a reading that waits longer does not wait for the next one. */
const LONG_WAIT_MS = 60 * 60_000;

/** What a status means to the operator at the instant `now`, epoch milliseconds. */
export function toVerdict(status: Status, now: number): Verdict {
  const problems = [...findStops(status), ...findFailures(status), ...findLag(status, now), ...findLeftOut(status)];
  return {
    safe: judgeSafety(status, now),
    stuck: problems.map(({ mark, text }) => ({ mark, text })),
    next: [...new Set(problems.flatMap(({ next }) => (next === null ? [] : [next])))],
  };
}

/** True when a site does what it should: it runs, and nothing that was found is bad. */
export function isFine(status: Status, verdict: Verdict): boolean {
  return status.isRunning && verdict.stuck.every(({ mark }) => mark !== 'bad');
}

interface Problem extends Finding {
  readonly next: string | null;
}

/**
 * A reading leaves the site only after the remote's commit and equal counts, so each is at one end at least. What can be
 * unknown is how many wait here.
 */
function judgeSafety({ queueSize, totalRecordsSynced, quarantined, observedAt }: Status, now: number): Finding {
  const seen = toInstant(observedAt, now);
  const uploaded = `${toCount(totalRecordsSynced)} proved safe on the remote`;
  if (queueSize === null) return { mark: 'warning', text: `not known yet how many wait at the site; ${uploaded}` };
  const held = quarantined === null || quarantined === 0 ? '' : `, ${toCount(quarantined)} in quarantine at the site`;
  return { mark: 'good', text: `yes: ${uploaded}, ${toCount(queueSize)} waiting at the site${held} (seen ${seen})` };
}

function findStops({ siteId, state, isRunning }: Status): Problem[] {
  if (!isRunning) return [{ mark: 'bad', text: 'the sync is stopped', next: `meter-sync start --site ${siteId}` }];
  if (state === 'paused') {
    return [{ mark: 'warning', text: 'the sync is paused', next: `meter-sync resume --site ${siteId}` }];
  }
  return [];
}

/** An upload that fails keeps readings at the site, so it is bad; the downloads have time. */
function findFailures(status: Status): Problem[] {
  return OPERATIONS.flatMap((operation) => {
    const error: FailureReport | null = status[operation]?.error ?? null;
    if (error === null) return [];
    return [
      { mark: operation === 'upload' ? 'bad' : 'warning', text: `${operation}: ${error.message}`, next: error.next },
    ];
  });
}

function findLag({ queueSize, oldestUnsynced, isRunning, siteId }: Status, now: number): Problem[] {
  if (!isRunning || queueSize === null || queueSize === 0 || oldestUnsynced === null) return [];
  const oldestAt = Date.parse(oldestUnsynced);
  if (Number.isNaN(oldestAt) || now - oldestAt < LONG_WAIT_MS) return [];
  const text = `${toCount(queueSize)} readings wait, the oldest since ${toInstant(oldestUnsynced, now)}`;
  return [{ mark: 'warning', text, next: `meter-sync status --site ${siteId} --refresh` }];
}

function findLeftOut(status: Status): Problem[] {
  return (['meters', 'tenants'] as const).flatMap((operation) => {
    const { refused = 0, waiting = 0 } = status[operation]?.result ?? {};
    const named = "The worker's log names them and says why";
    const rows = (count: number, what: string, next: string | null): Problem[] =>
      count === 0 ? [] : [{ mark: 'warning', text: `${operation}: ${toCount(count)} rows ${what}`, next }];
    return [
      ...rows(refused, 'are refused by the local table', named),
      ...rows(waiting, 'wait for a row of another table', null),
    ];
  });
}
