import type { ChainWalk } from '../../src/model/chain-walk.js';
import type { Database } from '../../src/postgres/session.js';
import { findDayColumn } from './day-column.js';
import { readDayAccess } from './day-index.js';
import { type DaysQuestion, type VerifiedDays, withSnapshot } from './days-question.js';
import { verifyDayByDay } from './verify-day-by-day.js';
import { verifyInOnePass } from './verify-in-one-pass.js';

/**
 * Compares the days of a chain with the remote table, and looks for readings on days between and after them: one bounded query a day
 * where an index leads to it or bytes are compared, else all in one pass over the table. What is compared is one snapshot together with the
 * records that have come since, so an upload that goes on meanwhile is no difference.
 */
export async function verifyDays(remote: Database, walked: ChainWalk, question: DaysQuestion): Promise<VerifiedDays> {
  const { column } = findDayColumn(walked, question.columnsThere);
  if (column !== null && question.isDeep !== true) {
    const access = await withSnapshot(remote, question, (session) =>
      readDayAccess(session, question.readings, column.name),
    );
    if (!access.hasIndex) return verifyInOnePass(remote, walked, question, access);
  }
  return verifyDayByDay(remote, walked, question);
}
