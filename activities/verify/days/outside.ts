import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { sortDays } from '../../../src/model/day-order.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { type Database, run, runAll } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { DayColumn } from '../day/day-column.js';
import { dayAfter, firstOf, type Place, toScope } from '../day/look-at-day.js';
import { type DaysQuestion, withSnapshot } from './days-question.js';

/** How many readings there are, counted as far as `MOST`. */
interface Counted {
  readonly rows: number;
  readonly isAtLeast: boolean;
}

/** Readings on the remote that are no part of the comparison. */
export interface Outside {
  /** The first and the last day that was compared. */
  readonly firstDay: string;
  readonly lastDay: string;
  /** Of the site's meters, before the first day; null: counting them would have taken long. */
  readonly before: Counted | null;
  /** Of meters that the site does not know, or of none, on the days between; null also where no column tells. */
  readonly otherMeters: Counted | null;
}

/** Enough to say that there are many. */
const MOST = 10_000;
const TIMEOUT_MS = 3_000;

/** Counts what a verification of all days does not look at, where that is quick. Null: there is nothing that lies outside. */
export async function lookOutside(
  remote: Database,
  { days }: ChainWalk,
  question: DaysQuestion,
  dayColumn: DayColumn | null,
): Promise<Outside | null> {
  const delivered = sortDays([...days].flatMap(([day, { rows }]) => (rows > 0 ? [day] : [])));
  const plain = delivered.filter((day) => day !== null && !day.endsWith('infinity'));
  const [firstDay, lastDay] = [plain[0], plain.at(-1)];
  if (dayColumn === null || typeof firstDay !== 'string' || typeof lastDay !== 'string') return null;
  const place = { ...question, dayColumn };
  const column = `r.${ident(dayColumn.name)}`;
  const [first, end] = [firstOf(firstDay, dayColumn), dayAfter(lastDay, dayColumn)];
  return {
    firstDay,
    lastDay,
    before: await count(remote, place, 'own', `${column} < ${first}`),
    otherMeters:
      question.scope === null
        ? null
        : await count(remote, place, 'others', `${column} >= ${first} and ${column} < ${end}`),
  };
}

async function count(
  remote: Database,
  place: DaysQuestion & Place,
  whose: 'own' | 'others',
  where: string,
): Promise<Counted | null> {
  const scope = toScope(place, whose);
  try {
    return await withSnapshot(remote, place, async (session) => {
      await runAll(session, [`set local statement_timeout to ${TIMEOUT_MS}`]);
      const [row] = await run<{ rows: string }>(session, {
        text: `
          select count(*)::text as rows
          from (
            select
            from ${relation(place.readings.table)} as r
            where ${where}${scope.text}
            limit ${MOST}
          ) as found`,
        values: scope.values,
      });
      const rows = Number(row?.rows);
      return { rows, isAtLeast: rows === MOST };
    });
  } catch (error) {
    if (error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.queryCanceled) return null;
    throw error;
  }
}
