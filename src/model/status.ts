import type { SchedulerState } from './state.js';
import { type StatusFacts, toFacts } from './status-facts.js';
import { judge, type Verdict } from './verdict.js';

/**
 * The answer of `getStatus` and the workflow's result: every field is always there, and what is not known is null.
 * Times are ISO 8601 UTC, durations end in `Ms`.
 */
export interface Status extends StatusFacts {
  /** As the workflow itself sees it: an observer outside may know more, see `observation.ts`. */
  readonly verdict: Verdict;
}

/** The status of a site, from its state alone: a query must not look at anything else. */
export function toStatus(siteId: string, state: SchedulerState): Status {
  const facts = toFacts(siteId, state);
  return { ...facts, verdict: judge(facts, state.reachedAt) };
}
