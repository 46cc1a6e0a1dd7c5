import type { QueueTable } from '../../../src/model/table.js';
import { ident, idents, relation } from '../../../src/postgres/identifier.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';
import { type DayPlan, readingHash, utcDay } from '../../custody/days/day-sums.js';

/** The staging table lives as long as its transaction; `pg_temp` keeps it apart from any table of that name. */
export const STAGING = 'pg_temp.meter_sync_staging';

/** A staging table with the types of the remote's own columns, so that values are read there exactly as in the table. */
export function createStaging(readings: QueueTable, columns: readonly string[]): Statement {
  return plain(`
      create temporary table meter_sync_staging
      on commit drop
      as select ${idents(columns)} from ${relation(readings.table)} with no data`);
}

/**
 * Inserts the staged readings whose key is not there yet; as COPY does, with their own numbers in identity columns.
 * @param which a condition on `s` that chooses some of them; absent: all
 */
export function insertAbsent(readings: QueueTable, columns: readonly string[], which = 'true'): Statement {
  return plain(`
      insert into ${relation(readings.table)} (${idents(columns)})
      overriding system value
      select ${idents(columns, 's')}
      from ${STAGING} as s
      where ${which}
        and not exists (select from ${present(readings)})
      order by ${idents(readings.key, 's')}
      on conflict (${idents(readings.key)}) do nothing`);
}

/** The staged readings that have the key of another one and other content, by their places in the staging table. */
export function selectContradictions(readings: QueueTable, columns: readonly string[]): Statement {
  return plain(`
      select n.meter_sync_place::text as place
      from (select row_number() over (order by s.ctid) as meter_sync_place, s.* from ${STAGING} as s) as n
      where exists (
        select from ${STAGING} as r
        where ${sameKey(readings, 'n', 'r')}
          and not pg_catalog.record_image_eq(row(${idents(columns, 'n')}), row(${idents(columns, 'r')})))`);
}

/** Takes staged readings out by their places. */
export function deleteStaged(places: readonly number[]): Statement {
  return {
    text: `
      delete from ${STAGING} as s
      using (select t.ctid as id, row_number() over (order by t.ctid) as place from ${STAGING} as t) as n
      where s.ctid = n.id
        and n.place = any($1::bigint[])`,
    values: [places],
  };
}

/**
 * How many staged readings are on the remote with exactly this content, and how many with other content.
 *
 * Records are compared by their bytes: `=` takes -0 for 0, 1.0 for 1.00 and two boxes of one area for the same, and json
 * has none. Both sides were stored by this server in the same types, so equal values have equal bytes.
 *
 * Each staged reading is looked up by the unique key that the remote is known to have. A join would need the columns of
 * both tables in one list, which takes 1,664 at most, and could choose to read the whole table.
 */
export function compareStaged(readings: QueueTable, columns: readonly string[]): Statement {
  return plain(`
      select count(*) filter (where c.is_same)::text as same,
        count(*) filter (where not c.is_same)::text as different
      from (
        select (select ${isSameRecord(columns)} from ${present(readings)}) as is_same
        from ${STAGING} as s
        offset 0
      ) as c`);
}

/** The staged readings that are there with other content, by their places, and which columns differ. */
export function selectConflicts(readings: QueueTable, columns: readonly string[], limitRows: number): Statement {
  const names = columns.map((name, at) => `case when not ${isSameRecord([name])} then $${at + 2}::text end`);
  return {
    text: `
      select c.place::text as place, c.columns
      from (
        select s.meter_sync_place as place,
          (
            select array_to_json(array_remove(array[${names.join(', ')}], null))::text
            from ${present(readings)} and not ${isSameRecord(columns)}
          ) as columns
        from (select row_number() over (order by t.ctid) as meter_sync_place, t.* from ${STAGING} as t) as s
        offset 0
      ) as c
      where c.columns is not null
      limit $1::bigint`,
    values: [limitRows, ...columns],
  };
}

/**
 * The days of those staged readings that the remote table has, as it stores them. Each is looked up by its key, since a
 * join could choose to read the whole table.
 */
export function sumPresentDays(readings: QueueTable, plan: DayPlan): Statement {
  return plain(`
      select d.day::text as day, count(*)::text as rows, sum(d.hash)::text as sum
      from (select distinct ${idents(readings.key)} from ${STAGING}) as s
      cross join lateral (
        select ${utcDay(plan.dayColumn, 'r')} as day, ${readingHash(plan.columns, 'r')} as hash
        from ${present(readings)}
        offset 0
      ) as d
      group by d.day
      order by d.day`);
}

/** The same readings in their bytes, as a COPY. */
export function copyPresent(readings: QueueTable, columns: readonly string[]): string {
  return `
      copy (
        select d.*
        from (select distinct ${idents(readings.key)} from ${STAGING}) as s
        cross join lateral (select ${idents(columns, 'r')} from ${present(readings)} offset 0) as d
      ) to stdout (format binary)`;
}

/** The reading of the remote that has the key of the staged one. */
function present(readings: QueueTable): string {
  return `${relation(readings.table)} as r where ${sameKey(readings, 's', 'r')}`;
}

function sameKey({ key }: QueueTable, a: string, b: string): string {
  return key.map((name) => `${a}.${ident(name)} = ${b}.${ident(name)}`).join(' and ');
}

function isSameRecord(columns: readonly string[]): string {
  return `pg_catalog.record_image_eq(row(${idents(columns, 's')}), row(${idents(columns, 'r')}))`;
}
