import type { QueueTable } from '../../src/model/table.js';
import {
  type ChainWalk,
  type DayTotal,
  type Doubt,
  type FoundDay,
  gapBetween,
  isUnsummed,
  judgeDay,
  judgeGap,
  sortDays,
} from '../../src/model/verify.js';
import { type Database, run, type Session } from '../../src/postgres/session.js';
import { setTextForms } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { lookAtDay, type MeterScope, readMetersOfDay } from './look-at-day.js';
import { walkToEnd } from './walk-chain.js';

/** One line of the comparison: what was delivered on a day, and what is there. */
export interface VerifiedDay {
  readonly day: string | null;
  readonly delivered: number;
  /** Null: it was not looked at, since records without day sums reach over this day. */
  readonly found: number | null;
  /** True when only the numbers could be compared, since the columns changed in the course of the day. */
  readonly isCountOnly: boolean;
  readonly isSafe: boolean;
}

/** What was compared, and where it ended. */
export interface VerifiedDays {
  readonly days: readonly VerifiedDay[];
  readonly doubts: readonly Doubt[];
  /** The first day that was not looked at, since somebody stopped; undefined: all were. */
  readonly stoppedAt: string | null | undefined;
}

/** What to compare. */
export interface DaysQuestion {
  readonly siteId: string;
  readonly readings: QueueTable;
  readonly scope: MeterScope | null;
  /** Days `2026-11-22`, both included; null: no bound. */
  readonly from: string | null;
  readonly to: string | null;
  readonly isStopped: () => boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Compares the days of a chain with the remote table, one bounded query a day. Each day is looked at in a snapshot together
 * with the records that have come since, so an upload that goes on meanwhile is no difference.
 */
export async function verifyDays(remote: Database, walked: ChainWalk, question: DaysQuestion): Promise<VerifiedDays> {
  const all = sortDays(walked.days.keys()).filter((day) => isAsked(day, question));
  const days: VerifiedDay[] = [];
  const doubts: Doubt[] = [];
  for (const [at, day] of all.entries()) {
    question.onProgress(at, all.length);
    if (question.isStopped()) return { days, doubts, stoppedAt: day };
    const verified = await withTransaction(remote, { isolation: 'repeatable read, read only' }, async (session) => {
      await run(session, setTextForms());
      const walk = await walkToEnd(session, question.siteId, walked);
      const delivered = walk.days.get(day) ?? NOTHING;
      if (isUnsummed(day, walk)) return { line: toUnprovedLine(day, delivered), doubts: [] };
      return verifyDay(session, question, { day, next: all[at + 1], delivered });
    });
    days.push(verified.line);
    doubts.push(...verified.doubts);
  }
  question.onProgress(all.length, all.length);
  return { days, doubts, stoppedAt: undefined };
}

const NOTHING: DayTotal = { rows: 0, sum: 0n, columns: null, dayColumn: null };

function toUnprovedLine(day: string | null, { rows }: DayTotal): VerifiedDay {
  return { day, delivered: rows, found: null, isCountOnly: true, isSafe: false };
}

async function verifyDay(
  session: Session,
  { readings, scope }: DaysQuestion,
  { day, next, delivered }: { day: string | null; next: string | null | undefined; delivered: DayTotal },
): Promise<{ line: VerifiedDay; doubts: Doubt[] }> {
  const question = { readings, day, delivered, scope };
  const found = await lookAtDay(session, question);
  const doubts = await tell(judgeDay(day, delivered, found), async () => {
    const meters = await readMetersOfDay(session, question);
    return judgeDay(day, delivered, { ...found, meters });
  });
  const line = { day, delivered: delivered.rows, found: found.rows, isCountOnly: delivered.columns === null };
  return {
    line: { ...line, isSafe: doubts.length === 0 },
    doubts: [...doubts, ...(await verifyGap(session, question, next))],
  };
}

/** Readings between this day and the next one that was delivered were not delivered by this site. */
async function verifyGap(
  session: Session,
  question: Parameters<typeof lookAtDay>[1],
  next: string | null | undefined,
): Promise<Doubt[]> {
  const gap = gapBetween(question.day, next);
  const { dayColumn } = question.delivered;
  if (gap === null || dayColumn === null) return [];
  const { columns } = question.delivered;
  const type = columns?.find(({ name }) => name === dayColumn);
  const delivered = { ...NOTHING, dayColumn, columns: type === undefined ? null : [type] };
  const between = { ...question, day: gap.from, until: gap.to, delivered };
  const found: FoundDay = await lookAtDay(session, between);
  return tell(judgeGap(gap, found), async () =>
    judgeGap(gap, { ...found, meters: await readMetersOfDay(session, between) }),
  );
}

/** The meters of a doubt are read only when there is one. */
async function tell(doubt: Doubt | null, inDetail: () => Promise<Doubt | null>): Promise<Doubt[]> {
  if (doubt === null) return [];
  return [(await inDetail()) ?? doubt];
}

function isAsked(day: string | null, { from, to }: DaysQuestion): boolean {
  if (day === null || !/^\d{4}-/.test(day)) return from === null && to === null;
  return (from === null || day >= from) && (to === null || day <= to);
}
