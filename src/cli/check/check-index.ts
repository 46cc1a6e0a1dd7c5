import { createIndex, indexColumns, indexesQueue } from '../../../activities/upload/queue/queue-index.js';
import { type QueueTable, toTableName } from '../../model/table.js';
import { relation } from '../../postgres/identifier.js';
import { type Database, run } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';

/** Without it each batch sorts the whole queue: no matter for a thousand readings, and minutes for ten million. */
export async function checkIndex(database: Database, readings: QueueTable, findings: Findings): Promise<void> {
  const { table } = readings;
  const rows = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    run<IndexRow>(session, selectIndexes(readings)),
  );
  const wanted = indexColumns(readings);
  const serves = ({ columns }: IndexRow): boolean => {
    const found = JSON.parse(columns) as string[];
    return wanted.every((name, at) => found[at] === name);
  };
  if (rows.some((row) => row.columns !== '[]' && serves(row))) {
    return findings.ok(`${toTableName(table)}: an index gives the queue in its order`);
  }
  const isPartitioned = rows.some((row) => row.is_partitioned === 'true');
  findings.warning(
    `${toTableName(table)}: no index on (${wanted.join(', ')}); a long queue is sorted anew for each batch`,
    isPartitioned
      ? `Run in the local database, at a time when nothing is written, which it holds up: ${createIndex(readings, '')}`
      : `Run in the local database: ${createIndex(readings, 'concurrently ')}`,
  );
}

interface IndexRow {
  /** A JSON array; an empty one comes from the table itself, so that there is always a row. */
  readonly columns: string;
  readonly is_partitioned: string;
}

/**
 * The columns of each index that can give the queue in its order: of all rows or of the queued ones, in one direction,
 * and by the types' own order. A column beside these does no harm.
 */
function selectIndexes(readings: QueueTable): Statement {
  const { table, flag } = readings;
  return {
    text: `
      select coalesce(array_to_json(array(
          select coalesce(a.attname, '')
          from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k(attnum, position)
          left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
          order by k.position))::text, '[]') as columns,
        (t.relkind = 'p')::text as is_partitioned
      from pg_catalog.pg_class t
      left join (
        pg_catalog.pg_index i
        join pg_catalog.pg_class c on c.oid = i.indexrelid
        join pg_catalog.pg_am m on m.oid = c.relam and m.amname = 'btree'
      ) on i.indrelid = t.oid
        and i.indisvalid
        and ${indexesQueue('i', '$2', readings)}
        and (0 = all (i.indoption::smallint[]) or 3 = all (i.indoption::smallint[]))
        and not exists (
          select from unnest(i.indclass::oid[]) as k(id)
          join pg_catalog.pg_opclass o on o.oid = k.id
          where not o.opcdefault)
      where t.oid = to_regclass($1)::oid
      order by i.indexrelid`,
    values: [relation(table), flag],
  };
}
