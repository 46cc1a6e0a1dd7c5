import type { VerdictName } from '../model/finding.js';
import { describeLost } from '../model/lost.js';
import type { SiteMemo } from '../model/memo.js';
import type { Status } from '../model/status.js';
import { toCount, toQueueSize, toReadings } from '../model/words.js';
import { toInstant } from './instant.js';
import type { Mark } from './output.js';

/** The answer to one of the operator's questions. */
export interface Answered {
  readonly mark: Extract<Mark, 'good' | 'warning' | 'bad'>;
  readonly text: string;
}

/** Without a worker: what the sync promises holds without one, too. */
const SAFE_WITHOUT_WORKER: Answered = {
  mark: 'good',
  text: 'yes: a reading leaves the site only once it is proved safe on the remote; how many wait is not known now',
};

/** What can be said of a site that gives no status, by the last figures that it published; null: it published none. */
export function judgeSafetyOfMemo(memo: SiteMemo | null, now: number): Answered {
  if (memo === null) return SAFE_WITHOUT_WORKER;
  const { lostAtRemote, queueSize, verdict, observedAt } = memo;
  const seen = toInstant(observedAt, now);
  if (lostAtRemote !== null) {
    return {
      mark: 'bad',
      text: `no: the remote lacked ${toReadings(lostAtRemote)} when the site was last heard of, ${seen}`,
    };
  }
  if (verdict.card === 'fenced') {
    return {
      mark: 'bad',
      text: 'not certain until someone resolves the fence, see below. What is at the site stays there',
    };
  }
  const waited =
    queueSize === null
      ? 'how many wait is not known'
      : `${toQueueSize(memo)} waited when it was last heard of, ${seen}`;
  return {
    mark: 'warning',
    text: `yes: a reading leaves the site only once it is proved safe on the remote; ${waited}`,
  };
}

/**
 * A reading leaves the site only after the remote's commit and equal counts, so each is at one end at least. What can be
 * unknown is how many wait here.
 */
export function judgeSafety(
  status: Status,
  now: number,
  { verdict, isRefreshed }: { readonly verdict: VerdictName; readonly isRefreshed: boolean },
): Answered {
  const { queueSize, totalRecordsSynced, quarantined, observedAt } = status;
  const seen = toInstant(observedAt, now);
  const uploaded =
    totalRecordsSynced === null
      ? 'nothing counts as safe until the first upload has finished'
      : `${toCount(totalRecordsSynced)} proved safe on the remote`;
  if (status.upload?.error?.kind === 'fenced') {
    const text = `not certain until someone resolves the fence, see below. What is at the site stays there; ${uploaded} when it was sent (meter-sync verify --site ${status.siteId})`;
    return { mark: 'bad', text };
  }
  if (status.lostAtRemote !== null) {
    const text = `no: the remote has lost ${describeLost(status.lostAtRemote)}, see below. What is at the site is safe; ${uploaded} when it was sent`;
    return { mark: 'bad', text };
  }
  if (queueSize === null) return { mark: 'warning', text: `not known yet how many wait at the site; ${uploaded}` };
  if (!isRefreshed && isSilent(verdict)) {
    const counted = `${toQueueSize(status)} waited when it was last heard of, ${seen}`;
    return { mark: 'warning', text: `yes: ${uploaded}; at the site ${counted}` };
  }
  if (!isRefreshed && status.upload?.ok === false) {
    const counted = `${toQueueSize(status)} waited at the last count, ${seen}, and the upload fails`;
    return { mark: 'warning', text: `yes: ${uploaded}; at the site ${counted} (--refresh counts now)` };
  }
  const held = quarantined === null || quarantined === 0 ? '' : `, ${toCount(quarantined)} in quarantine at the site`;
  return { mark: 'good', text: `yes: ${uploaded}, ${toQueueSize(status)} waiting at the site${held} (seen ${seen})` };
}

/** Nothing is heard of the site, so readings may have come since. */
function isSilent(verdict: VerdictName): boolean {
  return verdict === 'offline' || verdict === 'stuckTask' || verdict === 'overdue';
}
