import { hasIsoForm, isoUtc } from '../../../src/postgres/iso-utc.js';
import { run, type Session } from '../../../src/postgres/session.js';
import {
  type DayFigures,
  type DayPlan,
  type DayRow,
  readingHash,
  selectStored,
  toDaySum,
  utcDay,
} from '../../custody/days/day-sums.js';
import { isWithin, orderInstant, type Queue, rowsOf, type Stretch } from './queue.js';

/** Sums up the readings of a stretch at the site, in the snapshot that they were copied from. */
export async function sumStretch(session: Session, queue: Queue, stretch: Stretch, plan: DayPlan): Promise<DayFigures> {
  const instant = (aggregate: string): string =>
    queue.orderIsTime ? isoUtc(`${aggregate}(v.instant) filter (where ${hasIsoForm('v.instant')})`) : 'null';
  const groups = await run<DayRow & { first: string | null; last: string | null }>(session, {
    text: `
      select d.day::text as day, d.rows::text as rows, d.sum::text as sum, d.first, d.last
      from (
        select v.day, count(*) as rows, sum(v.hash) as sum, ${instant('min')} as first, ${instant('max')} as last
        from (
          select ${plan.sums ? utcDay(plan.dayColumn, 's') : 'null::date'} as day,
            ${plan.sums ? readingHash(plan.columns, 's', plan.isUtf8) : 'null::bigint'} as hash,
            ${queue.orderIsTime ? orderInstant(queue) : 'null::timestamptz'} as instant
          from ${rowsOf(queue)} as r
          cross join lateral (select ${plan.sums ? selectStored(plan.sent) : ''}) as s
          where ${isWithin(queue, stretch)}
          offset 0 -- else whole rows are sorted by day
        ) as v
        group by v.day
      ) as d
      order by d.day`,
    values: [],
  });
  const days = groups.map(toDaySum);
  return {
    rows: days.reduce((sum, { rows }) => sum + rows, 0),
    days: plan.sums ? days : null,
    firstTimestamp: groups.find(({ first }) => first !== null)?.first ?? null, // a day may be infinite, or none
    lastTimestamp: groups.findLast(({ last }) => last !== null)?.last ?? null,
  };
}
