import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { isBefore, isNextDay } from '../../../src/model/day-order.js';
import type { Doubt } from '../../../src/model/doubt.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { walkToEnd } from '../../custody/proof/walk-chain.js';
import { findDayColumn } from '../day/day-column.js';
import { findDayBetween, hashDay, lookAtDay, type Place, readMetersOfDay } from '../day/look-at-day.js';
import { type DayContext, type Verified, type VerifiedDay, verifyDay } from '../day/verify-day.js';
import {
  type DaysQuestion,
  findStart,
  listAsked,
  toContext,
  type VerifiedDays,
  withSnapshot,
} from './days-question.js';

/** Compares one day after the other, each with a query of its own, and looks for readings on days between and after them. */
export async function verifyDayByDay(
  remote: Database,
  walked: ChainWalk,
  question: DaysQuestion,
): Promise<VerifiedDays> {
  const { isStopped, onProgress } = question;
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
      const verified = await withSnapshot(remote, question, async (session) => {
        const walkedOn = await walkToEnd(session, question.siteId, walk);
        if (walkedOn !== walk) asked = listAsked(walkedOn, question);
        walk = walkedOn;
        return verifyNext(session, question, walk, { last, next });
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

/** Compares the next day, one that was delivered or one before it on which there are readings all the same; null: there is none. */
async function verifyNext(
  session: Session,
  question: DaysQuestion,
  walk: ChainWalk,
  { last, next }: { last: string | null | undefined; next: string | null | undefined },
): Promise<Verified | null> {
  const dayColumn = findDayColumn(walk, question.columnsThere);
  const place: Place = { ...question, dayColumn: dayColumn.column };
  const day = await findNext(session, { place, to: question.to, last, next });
  if (day === undefined) return null;
  const hash: DayContext['hash'] = (columns, whose) => hashDay(session, place, { day, columns, whose });
  const context = {
    ...toContext(session, question, { walk, dayColumn, day }),
    look: (asked: Parameters<DayContext['look']>[0]) => lookAtDay(session, place, asked),
    readMeters: () => readMetersOfDay(session, place, day),
    ...(question.isDeep === true ? { hash } : {}),
  };
  return verifyDay(context, day);
}

async function findNext(
  session: Session,
  {
    place: { dayColumn, ...place },
    ...asked
  }: {
    readonly place: Place;
    readonly to: string | null;
    readonly last: string | null | undefined;
    readonly next: string | null | undefined;
  },
): Promise<string | null | undefined> {
  const { to, last, next } = asked;
  if (last === undefined || last === null || dayColumn === null) return next;
  if (typeof next === 'string' && isNextDay(last, next)) return next;
  const found = await findDayBetween(session, { ...place, dayColumn }, { after: last, before: next ?? null });
  if (found === null || (to !== null && isBefore(to, found))) return next;
  return found;
}
