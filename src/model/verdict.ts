import { type Finding, isWell, VERDICTS } from './finding.js';
import { findKnown } from './known-findings.js';
import { NOTHING_SEEN, type Observation } from './observation.js';
import { findObserved, findUnanswered } from './observed-findings.js';
import type { StatusFacts } from './status-facts.js';

/** What the state of a site means: the most urgent finding, and the others. Every surface shows this answer. */
export interface Verdict extends Finding {
  /** At most `MAX_FURTHER_FINDINGS`. */
  readonly also: readonly Finding[];
}

/** A status is small. */
const MAX_FURTHER_FINDINGS = 8;

/**
 * Judges a site: one word, since when, why, who must act, and the next command.
 * @param now epoch milliseconds: of an observer's clock, or of the loop's where the workflow judges itself
 * @param seen what only an observer outside can say; the workflow itself knows nothing of it
 */
export function judge(status: StatusFacts, now: number, seen: Observation = NOTHING_SEEN): Verdict {
  return toVerdict([...findObserved(status, seen, now), ...findKnown(status, now)]);
}

/**
 * The verdict on a site that gives no status: by what an observer outside has seen, which must be something.
 * @param lastKnown the verdict that the site itself published last; what was wrong then most likely still is. Null: none is known
 */
export function judgeSilence(siteId: string, seen: Observation, lastKnown: Finding | null = null): Verdict {
  const before = lastKnown === null || lastKnown.verdict === 'stopped' ? [] : [lastKnown];
  return toVerdict([...findUnanswered({ siteId }, seen), ...before]);
}

/** The verdict on a site whose workflow ended in another way than by a stop. */
export function judgeEnd(
  siteId: string,
  { how, closedAt }: { readonly how: string; readonly closedAt: string | null },
): Verdict {
  const reason = `the workflow ended as ${how}, and was not stopped; readings wait at the site`;
  const next = `meter-sync start --site ${siteId}`;
  return { verdict: 'stopped', card: 'stopped', since: closedAt, reason, actor: 'operator', next, also: [] };
}

function toVerdict(findings: readonly Finding[]): Verdict {
  const [worst, ...others] = sortByUrgency(findings);
  if (worst === undefined) throw new Error('nothing was found of a site, not even that it is fine'); // findKnown has at least one
  return { ...worst, also: others.filter((finding) => !isWell(finding)).slice(0, MAX_FURTHER_FINDINGS) };
}

/** A fence or a loss is decided by people while the site is paused, too; both go before what they keep from moving. */
function sortByUrgency(findings: readonly Finding[]): Finding[] {
  const urgency = ({ verdict, card }: Finding): number => {
    if (verdict === 'blocked' && card !== 'fenced') return VERDICTS.indexOf('stuck') + 0.5;
    return VERDICTS.indexOf(verdict);
  };
  return [...findings].sort((a, b) => urgency(a) - urgency(b));
}
