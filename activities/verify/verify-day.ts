import { type ChainWalk, isUnsummed } from '../../src/model/chain-walk.js';
import { type DayTotal, describeDay, isDelivered, NOTHING } from '../../src/model/delivered-day.js';
import type { Doubt } from '../../src/model/doubt.js';
import type { Column, QueueTable } from '../../src/model/table.js';
import type { Session } from '../../src/postgres/session.js';
import { findDayColumn } from './day-column.js';
import { readDeliveredByAll } from './delivered-by-all.js';
import { type DayQuestion, lookAtDay, type MeterScope, readMetersOfDay } from './look-at-day.js';

/** The readings on the remote that the chain is compared with. */
export interface ComparedReadings {
  readonly readings: QueueTable;
  readonly scope: MeterScope | null;
  /** The columns that the remote table has now: a record may name others. */
  readonly columnsThere: ReadonlyMap<string, Column>;
}

/** One line of the comparison: what was delivered on a day, and what is there. */
export interface VerifiedDay {
  readonly day: string | null;
  readonly delivered: number;
  /** Null: it could not be compared, see `unproved`. */
  readonly found: number | null;
  /** True when only the numbers could be compared, since columns changed since or in the course of the day. */
  readonly isCountOnly: boolean;
  readonly isSafe: boolean;
  /** Why the day could not be compared; null when it was. */
  readonly unproved: string | null;
}

/** A day, and what is wrong with it. */
interface Verified {
  readonly line: VerifiedDay;
  readonly doubts: readonly Doubt[];
}

/**
 * Compares one day. It is proved when this site's meters have what this site delivered; and also when the table has what all
 * sites together delivered: meters move from site to site, and a reading's meter may be unknown here or missing.
 */
export async function verifyDay(
  session: Session,
  question: ComparedReadings,
  walk: ChainWalk,
  day: string | null,
): Promise<Verified> {
  const delivered = withoutGone(walk.days.get(day) ?? NOTHING, question);
  const unproved = findObstacle(question, walk, day, delivered);
  if (unproved !== null) {
    return {
      line: { day, delivered: delivered.rows, found: null, isCountOnly: true, isSafe: false, unproved },
      doubts: [],
    };
  }
  const { readings, scope } = question;
  const dayColumn = findDayColumn(walk, question.columnsThere);
  const place = { readings, dayColumn, day, columns: delivered.columns };
  const line = {
    day,
    delivered: delivered.rows,
    isCountOnly: delivered.columns === null && delivered.rows > 0,
    unproved,
  };
  const scopes = scope === null ? [null] : [scope, { ...scope, withNull: true }];
  for (const own of scopes) {
    const found = await lookAtDay(session, { ...place, scope: own });
    if (isDelivered(delivered, found)) return { line: { ...line, found: found.rows, isSafe: true }, doubts: [] };
  }
  const byAll = withoutGone(await readDeliveredByAll(session, day), question);
  const all = await lookAtDay(session, { ...place, columns: byAll.columns, scope: null });
  if (isDelivered(byAll, all)) {
    const found = delivered.rows;
    return { line: { ...line, found, isCountOnly: byAll.columns === null, isSafe: true }, doubts: [] };
  }
  if (scope === null) return tell(session, { ...place, scope }, byAll, line);
  return tell(session, { ...place, scope }, delivered, line);
}

async function tell(
  session: Session,
  question: DayQuestion,
  delivered: DayTotal,
  line: Omit<VerifiedDay, 'found' | 'isSafe'>,
): Promise<Verified> {
  const found = { ...(await lookAtDay(session, question)), meters: await readMetersOfDay(session, question) };
  const doubt = describeDay(question.day, delivered, found);
  return { line: { ...line, delivered: delivered.rows, found: found.rows, isSafe: false }, doubts: [doubt] };
}

/** A column that the remote has no more cannot be hashed: then the readings are counted. */
function withoutGone(delivered: DayTotal, { columnsThere }: ComparedReadings): DayTotal {
  const isWhole = delivered.columns?.every(({ name }) => columnsThere.has(name)) ?? false;
  return isWhole ? delivered : { ...delivered, columns: null };
}

function findObstacle(
  { columnsThere }: ComparedReadings,
  walk: ChainWalk,
  day: string | null,
  { dayColumn }: DayTotal,
): string | null {
  if (isUnsummed(day, walk)) return 'readings were delivered without day sums';
  const names = new Set([...walk.days.values()].filter(({ rows }) => rows > 0).map((total) => total.dayColumn));
  if (names.size > 1) return 'the column that orders the readings was changed';
  if (dayColumn !== null && !columnsThere.has(dayColumn)) return `the remote table has no column ${dayColumn} any more`;
  return null;
}
