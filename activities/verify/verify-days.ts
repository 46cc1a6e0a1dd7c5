import type { ChainWalk } from '../../src/model/chain-walk.js';
import { dayBefore, isBefore, isNextDay, sortDays } from '../../src/model/day-order.js';
import { NOTHING } from '../../src/model/delivered-day.js';
import type { Doubt } from '../../src/model/doubt.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { type Database, runAll, type Session } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { findDayColumn } from './day-column.js';
import { findDayBetween } from './look-at-day.js';
import { type ComparedReadings, type VerifiedDay, verifyDay } from './verify-day.js';
import { walkToEnd } from './walk-chain.js';

/** What was compared, and where it ended. */
export interface VerifiedDays {
  readonly days: readonly VerifiedDay[];
  readonly doubts: readonly Doubt[];
  /** False when somebody stopped it or a link was lost before the last day, or before what may lie after that was looked for. */
  readonly isComplete: boolean;
  /** The last day that was looked at, where it was not complete: `after` for the run that goes on; null: none was. */
  readonly stoppedAfter: string | null;
  /** The failure that ended it; null: there was none. */
  readonly stoppedBy: string | null;
}

/** What to compare. */
export interface DaysQuestion extends ComparedReadings {
  readonly siteId: string;
  /** Days `2026-11-22`, both included; null: no bound. */
  readonly from: string | null;
  readonly to: string | null;
  /** Goes on after this day of an earlier run, which may be one of no calendar; null: from the beginning. */
  readonly after: string | null;
  readonly isStopped: () => boolean;
  /** Cuts the query that is under way. */
  readonly signal?: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Compares the days of a chain with the remote table, one bounded query a day, and looks for readings on days between and
 * after them. Each day is looked at in a snapshot together with the records that have come since, so an upload that goes on
 * meanwhile is no difference.
 */
export async function verifyDays(remote: Database, walked: ChainWalk, question: DaysQuestion): Promise<VerifiedDays> {
  const { signal, isStopped, onProgress } = question;
  const options = { isolation: 'repeatable read, read only', ...(signal === undefined ? {} : { signal }) } as const;
  const days: VerifiedDay[] = [];
  const doubts: Doubt[] = [];
  let walk = walked;
  let asked = listAsked(walk, question);
  let last = findStart(walk, question);
  const endAt = (stoppedBy: string | null): VerifiedDays => {
    const stoppedAfter = days.at(-1)?.day ?? question.after;
    return { days, doubts, isComplete: false, stoppedAfter, stoppedBy };
  };
  for (;;) {
    const rest = last === undefined ? asked : asked.filter((day) => isBefore(last ?? null, day));
    onProgress(asked.length - rest.length, asked.length);
    const next = rest[0];
    const isOver = last === null && next === undefined; // the readings without a day come after all others
    if (isStopped() && !isOver) return endAt(null);
    try {
      const verified = await withTransaction(remote, options, async (session) => {
        await runAll(session, TEXT_FORMS);
        const walkedOn = await walkToEnd(session, question.siteId, walk);
        if (walkedOn !== walk) asked = listAsked(walkedOn, question);
        walk = walkedOn;
        const day = await findNext(session, question, walk, { last, next });
        return day === undefined ? null : verifyDay(session, question, walk, day);
      });
      if (verified === null) return { days, doubts, isComplete: true, stoppedAfter: null, stoppedBy: null };
      days.push(verified.line);
      doubts.push(...verified.doubts);
      last = verified.line.day;
    } catch (error) {
      if (isStopped()) return endAt(null);
      if (days.length === 0 || !(error instanceof DatabaseFailure) || error.kind !== 'unreachable') throw error;
      return endAt(error.message);
    }
  }
}

/** The day after which readings are looked for that nobody delivered; undefined: nothing was delivered before. */
function findStart({ days }: ChainWalk, { from, after }: DaysQuestion): string | null | undefined {
  if (after !== null) return after;
  const isLater = from !== null && [...days].some(([day, { rows }]) => rows > 0 && isBefore(day, from));
  return isLater ? dayBefore(from) : undefined;
}

/** The delivered days that were asked for; those that are no days of the calendar only when all are asked for. */
function listAsked({ days }: ChainWalk, { from, to, after }: DaysQuestion): (string | null)[] {
  return sortDays(days.keys()).filter((day) => {
    if ((days.get(day) ?? NOTHING).rows === 0) return false;
    if (after !== null && !isBefore(after, day)) return false;
    if (day === null || !IS_PLAIN.test(day)) return from === null && to === null;
    return (from === null || day >= from) && (to === null || day <= to);
  });
}

const IS_PLAIN = /^\d{4}-\d\d-\d\d$/;

/** The next day to look at: one that was delivered, or one before it on which there are readings all the same. */
async function findNext(
  session: Session,
  { readings, scope, to, columnsThere }: DaysQuestion,
  walk: ChainWalk,
  { last, next }: { last: string | null | undefined; next: string | null | undefined },
): Promise<string | null | undefined> {
  const dayColumn = findDayColumn(walk, columnsThere);
  if (last === undefined || last === null || dayColumn === null) return next;
  if (typeof next === 'string' && isNextDay(last, next)) return next;
  const found = await findDayBetween(session, { readings, dayColumn, scope }, { after: last, before: next ?? null });
  if (found === null || (to !== null && isBefore(to, found))) return next;
  return found;
}
