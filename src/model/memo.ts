import { toShortMessage } from './failures.js';
import type { Finding } from './finding.js';
import type { SchedulerState } from './state.js';
import type { Status } from './status.js';

/**
 * The last known figures of a site, small and dated. They lie in the memo of its workflow, which Temporal tells of every site in one
 * list and of a site that no worker serves: its last status.
 */
export interface SiteMemo extends Pick<
  Status,
  | 'siteId'
  | 'state'
  | 'queueSize'
  | 'queueSizeIsEstimate'
  | 'oldestUnsynced'
  | 'observedAt'
  | 'quarantined'
  | 'totalRecordsSynced'
  | 'lastSuccessTime'
  | 'intervalMs'
> {
  /** When it was written, by the loop's clock. ISO 8601 UTC. */
  readonly at: string;
  /** Without the further findings; its texts are cut short. */
  readonly verdict: Finding;
  /** Delivered readings that the remote has no more; null: none are known. */
  readonly lostAtRemote: number | null;
}

/** A change of the verdict is written at once, figures alone not more often than this: each memo is an event and an action. */
const MEMO_EVERY_MS = 15 * 60_000;
/** Temporal warns of a memo of two kilobytes. */
const MAX_TEXT = 400;

/**
 * True when a memo is to be written: the verdict is another one than it says, or it is old and there is something newer to tell, which
 * is what a cycle or a look has seen. So a cycle is told when it has ended and not when the next one begins.
 */
export function isMemoDue({ memo, lastCycle, lookedAt }: SchedulerState, { verdict, card }: Finding): boolean {
  if (memo === undefined || memo.verdict !== verdict || memo.card !== card) return true;
  const newsAt = Math.max(lastCycle?.endedAt ?? 0, lookedAt ?? 0);
  return newsAt - memo.at >= MEMO_EVERY_MS;
}

/** The figures of a status as a memo. */
export function toMemo(status: Status, at: number): SiteMemo {
  const { verdict, card, since, reason, actor, next } = status.verdict;
  const { siteId, state, queueSize, queueSizeIsEstimate, oldestUnsynced, observedAt } = status;
  const { quarantined, totalRecordsSynced, lastSuccessTime, intervalMs } = status;
  const finding: Finding = {
    ...{ verdict, card, since, actor },
    reason: toShortMessage(reason, MAX_TEXT),
    next: next === null ? null : toShortMessage(next, MAX_TEXT),
  };
  return {
    ...{ siteId, at: new Date(at).toISOString(), verdict: finding, state },
    ...{ queueSize, queueSizeIsEstimate, oldestUnsynced, observedAt, quarantined },
    lostAtRemote: status.lostAtRemote?.readings ?? null,
    ...{ totalRecordsSynced, lastSuccessTime, intervalMs },
  };
}

/** A memo as it was read; null: there is none, or another program has written it. */
export function readMemo(told: unknown): SiteMemo | null {
  const { siteId, at, verdict } = (told ?? {}) as Partial<Record<keyof SiteMemo, unknown>>;
  const isMemo =
    typeof siteId === 'string' && typeof at === 'string' && typeof verdict === 'object' && verdict !== null;
  return isMemo ? (told as SiteMemo) : null;
}
