import type { ChainWalk } from '../../../src/model/chain-walk.js';
import type { Database } from '../../../src/postgres/session.js';
import { findDayColumn } from '../day/day-column.js';
import { type DayAccess, readDayAccess } from '../day/day-index.js';
import { type DaysQuestion, listAsked, type VerifiedDays, withSnapshot } from './days-question.js';
import { verifyDayByDay } from './verify-day-by-day.js';
import { verifyInOnePass } from './verify-in-one-pass.js';

/**
 * Compares the days of a chain with the remote table, and looks for readings on days between and after them: one bounded query a day
 * where an index leads to it or bytes are compared, else, and where the table is small, all in one pass over it. What is compared is one snapshot together with the
 * records that have come since, so an upload that goes on meanwhile is no difference.
 */
export async function verifyDays(remote: Database, walked: ChainWalk, question: DaysQuestion): Promise<VerifiedDays> {
  const { column } = findDayColumn(walked, question.columnsThere);
  if (column !== null && question.isDeep !== true) {
    const access = await withSnapshot(remote, question, (session) =>
      readDayAccess(session, question.readings, column.name),
    );
    const days = listAsked(walked, question).length;
    if (!access.hasIndex || isSmall(access, days)) return verifyInOnePass(remote, walked, question, access);
  }
  return verifyDayByDay(remote, walked, question);
}

/**
 * True for a table that is read sooner than its days are asked for one by one: each costs some trips, the work of 50 blocks.
 * 726 days of 122,000 readings took 8 s along an index and 1 s in one pass (2026-11-28). A few days are quick in either way.
 */
function isSmall({ blocks, parts }: DayAccess, days: number): boolean {
  return days > 50 && blocks > 0 && blocks * parts <= 50 * days;
}
