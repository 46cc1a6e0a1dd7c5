import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { dayBefore, isBefore, sortDays } from '../../../src/model/day-order.js';
import { NOTHING } from '../../../src/model/delivered-day.js';
import type { Doubt } from '../../../src/model/doubt.js';
import type { Column, QueueTable } from '../../../src/model/table.js';
import { type Database, runAll, type Session } from '../../../src/postgres/session.js';
import { OWN_FUNCTIONS_FIRST, TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { DayColumnNow } from '../day/day-column.js';
import type { MeterScope } from '../day/look-at-day.js';
import type { OtherSites } from '../day/other-sites.js';
import type { DayContext, VerifiedDay } from '../day/verify-day.js';

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
export interface DaysQuestion {
  readonly siteId: string;
  readonly readings: QueueTable;
  /** Null: nothing tells the site's readings from those of others. */
  readonly scope: MeterScope | null;
  /** The columns that the remote table has now. */
  readonly columnsThere: ReadonlyMap<string, Column>;
  readonly others: OtherSites;
  /** True when records are missing on the remote: readings that they told of are there without one. */
  readonly lacksRecords: boolean;
  /** Days `2026-11-22`, both included; null: no bound. */
  readonly from: string | null;
  readonly to: string | null;
  /** Goes on after this day of an earlier run, which may be one of no calendar; null: from the beginning. */
  readonly after: string | null;
  /** True: the bytes of the readings are compared, where records hold digests of them. */
  readonly isDeep?: boolean;
  readonly isStopped: () => boolean;
  /** Cuts the query that is under way. */
  readonly signal?: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Runs `work` in one snapshot of the remote that prints values in the forms that are hashed. */
export async function withSnapshot<Result>(
  remote: Database,
  { signal }: Pick<DaysQuestion, 'signal'>,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const options = { isolation: 'repeatable read, read only', ...(signal === undefined ? {} : { signal }) } as const;
  return withTransaction(remote, options, async (session) => {
    await runAll(session, [OWN_FUNCTIONS_FIRST, ...TEXT_FORMS]);
    return work(session);
  });
}

/** What a day is compared with, whichever way its readings are looked at. */
export function toContext(
  session: Session,
  { columnsThere, scope, others, lacksRecords }: DaysQuestion,
  { walk, dayColumn, day }: { readonly walk: ChainWalk; readonly dayColumn: DayColumnNow; readonly day: string | null },
): Omit<DayContext, 'look' | 'readMeters'> {
  return {
    ...{ walk, columnsThere, lacksRecords, obstacle: dayColumn.obstacle, isScoped: scope !== null },
    readOthers: () => others.readDay(session, day),
  };
}

/** The day after which readings are looked for that nobody delivered; undefined: nothing was delivered before. */
export function findStart({ days }: ChainWalk, { from, after }: DaysQuestion): string | null | undefined {
  if (after !== null) return after;
  const isLater = from !== null && [...days].some(([day, { rows }]) => rows > 0 && isBefore(day, from));
  return isLater ? dayBefore(from) : undefined;
}

/** The delivered days that were asked for; the readings without a day only when all are asked for. */
export function listAsked({ days }: ChainWalk, { from, to, after }: DaysQuestion): (string | null)[] {
  return sortDays(days.keys()).filter((day) => {
    if ((days.get(day) ?? NOTHING).rows === 0) return false;
    if (after !== null && !isBefore(after, day)) return false;
    if (day === null) return from === null && to === null;
    return (from === null || !isBefore(day, from)) && (to === null || !isBefore(to, day));
  });
}
