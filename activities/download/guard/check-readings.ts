import { type OwnedTable, type TableRef, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';

/** Whether a table is that of the readings, at most one row; for {@link refuseReadings}. */
export function selectIsReadings({ table }: OwnedTable, readings: TableRef): string {
  const [id, ofReadings] = [table, readings].map((one) => `to_regclass(${literal(relation(one))})`);
  return `select (${id} = ${ofReadings})::text as same`;
}

/**
 * The readings belong to the site, and are uploaded: to download them would bring back what was removed.
 * @param found what {@link selectIsReadings} has answered
 * @throws DatabaseFailure `config` - the two names are of one table
 */
export function refuseReadings({ table }: OwnedTable, [found]: readonly { readonly same: string | null }[]): void {
  if (found?.same !== 'true') return;
  const name = toTableName(table);
  throw new DatabaseFailure('config', `table ${name} holds the readings, and cannot be downloaded`, {
    table: name,
    next: `Take table ${name} out of the tables to download: METER_SYNC_TABLES, METER_SYNC_METERS_TABLE, METER_SYNC_TENANTS_TABLE`,
  });
}

/**
 * To delete a meter may be to delete its readings, also those that are not uploaded yet. No download does that.
 * @throws DatabaseFailure `schema` - a foreign key of the readings, or one on the way to them, follows the delete
 */
export async function checkCascade(here: Session, { table }: OwnedTable, readings: TableRef): Promise<void> {
  const [found] = await run<{ name: string; follows: string }>(here, {
    text: `
      with recursive reached(id) as (
        select to_regclass($1)::oid
        union
        select c.conrelid
        from reached as r
        join pg_catalog.pg_constraint as c on c.confrelid = r.id and c.contype = 'f' and c.confdeltype = 'c'
      )
      select c.conname as name, case c.confdeltype when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end as follows
      from reached as r
      join pg_catalog.pg_constraint as c on c.confrelid = r.id and c.contype = 'f' and c.confdeltype in ('c', 'n', 'd')
      where c.conrelid = to_regclass($2)
      limit 1`,
    values: [relation(table), relation(readings)],
  });
  if (found === undefined) return;
  const [name, queue] = [toTableName(table), toTableName(readings)];
  const message =
    `local database: rows that went away are to be deleted from table ${name}, and constraint ${found.name} of table ${queue} ` +
    `would take or change its readings (on delete ${found.follows}); nothing was changed`;
  throw new DatabaseFailure('schema', message, {
    side: 'local',
    table: name,
    constraint: found.name,
    next: `Make ${found.name} "on delete restrict", or let such rows be deactivated or kept ("gone" of table ${name} in METER_SYNC_TABLES)`,
  });
}
