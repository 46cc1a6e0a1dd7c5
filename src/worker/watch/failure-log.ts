import type { AttemptEvent } from '../../../activities/heard.js';
import type { FailureReport } from '../../model/failures.js';
import type { DownloadResult, ProbeResult } from '../../model/operations.js';
import { OPERATION_OF, OPERATIONS } from '../../model/state.js';
import type { StatusFacts } from '../../model/status-facts.js';
import { toDuration } from '../../model/words.js';
import type { WorkerLogger } from '../logger.js';
import { TELL_AGAIN_MS } from '../waits.js';

/** What failed, as the log calls it. */
const WORDS: Readonly<Record<string, string>> = { meters: 'meter download', tenants: 'tenant download' };

/** Tells failures of operations in the log: once when one begins, once an hour while it lasts, once when it ends. */
export interface FailureLog {
  hearAttempt(event: AttemptEvent): void;
  /** What only the workflow knows of: an operation that ran elsewhere, or that nobody has ended. */
  hearStatus(facts: StatusFacts): void;
}

/** A failure that lasts: the same kind, of the same database. */
interface Failing {
  report: FailureReport;
  readonly since: number;
  tries: number;
  toldAt: number;
  /** True once an attempt here has counted since the workflow last told its outcome. */
  isCounted: boolean;
}

/** Nothing fails yet. */
export function createFailureLog(logger: WorkerLogger, clock: () => number = Date.now): FailureLog {
  const failing = new Map<string, Failing>();
  const outcomes = new Map<string, string | undefined>();
  const keyOf = (site: string, operation: string): string => `${operation} ${site}`;
  const count = (site: string, operation: string, report: FailureReport): Failing => {
    const now = clock();
    const before = failing.get(keyOf(site, operation));
    const isSame = before?.report.kind === report.kind && before.report.side === report.side;
    const entry: Failing = isSame ? before : { report, since: now, tries: 0, toldAt: -Infinity, isCounted: false };
    failing.set(keyOf(site, operation), entry);
    entry.report = report;
    entry.tries += 1;
    if (now - entry.toldAt < TELL_AGAIN_MS) return entry;
    entry.toldAt = now;
    const [verb, lasts] =
      entry.tries === 1 ? ['fails', {}] : ['still fails', { tries: entry.tries, lasts: toDuration(now - entry.since) }];
    logger.warn(`${WORDS[operation] ?? operation} ${verb}`, { site, ...toLogFacts(report), ...lasts });
    return entry;
  };
  const end = (site: string, operation: string): void => {
    const entry = failing.get(keyOf(site, operation));
    if (entry === undefined) return;
    failing.delete(keyOf(site, operation));
    logger.info(`${WORDS[operation] ?? operation} works again`, {
      site,
      tries: entry.tries,
      lasted: toDuration(clock() - entry.since),
    });
  };
  /** A look that finds a database away is one more try of what waits for it. */
  const countLook = (site: string, { localDbConnected, remoteDbConnected }: ProbeResult): void => {
    if (localDbConnected && remoteDbConnected) return;
    for (const operation of OPERATIONS) {
      const entry = failing.get(keyOf(site, operation));
      if (entry?.report.kind === 'unreachable') count(site, operation, entry.report);
    }
  };
  return {
    hearAttempt(event) {
      const { siteId, activity, what } = event;
      const operation = OPERATION_OF[activity] ?? activity;
      if (what === 'failed') count(siteId, operation, event.report).isCounted = true;
      if (what !== 'ended') return;
      const [ofFurther] = (event.result as DownloadResult).furtherFailures ?? [];
      if (ofFurther === undefined) end(siteId, operation);
      else count(siteId, operation, ofFurther).isCounted = true;
      if (activity === 'probe') countLook(siteId, event.result as ProbeResult);
    },
    hearStatus(facts) {
      for (const operation of OPERATIONS) {
        const outcome = facts[operation];
        const key = keyOf(facts.siteId, operation);
        if (outcome === null || outcome.startedAt === outcomes.get(key)) continue;
        outcomes.set(key, outcome.startedAt);
        const entry = failing.get(key);
        if (outcome.error === null) end(facts.siteId, operation);
        else if (entry?.isCounted !== true) count(facts.siteId, operation, outcome.error);
        if (entry !== undefined) entry.isCounted = false;
      }
    },
  };
}

/** What is known of where it fails. */
function toLogFacts({ message: problem, held, ...facts }: FailureReport): Record<string, unknown> {
  const known = Object.entries(facts).filter(([, value]) => value !== null);
  return { problem, ...(held === undefined ? {} : { change: held.change }), ...Object.fromEntries(known) };
}
