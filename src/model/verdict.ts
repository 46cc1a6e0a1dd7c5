import { type Finding, VERDICTS } from './finding.js';
import { findKnown } from './known-findings.js';
import { type AbsentWorker, NOTHING_SEEN, type Observation } from './observation.js';
import { findAbsentWorker, findObserved } from './observed-findings.js';
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
  const [worst, ...others] = sortByUrgency([...findObserved(status, seen, now), ...findKnown(status, now)]);
  if (worst === undefined) throw new Error('a status without a finding'); // findKnown has at least one
  return { ...worst, also: others.filter(isTold).slice(0, MAX_FURTHER_FINDINGS) };
}

/** The verdict on a site of which nothing is known but that no worker answers for it. */
export function judgeAbsence(worker: AbsentWorker): Verdict {
  const [finding] = findAbsentWorker(worker);
  if (finding === undefined) throw new Error('an absent worker without a finding');
  return { ...finding, also: [] };
}

/** Beside another finding only what is wrong is told. */
function isTold({ verdict }: Finding): boolean {
  return verdict !== 'healthy' && verdict !== 'catchingUp';
}

/** A fence or a loss is decided by people while the site is paused, too; both go before what they keep from moving. */
function sortByUrgency(findings: readonly Finding[]): Finding[] {
  const urgency = ({ verdict, card }: Finding): number => {
    if (verdict === 'blocked' && card !== 'fenced') return VERDICTS.indexOf('stuck') + 0.5;
    return VERDICTS.indexOf(verdict);
  };
  return [...findings].sort((a, b) => urgency(a) - urgency(b));
}
