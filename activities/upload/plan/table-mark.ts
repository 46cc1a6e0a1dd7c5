import { type QueueTable, type TableRef, toTableName } from '../../../src/model/table.js';
import type { Side } from '../../../src/model/failures.js';
import { columnsDigest, columnsOfParts } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain } from '../../../src/postgres/statement.js';

/** A table that is no longer what a run was planned for. Nothing of the batch has moved; a new plan is made of what it is now. */
export class TableChanged extends DatabaseFailure {
  constructor(side: Side, { table: ref }: QueueTable) {
    const table = toTableName(ref);
    super('busy', `${side} database: table ${table} was changed while it was being uploaded; it is read anew`, {
      side,
      table,
    });
  }
}

/**
 * A mark of a table as SQL: another one when what a plan is made of changes and no statement would fail by itself. Those are
 * its columns, or those of a table that inherits; which table it is, and of which kind; its indexes, without which a key may be
 * there twice; its triggers and its parts, which may make batches wait for one another; its grants, some of which only a later
 * batch needs; the server's version.
 */
function markOf(table: TableRef): string {
  const id = `to_regclass(${literal(relation(table))})`;
  const facts = [
    columnsDigest(table),
    columnsOfParts(id),
    `(select concat(oid,relkind,relpersistence,relacl) from pg_catalog.pg_class where oid=${id})`,
    `(select string_agg(concat(attnum,attacl),','order by attnum) from pg_catalog.pg_attribute where attrelid=${id} and attacl is not null)`,
    `(select string_agg(concat_ws(',',indexrelid,indisunique,indisvalid,indimmediate,indisexclusion,indkey,indnkeyatts,indpred is null,indexprs is null),';'order by indexrelid) from pg_catalog.pg_index where indrelid=${id})`,
    `(select string_agg(concat(oid,tgenabled),','order by oid) from pg_catalog.pg_trigger where tgrelid=${id})`,
    `(select string_agg(inhrelid::text,','order by inhrelid) from pg_catalog.pg_inherits where inhparent=${id})`,
    `current_setting('server_version_num')`,
  ];
  return `md5(concat_ws('|',${facts.join(',')}))`;
}

/** The mark as the only row of a statement's answer, for {@link checkMark}. */
export function selectMark(table: TableRef): string {
  return `select ${markOf(table)} as mark`;
}

/** That mark in a transaction's snapshot. */
export async function readMark(session: Session, table: TableRef): Promise<string> {
  const [row] = await run<{ mark: string }>(session, plain(selectMark(table)));
  return row?.mark ?? '';
}

/**
 * Makes sure that the site's table is still what a run was planned for. A reading that was written with a new column would
 * else leave without it, and be removed.
 * @param found what {@link selectMark} has answered in the snapshot of a batch
 * @throws TableChanged
 */
export function checkMark(found: readonly unknown[] = [], readings: QueueTable, planned: string): void {
  const [row] = found as readonly { readonly mark: string }[];
  if (row?.mark !== planned) throw new TableChanged('local', readings);
}

/**
 * Commits at the remote with a check that its table is still what a run was planned for: COPY would round into a column that
 * has become narrower since, in silence. Whoever has written into the table holds it until the commit, so nothing changes
 * between the check and that.
 * @param commit runs the check's statement in the message of its commit, which costs no trip
 * @throws TableChanged
 */
export async function commitAsPlanned<Result>(
  { readings, marks }: { readonly readings: QueueTable; readonly marks: Readonly<Record<Side, string>> },
  commit: (check: string) => Promise<Result>,
): Promise<Result> {
  // Without a function of ours a statement can fail by itself with few codes; this one is of no data, so of no reading.
  const isOther = `${markOf(readings.table)} <> ${literal(marks.remote)}`;
  const check = `select case when ${isOther} then current_setting('meter_sync.is_changed') end`;
  try {
    return await commit(check);
  } catch (error) {
    if (isChanged(error)) throw new TableChanged('remote', readings);
    throw error;
  }
}

function isChanged(error: unknown): boolean {
  return error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.undefinedObject && !error.isOfRow;
}
