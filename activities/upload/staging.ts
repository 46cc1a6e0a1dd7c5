import type { QueueTable } from '../../src/model/table.js';
import { ident, idents, relation } from '../../src/postgres/identifier.js';
import type { Statement } from '../../src/postgres/statement.js';

/** The staging table lives as long as its transaction; `pg_temp` keeps it apart from any table of that name. */
export const STAGING = 'pg_temp.meter_sync_staging';

/** A staging table with the types of the remote's own columns, so that values are read there exactly as in the table. */
export function createStaging(readings: QueueTable, columns: readonly string[]): Statement {
  return {
    text: `
      create temporary table meter_sync_staging
      on commit drop
      as select ${idents(columns)} from ${relation(readings.table)} with no data`,
    values: [],
  };
}

/** Inserts the staged readings whose key is not there yet; as COPY does, with their own numbers in identity columns. */
export function insertAbsent(readings: QueueTable, columns: readonly string[]): Statement {
  return {
    text: `
      insert into ${relation(readings.table)} (${idents(columns)})
      overriding system value
      select ${idents(columns, 's')}
      from ${STAGING} as s
      order by ${idents(readings.key, 's')}
      on conflict (${idents(readings.key)}) do nothing`,
    values: [],
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
  return {
    text: `
      select count(*) filter (where c.is_same)::text as same,
        count(*) filter (where not c.is_same)::text as different
      from (
        select (select ${isSameRecord(columns)} from ${present(readings)}) as is_same
        from ${STAGING} as s
        offset 0
      ) as c`,
    values: [],
  };
}

/** Keys of some readings that are there with other content, and which columns differ. For the log alone. */
export function selectConflicts(readings: QueueTable, columns: readonly string[], limitRows: number): Statement {
  const keyTexts = readings.key.map((name) => `s.${ident(name)}::text`).join(', ');
  const names = columns.map((name, at) => `case when not ${isSameRecord([name])} then $${at + 2}::text end`);
  return {
    text: `
      select c.key, c.columns
      from (
        select array_to_json(array[${keyTexts}])::text as key,
          (
            select array_to_json(array_remove(array[${names.join(', ')}], null))::text
            from ${present(readings)} and not ${isSameRecord(columns)}
          ) as columns
        from ${STAGING} as s
        order by ${idents(readings.key, 's')}
        offset 0
      ) as c
      where c.columns is not null
      limit $1::integer`,
    values: [limitRows, ...columns],
  };
}

/** The reading of the remote that has the key of the staged one. */
function present(readings: QueueTable): string {
  const sameKey = readings.key.map((name) => `r.${ident(name)} = s.${ident(name)}`).join(' and ');
  return `${relation(readings.table)} as r where ${sameKey}`;
}

function isSameRecord(columns: readonly string[]): string {
  return `pg_catalog.record_image_eq(row(${idents(columns, 's')}), row(${idents(columns, 'r')}))`;
}
